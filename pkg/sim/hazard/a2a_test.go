package hazard

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/operation"
)

// spoken checks that nothing but calls of skills was asked for, and no push notification of A2A's own.
func spoken(method, version string) func(*testing.T, *stage) {
	return func(t *testing.T, g *stage) {
		t.Helper()
		for _, m := range g.seller.got {
			switch {
			case m.verb == http.MethodGet:
			case m.Method != method || m.header.Get("A2A-Version") != version:
				t.Errorf("asked with %s, A2A-Version %q", m.Method, m.header.Get("A2A-Version"))
			case strings.Contains(string(m.Params), "ushNotificationConfig") || strings.Contains(string(m.Params), `"input":`):
				t.Errorf("the message is %s", m.Params)
			}
		}
		if strings.HasPrefix(g.op.TaskID, "native") {
			t.Errorf("followed A2A's own task %s", g.op.TaskID)
		}
	}
}

// unauthenticated is JSON-RPC's internal error for a request without the right credential.
func unauthenticated(httpStatus int) func(http.ResponseWriter, *http.Request, message) bool {
	return func(w http.ResponseWriter, r *http.Request, m message) bool {
		if m.verb == http.MethodGet || r.Header.Get("Authorization") == "Bearer "+token {
			return false
		}
		status(httpStatus, `{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"Authentication required"}}`)(w, m)
		return true
	}
}

func lateCredential(g *stage) {
	g.secret = "an old token"
	g.Plan(g.Now().Add(6*time.Hour), func() { g.secret = token })
}

func a2aHazards() []scenario {
	return []scenario{
		{
			// "Over A2A the native task is completed while its artifact says submitted" and "The task says completed for a submitted operation on all of them, and
			// its id is not the AdCP task id."
			name:   "A2A: completed around submitted",
			seller: &seller{a2a: "0.3", takes: 5 * time.Hour}, state: operation.Completed, purchases: 1,
			check: func(t *testing.T, g *stage) {
				spoken("message/send", "")(t, g)
				if !g.was(operation.Submitted) || g.op.Terminal.Channel != operation.ByPoll || g.op.Terminal.At.Before(g.seller.tasks[0].done) {
					t.Errorf("ended by %s at %s", g.op.Terminal.Channel, g.op.Terminal.At)
				}
			},
		},
		{
			// "the native tasks/get never moves; poll with a skill invocation."
			name:   "A2A: its own tasks never move",
			seller: &seller{a2a: "1.0", takes: 5 * time.Hour}, state: operation.Completed, purchases: 1,
			check: func(t *testing.T, g *stage) {
				spoken("SendMessage", "1.0")(t, g)
				if len(g.seller.polls()) == 0 {
					t.Error("no skill was asked")
				}
			},
		},
		{
			// "The AdCP id stood in artifacts[0].metadata.adcp_task_id."
			name: "A2A: the task's id only in the artifact's metadata",
			seller: &seller{a2a: "0.3", after: on("create_media_buy", func(c call) *said {
				return &said{payload: `{"status":"submitted"}`, twin: `{"adcp_task_id":"` + c.task.id + `"}`}
			})},
			state: operation.Completed, purchases: 1, check: spoken("message/send", ""),
		},
		{
			// "Python 9.2.0 takes the arguments only under parameters"
			name: "A2A: arguments only under parameters",
			seller: &seller{a2a: "1.0", sync: true, before: on("create_media_buy", func(c call) *said {
				if c.text("idempotency_key") == "" {
					return &said{native: `{"id":"native","status":{"state":"TASK_STATE_FAILED"}}`}
				}
				return nil
			})},
			state: operation.Completed, purchases: 1, check: spoken("SendMessage", "1.0"),
		},
		{
			// "npm 6.11.0 speaks 0.3 only."
			name:   "A2A: 0.3 only",
			seller: &seller{a2a: "0.3", polling: []string{"tasks/get", "tasks_get"}}, state: operation.Completed, purchases: 1, check: spoken("message/send", ""),
		},
		{
			// "1.0 SendMessage needs A2A-Version: 1.0"
			name:   "A2A: 1.0 that wants its version named",
			seller: &seller{a2a: "1.0"}, state: operation.Completed, purchases: 1, check: spoken("SendMessage", "1.0"),
		},
		{
			// "an A2A-level pushNotificationConfig was ignored": the webhook is asked for in the arguments.
			name:   "A2A: a push configuration of A2A's own is ignored",
			seller: &seller{a2a: "1.0", polling: []string{}, push: honest}, state: operation.Completed, purchases: 1,
			check: func(t *testing.T, g *stage) {
				spoken("SendMessage", "1.0")(t, g)
				if g.op.Terminal.Channel != operation.ByWebhook {
					t.Errorf("ended by %s", g.op.Terminal.Channel)
				}
			},
		},
		{
			// "Authorization: Bearer; without it ... JSON-RPC -32603 (A2A)." It looks like any fault of the seller's and comes before anything was asked for.
			name:   "A2A: -32603 until the credential is right, HTTP 200",
			seller: &seller{a2a: "0.3", front: unauthenticated(200)}, begin: lateCredential, state: operation.Completed, purchases: 1,
		},
		{
			name:   "A2A: -32603 until the credential is right, HTTP 500",
			seller: &seller{a2a: "0.3", front: unauthenticated(500)}, begin: lateCredential, state: operation.Completed, purchases: 1,
		},
		{
			name:   "A2A: -32603 until the credential is right, no deduplication",
			seller: &seller{a2a: "1.0", unsure: true, front: unauthenticated(200)}, begin: lateCredential, state: operation.Completed, purchases: 1,
		},
		{
			// The same for the purchase alone: whether it was made is not known.
			name: "A2A: -32603 for the purchase, no deduplication",
			seller: &seller{a2a: "1.0", unsure: true, before: on("create_media_buy", func(call) *said {
				return &said{rpc: `{"code":-32603,"message":"Authentication required"}`}
			})},
			state: operation.CallingAdCP, attention: operation.OutcomeUnclear, check: called(1),
		},
		{
			name: "A2A: a rejected purchase in a failed task",
			seller: &seller{a2a: "0.3", before: on("create_media_buy", func(call) *said {
				a := refuse("POLICY_VIOLATION")
				return &a
			})},
			state: operation.Failed,
		},
	}
}
