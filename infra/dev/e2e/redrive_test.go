package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
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
