package stack

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// startScript starts a shell script in the layout's root as a daemon and returns its process group.
func startScript(t *testing.T, l Layout, text string) int {
	t.Helper()
	script := filepath.Join(l.Root, "script.sh")
	write(t, script, text)
	group, err := daemon{
		dir:  l.Root,
		env:  os.Environ(),
		log:  filepath.Join(l.Root, "log"),
		name: "/bin/sh",
		args: []string{script},
	}.start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.stopGroup(context.Background(), group, 0); err != nil {
			t.Error(err)
		}
	})
	return group
}

// await waits until done returns true, for at most 20 s.
func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 20 s", what)
		}
		if err := sleep(t.Context(), 5*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
}

func TestStopGroupLeavesNoChild(t *testing.T) {
	t.Parallel()
	l := Layout{Root: t.TempDir()}
	group := startScript(t, l, "sleep 600 &\nsleep 600 &\nwait\n")
	await(t, "three processes", func() bool {
		members, err := l.members(group)
		return err == nil && len(members) == 3
	})
	if !l.alive(group) {
		t.Error("the leader is not alive")
	}
	if err := l.stopGroup(t.Context(), group, time.Minute); err != nil {
		t.Fatal(err)
	}
	if members, err := l.members(group); err != nil || len(members) != 0 || l.alive(group) {
		t.Errorf("left: %v, %v", members, err)
	}
}

func TestStopGroupKillsAProcessThatIgnoresSIGTERM(t *testing.T) {
	t.Parallel()
	l := Layout{Root: t.TempDir()}
	group := startScript(t, l, "trap '' TERM\necho trapped\nwhile :; do sleep 1; done\n")
	await(t, "the trap", func() bool {
		return strings.Contains(tail(filepath.Join(l.Root, "log"), 100), "trapped")
	})
	if err := l.stopGroup(t.Context(), group, 10*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if l.alive(group) {
		t.Error("it is still alive")
	}
}

// The number in a state file may belong to another program by now.
func TestStopGroupLeavesAnotherProgramsGroupAlone(t *testing.T) {
	t.Parallel()
	owner, stranger := Layout{Root: t.TempDir()}, Layout{Root: t.TempDir()}
	group := startScript(t, owner, "sleep 600\n")
	await(t, "the process", func() bool { return owner.alive(group) })
	if err := stranger.stopGroup(t.Context(), group, 0); err != nil {
		t.Fatal(err)
	}
	if stranger.alive(group) || !owner.alive(group) {
		t.Error("the group was stopped by a repository that does not own it")
	}
}

func TestChoosePortsFindsFreeOnesAndReportsTakenOnes(t *testing.T) {
	t.Parallel()
	p, err := choosePorts(t.Context(), 0)
	if err != nil || p.LocalStack == p.SellerMCP || p.SellerMCP == p.SellerHTTP || p.LocalStack == 0 {
		t.Errorf("got %+v, %v", p, err)
	}
	taken, err := net.Listen("tcp", loopback(0))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, err = choosePorts(t.Context(), taken.Addr().(*net.TCPAddr).Port)
	if err == nil || !strings.Contains(err.Error(), "-port") {
		t.Errorf("got %v, want an error that says how to choose another port", err)
	}
}

func TestLockWaitsForItsHolder(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a", "lock")
	silent := NewProgress(io.Discard)
	unlock, err := lock(t.Context(), path, silent)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := lock(ctx, path, silent); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v while the lock is held", err)
	}
	unlock()
	if unlock, err = lock(t.Context(), path, silent); err != nil {
		t.Fatal(err)
	}
	unlock()
}

func TestFailedCommandReturnsTheEndOfItsOutput(t *testing.T) {
	t.Parallel()
	_, err := command{name: "/bin/sh", args: []string{"-c", "echo the reason; exit 3"}}.run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "the reason") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = command{name: "/bin/sh", args: []string{"-c", "sleep 600"}}.run(ctx)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// A process that has just been started has no command line for a moment. Without this rule it
// would not count as owned, and so as ended.
func TestProcessWithoutCommandLineCountsAsOwned(t *testing.T) {
	t.Parallel()
	l := Layout{Root: "/home/me/repository"}
	for command, want := range map[string]bool{
		"":                                    true,
		"node /home/me/repository/seller.mjs": true,
		"node /home/me/other/seller.mjs":      false,
		"/home/me/repository-2/x":             false,
	} {
		if got := l.owns(process{command: command}); got != want {
			t.Errorf("%q: %v", command, got)
		}
	}
}
