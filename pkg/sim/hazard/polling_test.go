package hazard

import (
	"testing"
	"time"

	"adcp-orchestrator/pkg/operation"
)

// honest sends a webhook at the task's end.
func honest(t *task) []push { return []push{{body: t.ended("")}} }

// onlyAsked checks which tools asked about the task.
func onlyAsked(tool string) func(*testing.T, *stage) {
	return func(t *testing.T, g *stage) {
		t.Helper()
		if len(g.seller.polls()) == 0 {
			t.Error("nobody asked")
		}
		for _, c := range g.seller.calls {
			if c.tool != tool && c.tool != "create_media_buy" && c.tool != "get_adcp_capabilities" {
				t.Errorf("asked with %s, want %s", c.tool, tool)
			}
		}
	}
}

// bare leaves the result out of the first n polls that say completed.
func bare(n int) func(call) *said {
	return on("get_task_status", func(c call) *said {
		if c.at.Before(c.task.done) || n == 0 {
			return nil
		}
		n--
		return answer(`{"status":"completed","task_id":"task_1","task_type":"create_media_buy"}`)
	})
}

func pollingHazards() []scenario {
	none := []string{}
	return []scenario{
		{
			// "TypeScript 6.11.0: tasks/get, tasks_get; no list"
			name:   "only tasks/get and tasks_get",
			seller: &seller{streamed: true, polling: []string{"tasks/get", "tasks_get"}}, state: operation.Completed, purchases: 1,
			check: onlyAsked("tasks_get"),
		},
		{
			name:   "only tasks/get",
			seller: &seller{polling: []string{"tasks/get"}}, state: operation.Completed, purchases: 1,
			check: onlyAsked("tasks/get"),
		},
		{
			// "TypeScript 13: tasks_get, get_task_status (result only with include_result:true), list_tasks"
			name: "a result only with include_result",
			seller: &seller{streamed: true, polling: []string{"tasks_get", "get_task_status"}, more: []string{"list_tasks"}, after: on("get_task_status", func(c call) *said {
				if c.args["include_result"] == true || c.at.Before(c.task.done) {
					return nil
				}
				return answer(`{"status":"completed","task_id":"task_1","task_type":"create_media_buy"}`)
			})},
			state: operation.Completed, purchases: 1, check: onlyAsked("get_task_status"),
		},
		{
			// "Python 9.2.0: get_task_status, list_tasks"
			name:   "get_task_status and list_tasks",
			seller: &seller{sessions: true, more: []string{"list_tasks"}}, state: operation.Completed, purchases: 1,
			check: onlyAsked("get_task_status"),
		},
		{
			// "an older Python: none: its webhook is the only way"
			name:   "no polling tool, ended by its webhook",
			seller: &seller{sessions: true, polling: none, takes: 6 * time.Hour, push: honest}, state: operation.Completed, purchases: 1,
		},
		{
			// The same, and the webhook is lost: a passed deadline is no outcome (contract A28).
			name:   "no polling tool, and its webhook is lost",
			seller: &seller{sessions: true, polling: none}, horizon: 10 * day, state: operation.Submitted, attention: operation.DeadlinePassed, purchases: 1,
		},
		{
			name:   "no polling tool, and its webhook comes after the deadline",
			seller: &seller{sessions: true, polling: none, takes: 5 * day, push: honest}, horizon: 6 * day, state: operation.Completed, purchases: 1,
			check: func(t *testing.T, g *stage) { flagged(t, g, operation.DeadlinePassed) },
		},
		{
			name:   "no polling tool, and no webhook was asked for",
			seller: &seller{polling: none}, mode: operation.WebhookNone, state: operation.Submitted, attention: operation.NoWayToFollowUp, purchases: 1,
		},
		{
			// "MCP's own tools-independent tasks/list is empty: it is not AdCP state."
			name:   "MCP's own task list is empty",
			seller: &seller{streamed: true, takes: 2 * time.Hour}, state: operation.Completed, purchases: 1,
			check: func(t *testing.T, g *stage) {
				for m, n := range g.seller.methods() {
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
			seller: &seller{takes: 30 * day, before: on("get_task_status", func(c call) *said {
				if c.at.Sub(c.task.begun) < time.Hour {
					return nil
				}
				a := refuse("REFERENCE_NOT_FOUND", `"recovery":"correctable"`, `"field":"task_id"`)
				return &a
			})},
			state: operation.Working, attention: operation.TaskNotFound, purchases: 1,
		},
		{
			name: "a restart loses the task, and its webhook comes",
			seller: &seller{takes: 40 * time.Hour, push: honest, before: on("get_task_status", func(call) *said {
				a := refuse("REFERENCE_NOT_FOUND", `"recovery":"correctable"`)
				return &a
			})},
			state: operation.Completed, purchases: 1,
			check: func(t *testing.T, g *stage) { flagged(t, g, operation.TaskNotFound) },
		},
		{
			name: "a restart loses the task for a day",
			seller: &seller{takes: 40 * time.Hour, before: on("get_task_status", func(c call) *said {
				if c.at.Sub(c.task.begun) > day {
					return nil
				}
				a := refuse("REFERENCE_NOT_FOUND", `"recovery":"correctable"`)
				return &a
			})},
			state: operation.Completed, purchases: 1,
		},
		{
			// A poll that says completed and shows nothing of a buy proves none (contract F30): the agent is asked again, and shows it in the end.
			name:   "a poll says completed without the buy, once",
			seller: &seller{takes: 2 * time.Hour, after: bare(1)}, state: operation.Completed, purchases: 1,
			check: func(t *testing.T, g *stage) {
				if g.op.Terminal.At.Before(g.seller.tasks[0].done) {
					t.Errorf("ended at %s", g.op.Terminal.At)
				}
			},
		},
		{
			// One that never shows it has ended the task all the same, and somebody has to look for the buy at the agent.
			name:   "each poll says completed without the buy",
			seller: &seller{takes: 2 * time.Hour, after: bare(1000)}, state: operation.Completed, attention: operation.ResultMissing, purchases: 1,
			check: func(t *testing.T, g *stage) {
				if n := len(g.seller.polls()); n < 2 || g.buy() != "" {
					t.Errorf("ended after %d polls with %s", n, g.result)
				}
			},
		},
		{
			name: "polls that break off",
			seller: &seller{takes: 5 * time.Hour, before: on("get_task_status", func(c call) *said {
				if c.n%2 == 1 {
					return &said{cut: true}
				}
				return nil
			})},
			state: operation.Completed, purchases: 1,
		},
	}
}
