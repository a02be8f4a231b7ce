package webhook_test

import (
	"fmt"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/webhook"
)

// a2aDesk has an agent that is registered to send A2A's own payloads, and its operation "x".
func a2aDesk(t *testing.T, mode operation.WebhookMode) *desk {
	t.Helper()
	d := newDesk(t, mode)
	d.agent(t, "a2a", mode, operation.FormatA2A)
	d.submit(t, "a2a", "x")
	return d
}

// pushed is an A2A delivery: its token stands in a header.
func (d *desk) pushed(name, body string) webhook.Delivery {
	x := d.signed(name, []byte(body))
	x.Header.Set("X-A2A-Notification-Token", d.push[name])
	return x
}

const (
	a2aDone = `{"id":"a2a-1","contextId":"ctx","status":{"state":"completed"},"artifacts":[{"artifactId":"r","parts":[{"kind":"data","data":%s}]}]}`
	buyDone = `{"status":"completed","task_id":"task_x","media_buy_id":"mb_x"}`
)

// contract F26: the forms of A2A's payloads, by a registration that asks for them. The AdCP task id that the agent told before is the correlation.
func TestReceiverReadsA2A(t *testing.T) {
	t.Parallel()
	done := fmt.Sprintf(a2aDone, buyDone)
	for name, tc := range map[string]struct {
		body   string
		status int
		code   string
		state  operation.State
		woken  int
	}{
		"a bare task":                   {done, 200, "advanced", operation.Completed, 1},
		"a task in its envelope":        {`{"task":` + strings.Replace(done, `"completed"`, `"TASK_STATE_COMPLETED"`, 1) + `}`, 200, "advanced", operation.Completed, 1},
		"an update in its envelope":     {`{"statusUpdate":{"taskId":"a2a-1","status":{"state":"working","message":{"parts":[{"data":{"status":"working","task_id":"task_x","percentage":5}}]}}}}`, 200, "advanced", operation.Working, 0},
		"submitted, in a finished call": {fmt.Sprintf(a2aDone, `{"status":"submitted","task_id":"task_x"}`), 200, "repeated", operation.Submitted, 0},
		"a buy without its id (F30)":    {fmt.Sprintf(a2aDone, `{"status":"completed","task_id":"task_x"}`), 200, "repeated", operation.Submitted, 1},
		"another task":                  {strings.Replace(done, "task_x", "task_y", 1), 422, "missing_envelope_fields", operation.Submitted, 1},
		"no task id":                    {strings.Replace(done, `"task_id":"task_x",`, "", 1), 422, "missing_envelope_fields", operation.Submitted, 1},
		"a message (F28)":               {`{"message":{"messageId":"m","role":"agent","parts":[]}}`, 200, "ignored", operation.Submitted, 0},
		"MCP's form":                    {`{"status":"completed","task_id":"task_x"}`, 422, "malformed_envelope", operation.Submitted, 0},
		"not an object":                 {`"task"`, 422, "malformed_envelope", operation.Submitted, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, mode := range modes {
				d := a2aDesk(t, mode)
				got := d.Handle(t.Context(), d.pushed("x", tc.body))
				if got.Status != tc.status || got.Code != tc.code || d.state(t, "x") != tc.state || len(d.woken) != tc.woken {
					t.Errorf("%s: got %+v, state %s, woken %v", mode, got, d.state(t, "x"), d.woken)
				}
			}
		})
	}
}

func TestReceiverA2ARepetitionsAndTokens(t *testing.T) {
	t.Parallel()
	d := a2aDesk(t, operation.WebhookRFC9421)
	done := fmt.Sprintf(a2aDone, buyDone)
	x := d.pushed("x", done)
	x.Header.Set("X-A2A-Notification-Token", d.push["a"])
	if got := d.Handle(t.Context(), x); got.Status != 401 || got.Code != "token_mismatch" || d.state(t, "x") != operation.Submitted {
		t.Errorf("another token: %+v", got)
	}
	for _, code := range []string{"advanced", "duplicate"} { // without a key the payload itself is the key
		if got := d.Handle(t.Context(), d.pushed("x", done)); got.Status != 200 || got.Code != code {
			t.Errorf("got %+v, want %s", got, code)
		}
	}
	// contract F27: what is registered decides. A2A's form on a registration for MCP's is read as nothing; it rings all the same.
	if got := d.Handle(t.Context(), d.pushed("a", strings.ReplaceAll(done, "_x", "_a"))); got.Status != 422 || d.state(t, "a") != operation.Submitted ||
		d.woken[len(d.woken)-1] != "token_a poll" {
		t.Errorf("got %+v, woken %v", got, d.woken)
	}
}
