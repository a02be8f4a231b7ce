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

// command is a program to run to its end. Its output is collected, and shown only if it fails.
type command struct {
	dir  string
	env  []string // the whole environment; nil means this process's own
	name string
	args []string
}

// maxOutput limits, in bytes, how much of a failed program's output an error holds. The end is
// kept, because it has the reason.
const maxOutput = 4 << 10

func (c command) run(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, c.name, c.args...)
	cmd.Dir = c.dir
	cmd.Env = c.env
	// npm and the CDK CLI start more programs: an interrupt must reach those too.
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
		// Some of the programs that it started ignore SIGTERM.
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		return text, ctx.Err()
	}
	tail := text
	if len(tail) > maxOutput {
		tail = "... " + tail[len(tail)-maxOutput:]
	}
	line := filepath.Base(c.name) + " " + strings.Join(c.args, " ")
	return text, fmt.Errorf("%s: %w\n%s", line, err, strings.TrimSpace(tail))
}
