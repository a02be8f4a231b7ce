package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"adcp-orchestrator/infra/local/stack"
)

const (
	startTimeout = 2 * time.Minute
	stopTimeout  = time.Minute // the SAM CLI removes its containers when it stops
)

// useFunc uses the API at the address base while it is served. env has the local stack's variables.
type useFunc func(ctx context.Context, base string, env map[string]string) error

// serve runs `sam local start-api` until ctx ends, or until use returns. A nil use never does.
func (s session) serve(ctx context.Context, port int, use useFunc) error {
	if err := checkDocker(ctx); err != nil {
		return err
	}
	env, err := stackEnv(s.layout)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	cli, err := s.install(ctx)
	if err != nil {
		return err
	}
	build, err := stack.LambdaBuild(s.layout, runtime.GOARCH)
	if err != nil {
		return err
	}
	if err := stack.BuildFunctions(ctx, s.layout, build, stack.NewProgress(s.out)); err != nil {
		return err
	}
	pulled, err := s.ensureImage(ctx)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	endpoint, err := relay(ctx, env["AWS_ENDPOINT_URL"])
	if err != nil {
		return err
	}
	template, vars, err := s.write(env, endpoint)
	if err != nil {
		return err
	}
	if port == 0 {
		if port, err = freePort(); err != nil {
			return err
		}
	}
	args := []string{
		"local", "start-api", "--template", template, "--env-vars", vars,
		"--host", "127.0.0.1", "--port", strconv.Itoa(port), "--warm-containers", "LAZY",
	}
	if !pulled {
		args = append(args, "--skip-pull-image")
	}
	log, err := s.log(use == nil)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.CommandContext(ctx, cli, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.dir, s.environ(), log, log
	// SIGTERM lets the CLI remove its warm containers; SIGKILL would leave them behind. The CLI has
	// its own process group, so that the terminal's Ctrl-C does not reach it a second time.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopTimeout
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()

	base := "http://127.0.0.1:" + strconv.Itoa(port)
	if err := waitForAnswer(ctx, base, ended); err != nil {
		stop()
		return fmt.Errorf("sam local start-api: %w; see %s", err, filepath.Join(s.dir, "sam.log"))
	}
	s.printf("the API is served at %s", base)
	if use != nil {
		err = use(ctx, base, env)
		stop()
		<-ended
		return err
	}
	err = <-ended
	if ctx.Err() != nil {
		return nil // interrupted
	}
	return fmt.Errorf("sam local start-api ended unexpectedly: %w", err)
}

// log opens the file that the SAM CLI and the functions write to. If show is set, they write to the
// terminal as well.
func (s session) log(show bool) (io.WriteCloser, error) {
	file, err := os.Create(filepath.Join(s.dir, "sam.log"))
	if err != nil || !show {
		return file, err
	}
	return struct {
		io.Writer
		io.Closer
	}{io.MultiWriter(file, s.out), file}, nil
}

// waitForAnswer waits for the API's first answer, whatever its status.
func waitForAnswer(ctx context.Context, base string, ended chan error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, base, nil)
		if err != nil {
			return err
		}
		if res, err := client.Do(req); err == nil {
			return res.Body.Close()
		}
		select {
		case err := <-ended:
			ended <- err
			return errors.Join(errors.New("it ended"), err)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// client uses no proxy, because it connects to loopback only.
var client = &http.Client{Transport: &http.Transport{Proxy: nil}, Timeout: 30 * time.Second}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}
