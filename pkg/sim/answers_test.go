package sim

import (
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
)

const (
	buy       = "create_media_buy"
	poll      = "get_task_status"
	listTools = "tools/list"
)

// failFirst makes a seller's first call of a tool fail, before or after it is carried out.
func failFirst(tool string, before, after error) func(string, int) (error, error) {
	return func(called string, call int) (error, error) {
		if called == tool && call == 1 {
			return before, after
		}
		return nil, nil
	}
}

func TestFailedCallsAreRepeatedOnlyIfThatIsSafe(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		seller *Seller
		state  operation.State
		reason operation.Reason
	}{
		"the agent can't be reached at first": {
			&Seller{Fail: failFirst(buy, Unsent, nil)}, operation.Completed, "",
		},
		"the tools can't be listed at first": {
			&Seller{Fail: failFirst(listTools, Unsent, nil)}, operation.Completed, "",
		},
		"the answer is lost, the key is replayed": {
			&Seller{Fail: failFirst(buy, nil, Lost)}, operation.Completed, "",
		},
		"the request is lost, the key is replayed": {
			&Seller{Fail: failFirst(buy, Lost, nil)}, operation.Completed, "",
		},
		"a poll is lost": {
			&Seller{Fail: failFirst(poll, Lost, nil)}, operation.Completed, "",
		},
		"the answer is lost, no replay": {
			&Seller{NoIdempotency: true, Fail: failFirst(buy, nil, Lost)}, operation.CallingAdCP, operation.GaveUp,
		},
		"the answer is lost, no replay, but a list": {
			&Seller{NoIdempotency: true, ListsBuys: true, Fail: failFirst(buy, nil, Lost)}, operation.Completed, "",
		},
		"the answer is lost, no replay, but a webhook": {
			&Seller{NoIdempotency: true, Webhook: true, Fail: failFirst(buy, nil, Lost)}, operation.Completed, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, r := play(t, tc.seller, &Crash{})
			if tc.reason == "" {
				if tc.seller.Calls[listTools] > 0 && purchases(tc.seller) == 1 {
					checkEnded(t, w, r, tc.state)
					return
				}
				t.Fatalf("state %s, %d purchases", r.Op.State, purchases(tc.seller))
			}
			flagged := r.Op.Attention != nil && r.Op.Attention.Reason == tc.reason
			if r.Op.State != tc.state || !flagged || purchases(tc.seller) > 1 {
				t.Errorf("state %s, attention %+v, %d purchases", r.Op.State, r.Op.Attention, purchases(tc.seller))
			}
		})
	}
}

// refuseCall makes a seller answer one call of a tool with an AdCP error.
func refuseCall(tool string, call int, code string, r adcp.Recovery) func(string, int) *adcp.Error {
	return func(called string, n int) *adcp.Error {
		if called == tool && n == call {
			return &adcp.Error{Code: code, Recovery: r, RetryAfter: time.Minute}
		}
		return nil
	}
}

// An agent's error ends the operation only if it proves that nothing was bought.
func TestErrorsEndOnlyWhatWasNotBought(t *testing.T) {
	t.Parallel()
	lost := failFirst(buy, nil, Lost)
	for name, tc := range map[string]struct {
		seller *Seller
		state  operation.State
		calls  int
	}{
		"a wrong request fails": {
			&Seller{Refuse: refuseCall(buy, 1, "INVALID_REQUEST", adcp.Correctable)}, operation.Failed, 1,
		},
		"a wrong credential is no failure (E12)": {
			&Seller{Refuse: refuseCall(buy, 1, "AUTH_INVALID", adcp.Terminal)}, operation.Completed, 2,
		},
		"a busy agent is called again": {
			&Seller{Refuse: refuseCall(buy, 1, "RATE_LIMITED", adcp.Transient)}, operation.Completed, 2,
		},
		"a key in flight is sent again (C14)": {
			&Seller{Fail: lost, Refuse: refuseCall(buy, 2, "IDEMPOTENCY_IN_FLIGHT", adcp.Transient)},
			operation.Completed, 3,
		},
		"a wrong credential after a lost answer": {
			&Seller{Fail: lost, Refuse: refuseCall(buy, 2, "AUTH_INVALID", adcp.Terminal)}, operation.Completed, 3,
		},
		"a conflicting key is no failure (C15)": {
			&Seller{Refuse: refuseCall(buy, 1, "IDEMPOTENCY_CONFLICT", adcp.Correctable)}, operation.Completed, 2,
		},
		"an unknown task on a poll is no failure (E7)": {
			&Seller{Refuse: refuseCall(poll, 1, "REFERENCE_NOT_FOUND", adcp.Correctable)}, operation.Completed, 1,
		},
		"an error on a poll is no failure (A28)": {
			&Seller{Refuse: refuseCall(poll, 1, "VERSION_UNSUPPORTED", adcp.Correctable)}, operation.Completed, 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, r := play(t, tc.seller, &Crash{})
			if tc.state == operation.Completed {
				checkEnded(t, w, r, tc.state)
			}
			if r.Op.State != tc.state || tc.seller.Calls[buy] != tc.calls {
				t.Errorf("%s after %d calls: %+v", r.Op.State, tc.seller.Calls[buy], r.Events)
			}
			if tc.state == operation.Failed && (purchases(tc.seller) != 0 || r.Op.Error == nil) {
				t.Errorf("%d purchases, error %+v", purchases(tc.seller), r.Op.Error)
			}
		})
	}
}

// An agent that never answers again leaves the operation open, with attention: the orchestrator
// makes up no end (contract A28).
func TestSilentAgentIsNeverFailed(t *testing.T) {
	t.Parallel()
	s := &Seller{Duration: 365 * 24 * time.Hour}
	w, r := play(t, s, &Crash{})
	if r.Op.State != operation.Working || r.Op.Attention == nil || r.Op.Attention.Reason != operation.GaveUp {
		t.Fatalf("state %s, attention %+v", r.Op.State, r.Op.Attention)
	}
	flagged := map[string]bool{}
	for _, e := range r.Events {
		if e.Kind == operation.EventAttention {
			flagged[e.Detail] = true
		}
	}
	if !flagged[string(operation.DeadlinePassed)] || !flagged[string(operation.GaveUp)] {
		t.Errorf("flagged: %v", flagged)
	}
	// A webhook still ends the operation, months later.
	url := ""
	for _, task := range s.tasks {
		url = task.url
		w.now = task.done
		s.sendEnd(task)
	}
	reply, _ := w.Deliver(t.Context(), url, s.outbox[0].body)
	got, err := w.Store.Get(t.Context(), Tenant, r.Op.ID)
	if err != nil || reply.Status != 200 || got.State != operation.Completed {
		t.Errorf("reply %+v, state %s, %v", reply, got.State, err)
	}
	if err := w.Run(t.Context(), time.Hour); err != nil {
		t.Fatal(err)
	}
	if got, _ = w.Store.Get(t.Context(), Tenant, r.Op.ID); got.PublishedAt.IsZero() {
		t.Error("ended after its execution was over, and never published")
	}
}

// Every poll has a key of its own (contract C5).
func TestPollsHaveFreshKeys(t *testing.T) {
	t.Parallel()
	s := &Seller{Duration: time.Hour}
	play(t, s, &Crash{})
	seen := map[string]bool{}
	for _, k := range s.Keys {
		if seen[k] || k == "" {
			t.Fatalf("key %q was used twice", k)
		}
		seen[k] = true
	}
	if len(seen) < 3 {
		t.Errorf("only %d polls", len(seen))
	}
}
