package hazard

import (
	"testing"
	"time"

	"adcp-orchestrator/pkg/operation"
)

// honestWebhook sends one honest webhook at the task's end.
func honestWebhook(t *task) []push { return []push{{body: t.webhookBody("")}} }

// polledOnlyWith checks that the task was polled, and with no other tool.
func polledOnlyWith(tool string) func(*testing.T, *harness) {
	return func(t *testing.T, h *harness) {
		t.Helper()
		if len(h.seller.pollCalls()) == 0 {
			t.Error("the task was never polled")
		}
		for _, c := range h.seller.calls {
			if c.tool != tool && c.tool != "create_media_buy" && c.tool != "get_adcp_capabilities" {
				t.Errorf("polled with %s, want %s", c.tool, tool)
			}
		}
	}
}

// completedWithoutResult leaves the result out of the first n poll answers that say completed.
func completedWithoutResult(n int) func(call) *fakeAnswer {
	return onTool("get_task_status", func(c call) *fakeAnswer {
		if c.at.Before(c.task.doneAt) || n == 0 {
			return nil
		}
		n--
		return answerWith(`{"status":"completed","task_id":"task_1","task_type":"create_media_buy"}`)
	})
}

func pollingHazards() []scenario {
	none := []string{}
	return []scenario{
		{
			// "TypeScript 6.11.0: tasks/get, tasks_get; no list"
			name:      "only tasks/get and tasks_get",
			seller:    &seller{streamed: true, pollTools: []string{"tasks/get", "tasks_get"}},
			state:     operation.Completed,
			purchases: 1,
			check:     polledOnlyWith("tasks_get"),
		},
		{
			name:      "only tasks/get",
			seller:    &seller{pollTools: []string{"tasks/get"}},
			state:     operation.Completed,
			purchases: 1,
			check:     polledOnlyWith("tasks/get"),
		},
		{
			// "TypeScript 13: tasks_get, get_task_status (result only with include_result:true), list_tasks"
			name: "a result only with include_result",
			seller: &seller{
				streamed:   true,
				pollTools:  []string{"tasks_get", "get_task_status"},
				otherTools: []string{"list_tasks"},
				after: onTool("get_task_status", func(c call) *fakeAnswer {
					if c.args["include_result"] == true || c.at.Before(c.task.doneAt) {
						return nil
					}
					return answerWith(`{"status":"completed","task_id":"task_1","task_type":"create_media_buy"}`)
				}),
			},
			state:     operation.Completed,
			purchases: 1,
			check:     polledOnlyWith("get_task_status"),
		},
		{
			// "Python 9.2.0: get_task_status, list_tasks"
			name:      "get_task_status and list_tasks",
			seller:    &seller{sessions: true, otherTools: []string{"list_tasks"}},
			state:     operation.Completed,
			purchases: 1,
			check:     polledOnlyWith("get_task_status"),
		},
		{
			// "an older Python: none: its webhook is the only way"
			name:      "no polling tool, ended by its webhook",
			seller:    &seller{sessions: true, pollTools: none, workTime: 6 * time.Hour, push: honestWebhook},
			state:     operation.Completed,
			purchases: 1,
		},
		{
			// The same with a lost webhook: a passed deadline is no outcome (contract A28).
			name:      "no polling tool, and its webhook is lost",
			seller:    &seller{sessions: true, pollTools: none},
			horizon:   10 * day,
			state:     operation.Submitted,
			attention: operation.DeadlinePassed,
			purchases: 1,
		},
		{
			name:      "no polling tool, and its webhook comes after the deadline",
			seller:    &seller{sessions: true, pollTools: none, workTime: 5 * day, push: honestWebhook},
			horizon:   6 * day,
			state:     operation.Completed,
			purchases: 1,
			check:     func(t *testing.T, h *harness) { attentionRaised(t, h, operation.DeadlinePassed) },
		},
		{
			name:      "no polling tool, and no webhook was asked for",
			seller:    &seller{pollTools: none},
			mode:      operation.WebhookNone,
			state:     operation.Submitted,
			attention: operation.NoWayToFollowUp,
			purchases: 1,
		},
		{
			// "MCP's own tools-independent tasks/list is empty: it is not AdCP state."
			name:      "MCP's own task list is empty",
			seller:    &seller{streamed: true, workTime: 2 * time.Hour},
			state:     operation.Completed,
			purchases: 1,
			check: func(t *testing.T, h *harness) {
				for m, n := range h.seller.rpcMethods() {
					switch m {
					case "initialize", "notifications/initialized", "tools/list", "tools/call":
					default:
						t.Errorf("%d requests with %q", n, m)
					}
				}
			},
		},
		{
			// "A restart may lose a seller's in-flight tasks: not-found on a poll proves nothing."
			name: "a restart loses the task",
			seller: &seller{
				workTime: 30 * day,
				before: onTool("get_task_status", func(c call) *fakeAnswer {
					if c.at.Sub(c.task.startedAt) < time.Hour {
						return nil
					}
					return adcpError("REFERENCE_NOT_FOUND", `"recovery":"correctable"`, `"field":"task_id"`)
				}),
			},
			state:     operation.Working,
			attention: operation.TaskNotFound,
			purchases: 1,
		},
		{
			name: "a restart loses the task, and its webhook comes",
			seller: &seller{
				workTime: 40 * time.Hour,
				push:     honestWebhook,
				before: onTool("get_task_status", func(call) *fakeAnswer {
					return adcpError("REFERENCE_NOT_FOUND", `"recovery":"correctable"`)
				}),
			},
			state:     operation.Completed,
			purchases: 1,
			check:     func(t *testing.T, h *harness) { attentionRaised(t, h, operation.TaskNotFound) },
		},
		{
			name: "a restart loses the task for a day",
			seller: &seller{
				workTime: 40 * time.Hour,
				before: onTool("get_task_status", func(c call) *fakeAnswer {
					if c.at.Sub(c.task.startedAt) > day {
						return nil
					}
					return adcpError("REFERENCE_NOT_FOUND", `"recovery":"correctable"`)
				}),
			},
			state:     operation.Completed,
			purchases: 1,
		},
		{
			// A poll that says completed without the buy proves no buy (contract F30). The agent is polled
			// again, and then shows it.
			name:      "a poll says completed without the buy, once",
			seller:    &seller{workTime: 2 * time.Hour, after: completedWithoutResult(1)},
			state:     operation.Completed,
			purchases: 1,
			check: func(t *testing.T, h *harness) {
				if h.op.Terminal.At.Before(h.seller.tasks[0].doneAt) {
					t.Errorf("ended at %s", h.op.Terminal.At)
				}
			},
		},
		{
			// If the agent never shows the buy, the task has still ended, and a person has to look for the
			// buy at the agent.
			name:      "each poll says completed without the buy",
			seller:    &seller{workTime: 2 * time.Hour, after: completedWithoutResult(1000)},
			state:     operation.Completed,
			attention: operation.ResultMissing,
			purchases: 1,
			check: func(t *testing.T, h *harness) {
				if n := len(h.seller.pollCalls()); n < 2 || h.mediaBuyID() != "" {
					t.Errorf("ended after %d polls with %s", n, h.result)
				}
			},
		},
		{
			name: "polls that break off",
			seller: &seller{
				workTime: 5 * time.Hour,
				before: onTool("get_task_status", func(c call) *fakeAnswer {
					if c.nth%2 == 1 {
						return &fakeAnswer{dropConnection: true}
					}
					return nil
				}),
			},
			state:     operation.Completed,
			purchases: 1,
		},
	}
}
