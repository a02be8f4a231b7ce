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

// process is a line of the system's process table.
type process struct {
	pid, group int
	command    string
}

// daemon is a program of the local stack that goes on after the command that started it, as the leader of a process group. All that it
// starts stays in the group, so the group tells whether anything of it is left.
type daemon struct {
	dir  string
	env  []string // all of it
	log  string   // its output
	name string
	args []string
}

// start returns the group's id.
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
	// A session of its own: the terminal's Ctrl-C and hang-up are not meant for it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("start %s: %w", filepath.Base(d.name), err)
	}
	go func() { _ = cmd.Wait() }() // collects it if it ends while we are here
	return cmd.Process.Pid, nil
}

// members are the living processes of a group. The group counts only if one of them runs from the repository: after a restart of the
// machine the number may be another program's.
func (l Layout) members(group int) ([]process, error) {
	if group <= 1 {
		return nil, nil
	}
	all, err := processes()
	if err != nil {
		return nil, err
	}
	var members []process
	ours := false
	for _, p := range all {
		if p.group == group {
			members = append(members, p)
			ours = ours || l.owns(p)
		}
	}
	if !ours {
		return nil, nil
	}
	return members, nil
}

// owns tells whether a process runs from the repository. One that has just been started has no command line yet.
func (l Layout) owns(p process) bool {
	return p.command == "" || strings.Contains(p.command, l.Root+string(filepath.Separator))
}

// alive tells whether the group's leader runs.
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

// stopGroup asks the leader to end, which ends what it started, and after patience kills whatever of the group is left.
func (l Layout) stopGroup(ctx context.Context, group int, patience time.Duration) error {
	members, err := l.members(group)
	if err != nil || len(members) == 0 {
		return err
	}
	if err := syscall.Kill(group, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("end process %d: %w", group, err)
	}
	deadline := time.Now().Add(patience)
	for killed := false; ; {
		members, err := l.members(group)
		if err != nil || len(members) == 0 {
			return err
		}
		leaderLeft := members[0].pid == group || l.alive(group)
		if !killed && (time.Now().After(deadline) || !leaderLeft) {
			// Children that outlive their leader have nobody to end them.
			if err := syscall.Kill(-group, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("kill process group %d: %w", group, err)
			}
			killed = true
			deadline = time.Now().Add(max(patience, 10*time.Second)) // on a busy machine even a killed process takes its time
		}
		if killed && time.Now().After(deadline) {
			return fmt.Errorf("process group %d is still there after SIGKILL: %s", group, members[0].command)
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

// tail is the end of a file, for error messages.
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
