package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store"
)

// redrive redrives an operation, and returns what was done about its execution, and the operation.
func (h *harness) redrive(t *testing.T, id string) (orchestrator.RedriveResult, httpapi.Operation) {
	t.Helper()
	resp, body, err := h.Do(t.Context(), http.MethodPost, "/v1/operations/"+id+"/redrive", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Execution orchestrator.RedriveResult `json:"execution"`
		Operation httpapi.Operation          `json:"operation"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("redrive: %s, %v: %s", resp.Status, err, body)
	}
	if answer.Operation.ID != id {
		t.Errorf("redrive of %s answers operation %q", id, answer.Operation.ID)
	}
	return answer.Execution, answer.Operation
}

func TestRedriveSaysWhatItDid(t *testing.T) {
	t.Parallel()
	h := newHarness(t, 5)
	op := h.buy(t, map[string]any{"delay_ms": 3000})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := h.Follow(ctx, op.ID, isSubmitted, nil); err != nil {
		t.Fatal(err)
	}
	got, _ := h.redrive(t, op.ID)
	possible := []orchestrator.RedriveResult{orchestrator.ExecutionAlive, orchestrator.ExecutionStarted,
		orchestrator.ExecutionRestarted, orchestrator.ExecutionSettled}
	if !slices.Contains(possible, got) {
		t.Errorf("execution %q, want one of %v", got, possible)
	}
	checkBoughtOnce(t, h.waitSettled(t, op.ID))
	got, op = h.redrive(t, op.ID)
	if got != orchestrator.ExecutionSettled || op.State != operation.Completed {
		t.Errorf("after the end: execution %q of an operation that is %s", got, op.State)
	}
}

func TestRedriveOfAnUnknownOperationIsNotFound(t *testing.T) {
	t.Parallel()
	h := newHarness(t, 120)
	resp, body, err := h.Do(t.Context(), http.MethodPost, "/v1/operations/op_unknown/redrive", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	checkProblem(t, "unknown id", resp, body, http.StatusNotFound, h.functionProblem("not_found"))
}

// An order that waits in line behind an open circuit, whose next probe is far away, is called
// within five seconds of its redrive.
func TestRedriveBehindAnOpenCircuitActsAtOnce(t *testing.T) {
	t.Parallel()
	h := newHarness(t, 600)
	agent := h.fickle(t, "fickle", 600)
	agent.turn(away)
	o := h.order(t, "fickle", circuit.Default.Failures+5)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	waiting := h.awaitWaiting(ctx, t, o.ids)
	agent.turn(answers)
	began := time.Now()
	h.redrive(t, waiting)
	op := h.waitSettled(t, waiting)
	i := slices.IndexFunc(op.Events, func(e operation.Event) bool {
		return !e.At.Before(began) && e.To == operation.CallingAdCP
	})
	if i < 0 || op.Events[i].At.Sub(began) > 5*time.Second {
		t.Fatalf("not called within 5 s\n%s", timeline(op))
	}
	t.Logf("called %.2f s after the redrive", op.Events[i].At.Sub(began).Seconds())
	checkBoughtOnce(t, op)
	o.await(t) // the call has closed the circuit
}

// awaitWaiting redrives the first half of some operations in turns until the next probe of their
// agent is 30 s away: each probe that fails doubles that time. It returns an operation that waits
// in the agent's line and was never called.
func (h *harness) awaitWaiting(ctx context.Context, t *testing.T, ids []string) string {
	t.Helper()
	entry, err := h.store.Agent(ctx, h.tenant, "fickle")
	if err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	turn := 0
	for {
		var s circuit.State
		doc, err := h.store.Circuit(ctx, h.tenant, entry.CircuitKey())
		if err == nil {
			err = store.DecodeDocument(doc.Body, &s)
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			t.Fatal(err)
		}
		switch {
		case s.Closed():
		case time.Until(s.OpenUntil) < 30*time.Second:
			// An operation is redriven once a minute: the others wait their turn, and one is left.
			id := ids[turn%(len(ids)/2)]
			if _, _, err := h.Do(ctx, http.MethodPost, "/v1/operations/"+id+"/redrive", nil, nil); err != nil {
				t.Fatal(err)
			}
			turn++
		default:
			for _, id := range ids[len(ids)/2:] {
				op, err := h.store.Get(ctx, h.tenant, id)
				if err == nil && op.Call.Attempts == 0 && op.Admission.Gate != "" && op.Admission.Slot.IsZero() {
					return id
				}
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("no operation waits behind the open circuit: %+v", s)
		}
	}
}
