package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// process is one line of the system's process table.
type process struct {
	pid, group int
	command    string
}

// daemon is a program of the local stack that outlives the command that started it. It leads a
// process group. Everything that it starts stays in the group, so the group shows whether
// anything still runs.
type daemon struct {
	dir  string
	env  []string // the whole environment
	log  string   // the file for its output
	name string
	args []string
}

// start starts the program and returns the ID of its process group.
func (d daemon) start() (int, error) {
	out, err := os.OpenFile(d.log, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return 0, err
	}
	defer out.Close()
	cmd := exec.Command(d.name, d.args...)
	cmd.Dir = d.dir
	cmd.Env = d.env
	cmd.Stdout, cmd.Stderr = out, out
	// In a new session it does not get the terminal's Ctrl-C and hang-up.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("start %s: %w", filepath.Base(d.name), err)
	}
	go func() { _ = cmd.Wait() }() // collects it if it ends before this command does
	return cmd.Process.Pid, nil
}

// members returns the running processes of a group, or none if no process of the group runs from
// the repository: after a restart of the machine, the number may belong to another program.
func (l Layout) members(group int) ([]process, error) {
	if group <= 1 {
		return nil, nil
	}
	all, err := processes()
	if err != nil {
		return nil, err
	}
	var members []process
	owned := false
	for _, p := range all {
		if p.group == group {
			members = append(members, p)
			owned = owned || l.owns(p)
		}
	}
	if !owned {
		return nil, nil
	}
	return members, nil
}

// owns reports whether a process runs from the repository. A process that has just been started
// has no command line yet, so it counts too.
func (l Layout) owns(p process) bool {
	return p.command == "" || strings.Contains(p.command, l.Root+string(filepath.Separator))
}

// alive reports whether the group's leader runs.
func (l Layout) alive(group int) bool {
	members, err := l.members(group)
	if err != nil {
		return false
	}
	for _, p := range members {
		if p.pid == group {
			return true
		}
	}
	return false
}

// stopGroup sends SIGTERM to the leader, which then ends what it started. It kills what is left
// of the group after timeout, or once the leader has ended.
func (l Layout) stopGroup(ctx context.Context, group int, timeout time.Duration) error {
	members, err := l.members(group)
	if err != nil || len(members) == 0 {
		return err
	}
	if err := syscall.Kill(group, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stop process %d: %w", group, err)
	}
	deadline := time.Now().Add(timeout)
	for killed := false; ; {
		members, err := l.members(group)
		if err != nil || len(members) == 0 {
			return err
		}
		leaderAlive := members[0].pid == group || l.alive(group)
		if !killed && (time.Now().After(deadline) || !leaderAlive) {
			// Children that outlive their leader would never be stopped.
			if err := syscall.Kill(-group, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("kill process group %d: %w", group, err)
			}
			killed = true
			deadline = time.Now().Add(max(timeout, 10*time.Second)) // a busy machine takes time to end a killed process
		}
		if killed && time.Now().After(deadline) {
			return fmt.Errorf("process group %d still runs after SIGKILL: %s", group, members[0].command)
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

// tail returns up to size bytes from the end of a file, for error messages.
func tail(path string, size int64) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	buf := make([]byte, min(size, info.Size()))
	n, _ := f.ReadAt(buf, info.Size()-int64(len(buf)))
	return strings.TrimSpace(string(buf[:n]))
}
