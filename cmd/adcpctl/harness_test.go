package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain makes the test binary adcpctl itself, for tests that run it as a process.
func TestMain(m *testing.M) {
	if os.Getenv("ADCPCTL_TEST_RUN") == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	a := system()
	a.now, a.zone, a.keychain = clock, time.UTC, nil
	a.openTTY = func() (io.ReadCloser, error) { return nil, errors.New("no terminal") }
	if os.Getenv("ADCPCTL_TEST_TERMINAL") != "" { // in and out are taken for terminals
		a.inTTY, a.outTTY, a.width, a.rawKeys = true, true, 100, nil
	}
	code := run(ctx, a, os.Args[1:])
	stop()
	os.Exit(code)
}

// cli is adcpctl with a home of its own.
type cli struct {
	t      *testing.T
	home   string
	server *server
	env    []string
}

func newCLI(t *testing.T, s *server) *cli {
	t.Helper()
	c := &cli{t: t, home: t.TempDir(), server: s}
	c.env = []string{"ADCPCTL_TEST_RUN=1", "HOME=" + c.home, "ADCPCTL_API=" + s.URL, "ADCPCTL_KEY=" + s.key, "NO_COLOR=1",
		"GORACE=atexit_sleep_ms=0"}
	return c
}

// command is adcpctl as a process.
func (c *cli) command(stdin string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(c.t.Context(), os.Args[0], args...)
	cmd.Env, cmd.Dir, cmd.Stdin = c.env, c.home, strings.NewReader(stdin)
	return cmd
}

// result is what a run came to.
type result struct {
	out, err string
	code     int
}

// run runs adcpctl to its end.
func (c *cli) run(args ...string) result { return c.with("", args...) }

// with is run with a text on stdin.
func (c *cli) with(stdin string, args ...string) result {
	c.t.Helper()
	cmd := c.command(stdin, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		c.t.Fatal(err)
	}
	return result{c.mask(out.String()), c.mask(errs.String()), cmd.ProcessState.ExitCode()}
}

// want fails the test unless a run has an exit code.
func (r result) want(t *testing.T, code int) result {
	t.Helper()
	if r.code != code {
		t.Errorf("exit %d, want %d\n%s%s", r.code, code, r.out, r.err)
	}
	return r
}

// file writes a file into the home.
func (c *cli) file(name, content string) string {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(c.home, name), []byte(content), 0o600); err != nil {
		c.t.Fatal(err)
	}
	return name
}

var operationIDs = regexp.MustCompile(`op_[a-z2-7]{26}`)

// secrets are API keys, and the secrets of webhook endpoints.
var secrets = regexp.MustCompile(`(adcp_acme|whsec)_[A-Za-z0-9_+/-]{43}=?`)

// mask replaces what differs from run to run, the server's address and ids that it makes, and
// secrets.
func (c *cli) mask(text string) string {
	text = strings.ReplaceAll(text, c.server.URL, "https://api.example/live")
	text = strings.ReplaceAll(text, strings.TrimPrefix(c.server.URL, "http://"), "api.example")
	text = strings.ReplaceAll(text, runtime.GOOS+"/"+runtime.GOARCH, "linux/amd64")
	text = secrets.ReplaceAllString(text, "${1}_SECRET")
	known := append([]string{opUnknown}, all...)
	return operationIDs.ReplaceAllStringFunc(text, func(id string) string {
		for _, k := range known {
			if id == k {
				return id
			}
		}
		return "op_new"
	})
}

// buy is the body of a submission.
const buy = `{"agent_id": "seller", "type": "create_media_buy", "request": ` + buyRequest + `}`
