package webhook_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/webhook"
)

// newA2AHarness adds an agent that is registered for A2A's own payloads, and its operation x.
func newA2AHarness(t *testing.T, mode operation.WebhookMode) *harness {
	t.Helper()
	h := newHarness(t, mode)
	h.putAgent(t, "a2a", mode, adcp.FormatA2A)
	h.submit(t, "a2a", "x")
	return h
}

// signedA2A returns an authentic A2A delivery, which has the push token in a header.
func (h *harness) signedA2A(name, body string) webhook.Delivery {
	x := h.signed(name, []byte(body))
	x.Header.Set("X-A2A-Notification-Token", h.push[name])
	return x
}

const (
	// a2aCompleted is a completed A2A task around a task response.
	a2aCompleted = `{"id":"a2a-1","contextId":"ctx","status":{"state":"completed"},` +
		`"artifacts":[{"artifactId":"r","parts":[{"kind":"data","data":%s}]}]}`
	a2aUpdate = `{"statusUpdate":{"taskId":"a2a-1","status":{"state":"working","message":{"parts":[` +
		`{"data":{"status":"working","task_id":"task_x","percentage":5}}]}}}}`
	buyCompleted = `{"status":"completed","task_id":"task_x","media_buy_id":"mb_x"}`
)

// Contract F26: the forms of A2A's payloads, for a registration with this format. They correlate by
// the task id that the agent has reported before.
func TestReceiverReadsA2A(t *testing.T) {
	t.Parallel()
	task := fmt.Sprintf(a2aCompleted, buyCompleted)
	for name, tc := range map[string]struct {
		body   string
		status int
		code   string
		state  operation.State
		wakes  int
	}{
		"a bare task": {task, 200, "advanced", operation.Completed, 1},
		"a task in its envelope": {
			body:   `{"task":` + strings.Replace(task, `"completed"`, `"TASK_STATE_COMPLETED"`, 1) + `}`,
			status: 200, code: "advanced", state: operation.Completed, wakes: 1,
		},
		"an update in its envelope": {a2aUpdate, 200, "advanced", operation.Working, 0},
		"submitted, in a completed A2A task": {
			body:   fmt.Sprintf(a2aCompleted, `{"status":"submitted","task_id":"task_x"}`),
			status: 200, code: "repeated", state: operation.Submitted, wakes: 0,
		},
		"a buy without its id (F30)": {
			body:   fmt.Sprintf(a2aCompleted, `{"status":"completed","task_id":"task_x"}`),
			status: 200, code: "repeated", state: operation.Submitted, wakes: 1,
		},
		"another task": {
			body:   strings.Replace(task, "task_x", "task_y", 1),
			status: 422, code: "missing_envelope_fields", state: operation.Submitted, wakes: 1,
		},
		"no task id": {
			body:   strings.Replace(task, `"task_id":"task_x",`, "", 1),
			status: 422, code: "missing_envelope_fields", state: operation.Submitted, wakes: 1,
		},
		"a message (F28)": {
			body:   `{"message":{"messageId":"m","role":"agent","parts":[]}}`,
			status: 200, code: "ignored", state: operation.Submitted, wakes: 0,
		},
		"MCP's form": {
			body:   `{"status":"completed","task_id":"task_x"}`,
			status: 422, code: "malformed_envelope", state: operation.Submitted, wakes: 0,
		},
		"not an object": {`"task"`, 422, "malformed_envelope", operation.Submitted, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, mode := range modes {
				h := newA2AHarness(t, mode)
				got := h.Handle(t.Context(), h.signedA2A("x", tc.body))
				if got.Status != tc.status || got.Code != tc.code ||
					h.state(t, "x") != tc.state || len(h.wakes) != tc.wakes {
					t.Errorf("%s: got %+v, state %s, wakes %v", mode, got, h.state(t, "x"), h.wakes)
				}
			}
		})
	}
}

func TestReceiverChecksA2ATokensAndRepetitions(t *testing.T) {
	t.Parallel()
	h := newA2AHarness(t, operation.WebhookRFC9421)
	task := fmt.Sprintf(a2aCompleted, buyCompleted)
	x := h.signedA2A("x", task)
	x.Header.Set("X-A2A-Notification-Token", h.push["a"])
	got := h.Handle(t.Context(), x)
	if got.Status != 401 || got.Code != "token_mismatch" || h.state(t, "x") != operation.Submitted {
		t.Errorf("another token: %+v", got)
	}
	for _, code := range []string{"advanced", "duplicate"} { // A2A has no key: the payload itself is the key
		if got := h.Handle(t.Context(), h.signedA2A("x", task)); got.Status != 200 || got.Code != code {
			t.Errorf("got %+v, want %s", got, code)
		}
	}
}

// Contract F27: the registered format decides. A payload in A2A's form is not read for a
// registration with MCP's format, but it triggers an early poll.
func TestReceiverPollsSoonForA2AInAnMCPRegistration(t *testing.T) {
	t.Parallel()
	h := newA2AHarness(t, operation.WebhookRFC9421)
	task := fmt.Sprintf(a2aCompleted, buyCompleted)
	got := h.Handle(t.Context(), h.signedA2A("a", strings.ReplaceAll(task, "_x", "_a")))
	if got.Status != 422 || h.state(t, "a") != operation.Submitted || !slices.Equal(h.wakes, []string{"token_a poll"}) {
		t.Errorf("got %+v, wakes %v", got, h.wakes)
	}
}
