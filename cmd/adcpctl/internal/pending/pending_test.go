package pending_test

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"adcp-orchestrator/cmd/adcpctl/internal/pending"
)

var now = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func ledger(t *testing.T, at *time.Time) pending.Ledger {
	t.Helper()
	return pending.Ledger{Dir: filepath.Join(t.TempDir(), "s"), Now: func() time.Time { return *at }, Random: rand.Reader}
}

func open(t *testing.T, l pending.Ledger, body string) pending.Entry {
	t.Helper()
	last, _, err := l.Find("https://a", "t", []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	e, err := l.Open(last, "https://a", "t", "buy.json", []byte(body), false)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestTheSameBodyIsFoundUntilItWasAnsweredADayAgo(t *testing.T) {
	t.Parallel()
	at := now
	l := ledger(t, &at)
	find := func() (pending.Entry, bool) {
		t.Helper()
		e, found, err := l.Find("https://a", "t", []byte("buy"))
		if err != nil {
			t.Fatal(err)
		}
		return e, found
	}
	if _, found := find(); found {
		t.Error("found what was never submitted")
	}
	first := open(t, l, "buy")
	at = now.Add(90 * 24 * time.Hour)
	if e, found := find(); !found || e.Key != first.Key {
		t.Errorf("an unknown answer must be found for ever: got %+v", e)
	}
	if err := first.Answered("op_1"); err != nil {
		t.Fatal(err)
	}
	at = now.Add(pending.Memory - 1)
	if e, found := find(); !found || e.Key != first.Key || e.OperationID != "op_1" {
		t.Errorf("got %+v", e)
	}
	at = now.Add(pending.Memory)
	if _, found := find(); found {
		t.Error("an answer of a day ago must not be found")
	}
	second := open(t, l, "buy")
	if e, _ := find(); second.Key == first.Key || e.Key != second.Key {
		t.Errorf("got %+v", e)
	}
	for _, other := range [][3]string{{"https://b", "t", "buy"}, {"https://a", "u", "buy"}, {"https://a", "t", "buy "}} {
		if _, found, err := l.Find(other[0], other[1], []byte(other[2])); found || err != nil {
			t.Errorf("%q: found, %v", other, err)
		}
	}
}

// Two processes that submit the same file at once must buy once: they get one key. Two that were
// both told to make another purchase get two.
func TestTwoAtOnceGetOneKeyUnlessEachWantsAnother(t *testing.T) {
	t.Parallel()
	for _, another := range []bool{false, true} {
		at := now
		l := ledger(t, &at)
		const n = 16
		keys := make([]string, n)
		var looked, all sync.WaitGroup
		looked.Add(n)
		for i := range n {
			all.Go(func() {
				last, _, err := l.Find("https://a", "t", []byte("buy"))
				looked.Done()
				looked.Wait() // everybody has seen that there is none
				if err == nil {
					var e pending.Entry
					e, err = l.Open(last, "https://a", "t", "f", []byte("buy"), another)
					keys[i] = e.Key
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		different := map[string]bool{}
		for _, k := range keys {
			different[k] = true
		}
		if want := map[bool]int{true: n, false: 1}[another]; len(different) != want {
			t.Errorf("another %v: %d keys, want %d", another, len(different), want)
		}
		if e, found, err := l.Find("https://a", "t", []byte("buy")); !found || err != nil || !different[e.Key] {
			t.Errorf("got %+v, %v", e, err)
		}
	}
}

func TestADamagedEntryIsNotANewPurchase(t *testing.T) {
	t.Parallel()
	at := now
	l := ledger(t, &at)
	open(t, l, "buy")
	files, _ := filepath.Glob(filepath.Join(l.Dir, "*.json"))
	if err := os.WriteFile(files[0], []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.Find("https://a", "t", []byte("buy")); err == nil {
		t.Error("a damaged entry must be an error")
	}
}
