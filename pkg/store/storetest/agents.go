package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
)

func (s *suite) agent(id string, at time.Time) registry.Agent {
	return registry.Agent{Tenant: s.tenant, ID: id, URL: "https://" + id + ".example/mcp", Version: 1,
		CreatedAt: at, UpdatedAt: at}
}

// counted is a new operation that its agent's count of open operations has.
func (s *suite) counted(id string) orchestrator.NewOperation {
	n := s.newOperation(id, "key-"+id, "")
	n.Op.Counted = true
	return n
}

// ended is the change by which a counted operation ends.
func ended(op operation.Operation) operation.Change {
	c := next(op)
	c.Op.State, c.Op.Counted, c.Uncount = operation.Completed, false, true
	return c
}

func isDeleted(err error) bool { return errors.Is(err, store.ErrAgentDeleted) }

func agentsAreListed(t *testing.T, s *suite) {
	for n := range 7 {
		must(t, s.PutAgent(t.Context(), s.agent(fmt.Sprint("a", n), Start.Add(time.Duration(n/2)*time.Second))))
	}
	again := s.agent("a3", Start.Add(time.Second)) // a change does not move it
	again.Version, again.UpdatedAt = 2, Start.Add(time.Hour)
	must(t, s.PutAgent(t.Context(), again))
	must(t, s.DeleteAgent(t.Context(), s.tenant, "a1", 1))
	for _, limit := range []int{1, 2, 3, 6, 100} {
		var got []string
		for after, pages := "", 0; ; pages++ {
			page, next, err := s.AgentsPage(t.Context(), s.tenant, after, limit)
			must(t, err)
			if len(page) > limit || pages > 10 {
				t.Fatalf("page %d has %d of at most %d", pages, len(page), limit)
			}
			for _, a := range page {
				got = append(got, fmt.Sprintf("%s.%d%v", a.ID, a.Version, a.Tenant == s.tenant))
			}
			if after = next; next == "" {
				break
			}
		}
		want := "[a6.1true a5.1true a4.1true a3.2true a2.1true a0.1true]"
		if fmt.Sprint(got) != want {
			t.Errorf("limit %d: got %v, want %s", limit, got, want)
		}
	}
	if page, _, err := s.AgentsPage(t.Context(), s.tenant+"x", "", 100); err != nil || len(page) != 0 {
		t.Errorf("another tenant got %+v, %v", page, err)
	}
}

func busyAgentsAreNotDeleted(t *testing.T, s *suite) {
	must(t, s.AddAgent(t.Context(), s.agent("seller", Start), 1))
	want(t, s.DeleteAgent(t.Context(), s.tenant, "other", 1), store.ErrNotFound)
	want(t, s.DeleteAgent(t.Context(), s.tenant, "seller", 2), store.ErrStale)
	var open []operation.Operation
	for n := range 40 { // in all items of the count
		c := s.counted(fmt.Sprint("op_", n))
		must(t, s.Create(t.Context(), c))
		open = append(open, c.Op)
	}
	for n, op := range open {
		var busy *store.AgentBusyError
		err := s.DeleteAgent(t.Context(), s.tenant, "seller", 1)
		count, errCount := s.OpenOperations(t.Context(), s.tenant, "seller")
		must(t, errCount)
		if !errors.As(err, &busy) || busy.Open != len(open)-n || count != busy.Open {
			t.Fatalf("with %d open: %v, counted %d", len(open)-n, err, count)
		}
		must(t, s.Commit(t.Context(), ended(op)))
		want(t, s.Commit(t.Context(), ended(op)), store.ErrStale) // and is not counted twice
	}
	must(t, s.PutBrake(t.Context(), s.tenant, "seller", registry.Brake{On: true, At: Start}))
	must(t, s.DeleteAgent(t.Context(), s.tenant, "seller", 1))
	want(t, s.DeleteAgent(t.Context(), s.tenant, "seller", 1), store.ErrNotFound)
	_, err := s.Agent(t.Context(), s.tenant, "seller")
	want(t, err, store.ErrNotFound)
	want(t, s.Create(t.Context(), s.counted("op_late")), store.ErrAgentDeleted)
	_, err = s.Get(t.Context(), s.tenant, "op_late")
	want(t, err, store.ErrNotFound)
	// There is room for another one, which begins without a brake.
	must(t, s.AddAgent(t.Context(), s.agent("seller", Start), 1))
	must(t, s.Create(t.Context(), s.counted("op_late")))
	if on, err := s.Paused(t.Context(), s.tenant, "seller"); on || err != nil {
		t.Errorf("paused: %v, %v", on, err)
	}
}

// noOperationIsOrphaned lets submissions race a deletion: whichever is first, no open operation has
// an agent that is gone.
func noOperationIsOrphaned(t *testing.T, s *suite) {
	for round := range 5 {
		must(t, s.AddAgent(t.Context(), s.agent("seller", Start), 1))
		const writers = 8
		created := make([]bool, writers)
		var wg sync.WaitGroup
		wg.Go(func() {
			err := s.DeleteAgent(background, s.tenant, "seller", 1)
			if err != nil && !errors.As(err, new(*store.AgentBusyError)) {
				t.Errorf("delete: %v", err)
			}
		})
		for n := range writers {
			wg.Go(func() {
				err := s.Create(background, s.counted(fmt.Sprintf("op_%d_%d", round, n)))
				if created[n] = err == nil; err != nil && !isDeleted(err) {
					t.Errorf("create: %v", err)
				}
			})
		}
		wg.Wait()
		_, err := s.Agent(t.Context(), s.tenant, "seller")
		gone, n := errors.Is(err, store.ErrNotFound), 0
		for i, ok := range created {
			if !ok {
				continue
			}
			n++
			op, err := s.Get(t.Context(), s.tenant, fmt.Sprintf("op_%d_%d", round, i))
			must(t, err)
			must(t, s.Commit(t.Context(), ended(op)))
		}
		if gone && n > 0 || !gone && n != writers {
			t.Errorf("the agent is gone: %v, and %d of %d operations were created", gone, n, writers)
		}
		if !gone {
			must(t, s.DeleteAgent(t.Context(), s.tenant, "seller", 1))
		}
	}
}

func brakesAreKept(t *testing.T, s *suite) {
	b := registry.Brake{On: true, At: Start, Reason: "invoice",
		Actor: operation.Actor{Type: operation.ActorAPIKey, ID: "k", Name: "ops"}}
	want(t, s.PutBrake(t.Context(), s.tenant, "seller", b), store.ErrNotFound)
	must(t, s.AddAgent(t.Context(), s.agent("seller", Start), 1))
	if got, err := s.Brake(t.Context(), s.tenant, "seller"); err != nil || got.On || !got.At.IsZero() {
		t.Errorf("before: %+v, %v", got, err)
	}
	must(t, s.PutBrake(t.Context(), s.tenant, "seller", b))
	got, err := s.Brake(t.Context(), s.tenant, "seller")
	on, errPaused := s.Paused(t.Context(), s.tenant, "seller")
	if err != nil || errPaused != nil || got != b || !on {
		t.Errorf("got %+v, paused %v; %v, %v", got, on, err, errPaused)
	}
	b.On = false
	must(t, s.PutBrake(t.Context(), s.tenant, "seller", b))
	if on, err := s.Paused(t.Context(), s.tenant, "seller"); on || err != nil {
		t.Errorf("paused: %v, %v", on, err)
	}
}
