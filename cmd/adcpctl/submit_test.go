package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// TestKilledSubmitBuysOnce kills adcpctl at any point of a submission and runs it again: one
// purchase each time, whether the request had arrived or its answer had left.
func TestKilledSubmitBuysOnce(t *testing.T) {
	t.Parallel()
	runs := 100
	if testing.Short() {
		runs = 12
	}
	s := newServer(t)
	c := newCLI(t, s)
	kinds := map[string]int{}
	for i := range runs {
		file := c.file(fmt.Sprintf("buy%d.json", i), strings.Replace(buy, "acct_a", fmt.Sprintf("acct_%d", i), 1))
		where := []string{"before it arrives", "before its answer", "two at once"}[i%3]
		kinds[where]++
		var second *exec.Cmd
		victim := c.command("", "submit", file)
		var killed sync.Once
		started := make(chan struct{})
		kill := func(route string) bool {
			if route == "POST /v1/operations" {
				<-started
				killed.Do(func() { _ = victim.Process.Kill() })
			}
			return route != "POST /v1/operations"
		}
		switch where {
		case "before it arrives":
			s.hook(func(route string, _ []byte) bool { return kill(route) }, nil)
		case "before its answer":
			s.hook(nil, kill)
		default:
			second = c.command("", "submit", file, "-y", "-o", "id")
		}
		if second == nil {
			if err := victim.Start(); err != nil {
				t.Fatal(err)
			}
			close(started)
			if err := victim.Wait(); err == nil {
				t.Fatalf("run %d: it was not killed", i)
			}
		} else { // both get through, with one key
			if err := victim.Start(); err != nil {
				t.Fatal(err)
			}
			if out, err := second.CombinedOutput(); err != nil {
				t.Fatalf("run %d: %v\n%s", i, err, out)
			}
			_ = victim.Wait()
		}
		s.hook(nil, nil)
		got := c.run("submit", file, "-y", "-o", "json").want(t, 0)
		var op struct {
			ID string `json:"id"`
		}
		if json.Unmarshal([]byte(got.out), &op) != nil || op.ID == "" {
			t.Fatalf("run %d: %s", i, got.out)
		}
	}
	counts, err := s.store.CountOpen(t.Context())
	if err != nil || counts["acme"] != int64(runs) { // the world's own are not on the index of what is due
		t.Errorf("%d purchases of %d, %v", counts["acme"], runs, err)
	}
	t.Logf("%d runs, %d purchases: %v", runs, counts["acme"], kinds)
}

func TestKeyIsOnTheDiskBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := newCLI(t, s)
	kept, requests := 0, 0
	var counting sync.Mutex
	s.hook(func(string, []byte) bool {
		counting.Lock()
		defer counting.Unlock()
		requests++
		if files, _ := filepath.Glob(filepath.Join(c.home, ".local/state/adcpctl/submissions/*.json")); len(files) == 1 {
			kept++
		}
		return true
	}, nil)
	c.run("submit", c.file("buy.json", buy)).want(t, 0)
	counting.Lock()
	defer counting.Unlock()
	if kept == 0 || kept != requests {
		t.Errorf("kept before %d of %d requests", kept, requests)
	}
}

func TestSecondSubmitAsks(t *testing.T) {
	t.Parallel()
	c := newCLI(t, newServer(t))
	c.env = append(c.env, "ADCPCTL_TEST_TERMINAL=1")
	file := c.file("buy.json", buy)
	first := c.run("submit", file).want(t, 0)
	for answer, want := range map[string]struct {
		code int
		says string
	}{"s\n": {0, "nothing new was submitted"}, "n\n": {0, ""}, "\n": {2, "nothing was sent"}, "": {2,
		"nothing was sent"}} {
		got := c.with(answer, "submit", file)
		if got.code != want.code || !strings.Contains(got.err, want.says) || !strings.Contains(got.err,
			"This file was submitted") {
			t.Errorf("%q: exit %d\n%s%s", answer, got.code, got.out, got.err)
		}
	}
	counts, err := c.server.store.CountOpen(t.Context())
	if err != nil || counts["acme"] != 2 {
		t.Errorf("%d purchases after %s, %v", counts["acme"], first.out, err)
	}
}

// Another tenant, or another API, is another purchase; nothing secret is in the state directory.
func TestStateHoldsNoSecret(t *testing.T) {
	t.Parallel()
	c := newCLI(t, newServer(t))
	c.run("submit", c.file("buy.json", buy)).want(t, 0)
	files, _ := filepath.Glob(filepath.Join(c.home, ".local/state/adcpctl/submissions/*"))
	if len(files) != 1 {
		t.Fatalf("files: %q", files)
	}
	var out bytes.Buffer
	grep := exec.CommandContext(t.Context(), "grep", "-r", c.server.key, c.home)
	grep.Stdout = &out
	if grep.Run() == nil {
		t.Errorf("the key is in %s", out.String())
	}
}
