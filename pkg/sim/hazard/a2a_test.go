package hazard

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/operation"
)

// onlySkillCalls checks that the seller got nothing but calls of skills, without A2A's own push
// notification config, and that the orchestrator did not follow A2A's own task.
func onlySkillCalls(method, version string) func(*testing.T, *harness) {
	return func(t *testing.T, h *harness) {
		t.Helper()
		for _, req := range h.seller.requests {
			params := string(req.Params)
			switch {
			case req.httpMethod == http.MethodGet:
			case req.Method != method || req.header.Get("A2A-Version") != version:
				t.Errorf("called with %s, A2A-Version %q", req.Method, req.header.Get("A2A-Version"))
			case strings.Contains(params, "ushNotificationConfig") || strings.Contains(params, `"input":`):
				t.Errorf("the message is %s", params)
			}
		}
		if strings.HasPrefix(h.op.TaskID, "native") {
			t.Errorf("followed A2A's own task %s", h.op.TaskID)
		}
	}
}

// rejectUntilAuthenticated answers a request without the right credential with JSON-RPC's internal
// error.
func rejectUntilAuthenticated(httpStatus int) func(http.ResponseWriter, *http.Request, request) bool {
	return func(w http.ResponseWriter, r *http.Request, req request) bool {
		if req.httpMethod == http.MethodGet || r.Header.Get("Authorization") == "Bearer "+token {
			return false
		}
		const body = `{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"Authentication required"}}`
		respondWith(httpStatus, body)(w, req)
		return true
	}
}

// credentialAfterSixHours gives the orchestrator a wrong credential first.
func credentialAfterSixHours(h *harness) {
	h.secret = "an old token"
	h.Plan(h.Now().Add(6*time.Hour), func() { h.secret = token })
}

func a2aHazards() []scenario {
	return []scenario{
		{
			// "Over A2A the native task is completed while its artifact says submitted" and "The task says
			// completed for a submitted operation on all of them, and its id is not the AdCP task id."
			name:      "A2A: completed around submitted",
			seller:    &seller{a2a: "0.3", workTime: 5 * time.Hour},
			state:     operation.Completed,
			purchases: 1,
			check: func(t *testing.T, h *harness) {
				onlySkillCalls("message/send", "")(t, h)
				end := h.op.Terminal
				early := end.At.Before(h.seller.tasks[0].doneAt)
				if !h.wasIn(operation.Submitted) || end.Channel != operation.ByPoll || early {
					t.Errorf("ended by %s at %s", end.Channel, end.At)
				}
			},
		},
		{
			// "the native tasks/get never moves; poll with a skill invocation."
			name:      "A2A: its own tasks never move",
			seller:    &seller{a2a: "1.0", workTime: 5 * time.Hour},
			state:     operation.Completed,
			purchases: 1,
			check: func(t *testing.T, h *harness) {
				onlySkillCalls("SendMessage", "1.0")(t, h)
				if len(h.seller.pollCalls()) == 0 {
					t.Error("no skill polled the task")
				}
			},
		},
		{
			// "The AdCP id stood in artifacts[0].metadata.adcp_task_id."
			name: "A2A: the task's id only in the artifact's metadata",
			seller: &seller{
				a2a: "0.3",
				after: onTool("create_media_buy", func(c call) *fakeAnswer {
					return &fakeAnswer{payload: `{"status":"submitted"}`, metadata: `{"adcp_task_id":"` + c.task.id + `"}`}
				}),
			},
			state:     operation.Completed,
			purchases: 1,
			check:     onlySkillCalls("message/send", ""),
		},
		{
			// "Python 9.2.0 takes the arguments only under parameters"
			name: "A2A: arguments only under parameters",
			seller: &seller{
				a2a:         "1.0",
				synchronous: true,
				before: onTool("create_media_buy", func(c call) *fakeAnswer {
					if c.stringArg("idempotency_key") == "" {
						return &fakeAnswer{a2aTask: `{"id":"native","status":{"state":"TASK_STATE_FAILED"}}`}
					}
					return nil
				}),
			},
			state:     operation.Completed,
			purchases: 1,
			check:     onlySkillCalls("SendMessage", "1.0"),
		},
		{
			// "npm 6.11.0 speaks 0.3 only."
			name:      "A2A: 0.3 only",
			seller:    &seller{a2a: "0.3", pollTools: []string{"tasks/get", "tasks_get"}},
			state:     operation.Completed,
			purchases: 1,
			check:     onlySkillCalls("message/send", ""),
		},
		{
			// "1.0 SendMessage needs A2A-Version: 1.0"
			name:      "A2A: 1.0 that wants its version named",
			seller:    &seller{a2a: "1.0"},
			state:     operation.Completed,
			purchases: 1,
			check:     onlySkillCalls("SendMessage", "1.0"),
		},
		{
			// "an A2A-level pushNotificationConfig was ignored": the arguments configure the webhook.
			name:      "A2A: a push configuration of A2A's own is ignored",
			seller:    &seller{a2a: "1.0", pollTools: []string{}, push: honestWebhook},
			state:     operation.Completed,
			purchases: 1,
			check: func(t *testing.T, h *harness) {
				onlySkillCalls("SendMessage", "1.0")(t, h)
				if h.op.Terminal.Channel != operation.ByWebhook {
					t.Errorf("ended by %s", h.op.Terminal.Channel)
				}
			},
		},
		{
			// "Authorization: Bearer; without it ... JSON-RPC -32603 (A2A)." It looks like any other fault
			// of the seller, and comes before the purchase is called.
			name:      "A2A: -32603 until the credential is right, HTTP 200",
			seller:    &seller{a2a: "0.3", intercept: rejectUntilAuthenticated(200)},
			setup:     credentialAfterSixHours,
			state:     operation.Completed,
			purchases: 1,
		},
		{
			name:      "A2A: -32603 until the credential is right, HTTP 500",
			seller:    &seller{a2a: "0.3", intercept: rejectUntilAuthenticated(500)},
			setup:     credentialAfterSixHours,
			state:     operation.Completed,
			purchases: 1,
		},
		{
			name:      "A2A: -32603 until the credential is right, no deduplication",
			seller:    &seller{a2a: "1.0", noDedup: true, intercept: rejectUntilAuthenticated(200)},
			setup:     credentialAfterSixHours,
			state:     operation.Completed,
			purchases: 1,
		},
		{
			// The same for the purchase alone: it is unknown whether the purchase was executed.
			name: "A2A: -32603 for the purchase, no deduplication",
			seller: &seller{
				a2a:     "1.0",
				noDedup: true,
				before: onTool("create_media_buy", func(call) *fakeAnswer {
					return &fakeAnswer{rpcError: `{"code":-32603,"message":"Authentication required"}`}
				}),
			},
			state:     operation.CallingAdCP,
			attention: operation.OutcomeUnclear,
			check:     purchaseCalls(1),
		},
		{
			name: "A2A: a rejected purchase in a failed task",
			seller: &seller{
				a2a: "0.3",
				before: onTool("create_media_buy", func(call) *fakeAnswer {
					return adcpError("POLICY_VIOLATION")
				}),
			},
			state: operation.Failed,
		},
	}
}
