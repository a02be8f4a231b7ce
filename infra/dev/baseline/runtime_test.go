package baseline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// invocationTimeout is longer than any function of these tests takes.
const invocationTimeout = 30 * time.Second

// functionTimeout is what is left of a function's own timeout, as it is told: that of dispatch.
const functionTimeout = 5 * time.Minute

// function is a function's process. It takes its invocations from a Lambda Runtime API of its own.
type function struct {
	invocations chan []byte
	answers     chan answer
	ended       chan struct{}
	output      *bytes.Buffer // complete when ended is closed
}

// answer is what a function answers, or its error.
type answer struct {
	body   []byte
	failed bool
}

// start runs a function of a build until the test ends.
func start(t *testing.T, b build, name string, env []string) *function {
	t.Helper()
	f := &function{
		invocations: make(chan []byte), answers: make(chan answer, 1), ended: make(chan struct{}), output: &bytes.Buffer{},
	}
	api := httptest.NewServer(f)
	cmd := exec.Command(filepath.Join(b.dir, name, "bootstrap"))
	cmd.Env = append(env, "AWS_LAMBDA_RUNTIME_API="+api.Listener.(*net.TCPListener).Addr().String(),
		"AWS_LAMBDA_FUNCTION_NAME="+name)
	cmd.Stdout, cmd.Stderr = f.output, f.output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = cmd.Wait()
		close(f.ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-f.ended
		api.CloseClientConnections()
		api.Close()
		if t.Failed() {
			t.Logf("%s of %s:\n%s", name, b.name, f.output)
		}
	})
	return f
}

// invoke runs the function once. It returns the function's own error as an error.
func (f *function) invoke(payload []byte) (json.RawMessage, error) {
	timeout := time.NewTimer(invocationTimeout)
	defer timeout.Stop()
	select {
	case f.invocations <- payload:
	case a := <-f.answers: // it could not begin
		return nil, errors.New(string(a.body))
	case <-f.ended:
		return nil, fmt.Errorf("the function ended: %s", f.output)
	case <-timeout.C:
		return nil, errors.New("the function did not begin")
	}
	select {
	case a := <-f.answers:
		if a.failed {
			return nil, errors.New(string(a.body))
		}
		return a.body, nil
	case <-f.ended:
		return nil, fmt.Errorf("the function ended: %s", f.output)
	case <-timeout.C:
		return nil, errors.New("the function did not answer")
	}
}

// ServeHTTP is the Lambda Runtime API, 2018-06-01, as far as a function needs it.
func (f *function) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		select {
		case payload := <-f.invocations:
			deadline := time.Now().Add(functionTimeout).UnixMilli()
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", "invocation")
			w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(deadline, 10))
			w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:000000000000:function:f")
			_, _ = w.Write(payload)
		case <-r.Context().Done():
		case <-f.ended:
		}
		return
	}
	body, _ := io.ReadAll(r.Body)
	w.WriteHeader(http.StatusAccepted)
	f.answers <- answer{body, strings.HasSuffix(r.URL.Path, "/error")}
}
