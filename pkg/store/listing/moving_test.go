package listing_test

import (
	"fmt"
	"testing"
	"time"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store/memory"
)

// whatIsShown reads a list to its end, of twelve operations of one agent of which each third has
// ended. One of the others ends before the read of that number, counted among those of call, or
// among all.
func whatIsShown(t *testing.T, q operation.ListQuery, moving, read int, call string) (
	shown map[string]int, ended bool) {
	t.Helper()
	s := memory.New(func() time.Time { return start })
	var all []operation.Operation
	for n := range 12 {
		all = append(all, create(t, s, n, func(op *operation.Operation) {
			if n%3 == 0 {
				op.State = operation.Completed
			}
		}))
	}
	reads := 0
	src := &source{Store: s, before: func(of string) {
		if call != "" && of != call {
			return
		}
		if reads++; reads == read {
			op := all[moving]
			op.Version, op.State, ended = 2, operation.Completed, true
			if err := s.Commit(t.Context(), operation.Change{Op: op}); err != nil {
				t.Error(err)
			}
		}
	}}
	shown = map[string]int{}
	for more := true; more; {
		p := page(t, src, q)
		for _, op := range p.Items {
			shown[op.ID]++
		}
		q.After, more = p.Next, p.Next != ""
	}
	return shown, ended
}

// An operation that ends while an agent's list is read is shown once, whichever read it ends
// before.
func TestWhatEndsWhileItsAgentsListIsReadIsShownOnce(t *testing.T) {
	t.Parallel()
	for _, q := range []operation.ListQuery{{Limit: 1}, {Limit: 5}, {Limit: 50}, {Limit: 5, Ascending: true}} {
		q.AgentID = "a"
		for moving := range 12 {
			for read, ended := 1, moving%3 > 0; ended; read++ {
				var shown map[string]int
				shown, ended = whatIsShown(t, q, moving, read, "")
				for n := range 12 {
					if id := fmt.Sprintf("op_%05d", n); shown[id] != 1 {
						t.Errorf("pages of %d, ascending %v: number %d ends before read %d, and %d is shown %d times",
							q.Limit, q.Ascending, moving, read, n, shown[id])
					}
				}
			}
		}
	}
}

// An operation that goes from one state of a list to another one after its entry was read is shown.
func TestWhatMovesBehindItsEntryIsShown(t *testing.T) {
	t.Parallel()
	q := operation.ListQuery{States: []operation.State{operation.Working, operation.Completed}, Limit: 5}
	for read, moved := 1, true; moved; read++ {
		for _, moving := range []int{1, 5, 8, 11} {
			var shown map[string]int
			shown, moved = whatIsShown(t, q, moving, read, "items")
			if id := fmt.Sprintf("op_%05d", moving); shown[id] != 1 {
				t.Errorf("number %d ends before the items of page %d are read, and is shown %d times", moving, read, shown[id])
			}
		}
	}
}
