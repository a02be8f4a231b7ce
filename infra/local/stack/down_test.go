package stack

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

func TestDownStatusAndEnvWithoutAnInstance(t *testing.T) {
	t.Parallel()
	l := Layout{Root: t.TempDir()}
	var out bytes.Buffer
	if err := Down(t.Context(), l, "run", &out); err != nil || !strings.Contains(out.String(), "no instance run") {
		t.Errorf("down: got %q, %v", out.String(), err)
	}
	out.Reset()
	if err := Status(l, &out); err != nil || !strings.Contains(out.String(), "no instance") {
		t.Errorf("status: got %q, %v", out.String(), err)
	}
	if err := PrintEnv(l, "run", &out); err == nil || !strings.Contains(err.Error(), "up -name run") {
		t.Errorf("env: got %v, want the command that starts it", err)
	}
}

// After a crash or a restart of the machine, the state file names processes that no longer exist.
func TestDownAfterACrashRemovesTheStateAndKeepsTheLogs(t *testing.T) {
	t.Parallel()
	l := Layout{Root: t.TempDir()}
	in, err := Open(l, "run")
	if err != nil {
		t.Fatal(err)
	}
	write(t, in.Dir("lock"), "")
	write(t, in.Dir("env"), "")
	write(t, filepath.Join(in.Dir("logs"), "localstack.log"), "why it crashed")
	if err := in.update(func() { in.LocalStack, in.Seller = 1<<30, 1<<30+1 }); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := Status(l, &out); err != nil || !strings.Contains(out.String(), "down") {
		t.Errorf("status: got %q, %v", out.String(), err)
	}
	if err := Down(t.Context(), l, "run", &out); err != nil {
		t.Fatal(err)
	}
	if exists(in.Dir("instance.json")) || exists(in.Dir("env")) || !exists(in.Dir("logs", "localstack.log")) {
		t.Error("want the state removed and the logs kept")
	}
}

func TestLogsFindsFilesByPartOfTheirName(t *testing.T) {
	t.Parallel()
	l := Layout{Root: t.TempDir()}
	logs := l.local("run", "logs")
	write(t, filepath.Join(logs, "seller.log"), "of the seller\n")
	write(t, filepath.Join(logs, "functions", "AdcpOrchestrator-SubmitFunction1.log"), "of submit\n")
	for _, c := range []struct{ name, want string }{
		{"", "seller.log\n"}, {"submit", "of submit\n"}, {"seller", "of the seller\n"},
	} {
		var out bytes.Buffer
		if err := Logs(l, "run", c.name, &out); err != nil || !strings.Contains(out.String(), c.want) {
			t.Errorf("%q: got %q, %v", c.name, out.String(), err)
		}
	}
	if err := Logs(l, "run", "poll", &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "poll") {
		t.Errorf("got %v", err)
	}
}
