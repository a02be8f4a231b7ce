package stack

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// command is a program to run to its end. What it prints is kept, and shown only if it fails.
type command struct {
	dir  string
	env  []string // all of it; nil is this process's own
	name string
	args []string
}

// outputShown is how much of a failed program's output an error carries: its end says why.
const outputShown = 4 << 10

func (c command) run(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, c.name, c.args...)
	cmd.Dir = c.dir
	cmd.Env = c.env
	// npm and the CDK CLI start programs of their own: an interrupt has to reach those too.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return "", err
	}
	err := cmd.Wait()
	text := out.String()
	if err == nil {
		return text, nil
	}
	if ctx.Err() != nil {
		// Some of what it started takes no hint.
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		return text, ctx.Err()
	}
	tail := text
	if len(tail) > outputShown {
		tail = "... " + tail[len(tail)-outputShown:]
	}
	return text, fmt.Errorf("%s %s: %w\n%s", filepath.Base(c.name), strings.Join(c.args, " "), err, strings.TrimSpace(tail))
}
