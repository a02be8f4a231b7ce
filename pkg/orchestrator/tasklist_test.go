package orchestrator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
)

// listingAgent accepts a task, loses the answer, and lists its tasks.
type listingAgent struct {
	calls, lists int
	context      json.RawMessage // of the request whose answer was lost
	// list returns what a search for a text finds. It is on the page after pagesBefore empty ones.
	list        func(l *listingAgent, text string) []string
	pagesBefore int
	keys        []string
	listErr     *adcp.Error
}

func (*listingAgent) Discover(context.Context, registry.Agent) (registry.Profile, error) {
	return registry.Profile{PollTool: "get_task_status", ListTool: "list_tasks",
		Tasks: []string{"update_media_buy"}}, nil
}

func (l *listingAgent) Call(_ context.Context, _ registry.Agent, tool string, arguments json.RawMessage) (
	adcp.Response, error) {
	var in struct {
		Context json.RawMessage
		Account json.RawMessage
		Key     string `json:"idempotency_key"`
		TaskID  string `json:"task_id"`
		Filters struct {
			Type string `json:"task_type"`
			Text string `json:"context_contains"`
		}
		Pagination struct{ Cursor string }
	}
	if err := json.Unmarshal(arguments, &in); err != nil {
		return adcp.Response{}, err
	}
	switch tool {
	case "update_media_buy":
		l.calls++
		l.context = in.Context
		return adcp.Response{}, &adcp.CallError{Outcome: adcp.Ambiguous}
	case "get_task_status":
		return answerWith(fmt.Sprintf(`{"task_id":%q,"task_type":"update_media_buy","status":"completed",`+
			`"result":{"media_buy_id":"mb_1"}}`, in.TaskID)), nil
	}
	l.lists++
	if slices.Contains(l.keys, in.Key) || in.Key == "" || string(in.Account) != `{"account_id":"a"}` ||
		in.Filters.Type != "update_media_buy" {
		return adcp.Response{}, fmt.Errorf("called with %s", arguments)
	}
	l.keys = append(l.keys, in.Key)
	if l.listErr != nil {
		return adcp.Response{Err: l.listErr}, nil
	}
	page := len(in.Pagination.Cursor)
	var tasks []string
	if page == l.pagesBefore {
		tasks = l.list(l, in.Filters.Text)
	}
	return answerWith(fmt.Sprintf(`{"tasks":[%s],"pagination":{"has_more":%v,"cursor":%q}}`,
		strings.Join(tasks, ","), page < l.pagesBefore, in.Pagination.Cursor+"x")), nil
}

const updateSubmission = `{
	"agent_id": "seller",
	"type": "update_media_buy",
	"request": {"account": {"account_id":"a"}, "media_buy_id": "mb_1", "paused": true}
}`

// Tasks as a listingAgent lists them.
const (
	otherType = `{"task_id":"t_other","task_type":"create_media_buy","status":"submitted"}`
	task1     = `{"task_id":"t_1","task_type":"update_media_buy","status":"completed"}`
	task2     = `{"task_id":"t_2","task_type":"update_media_buy","status":"completed"}`
)

// task2With is a task with a context.
func task2With(context string) string {
	return `{"task_id":"t_2","task_type":"update_media_buy","status":"working","context":` + context + `}`
}

// contract C16, G1 to G10, G15: the task of a call whose answer was lost is searched for in the
// agent's list. It is bound to the operation only if it is proven to be its task, and the call is
// never made again.
func TestLostTaskIsFound(t *testing.T) {
	t.Parallel()
	// byID finds tasks in a search for an operation's id, and none in a search for anything else.
	byID := func(tasks ...string) func(*listingAgent, string) []string {
		return func(_ *listingAgent, text string) []string {
			if strings.HasPrefix(text, "op_") {
				return tasks
			}
			return nil
		}
	}
	// always finds tasks whatever it searches for.
	always := func(tasks ...string) func(*listingAgent, string) []string {
		return func(*listingAgent, string) []string { return tasks }
	}
	unavailable := &adcp.Error{Code: "SERVICE_UNAVAILABLE", Recovery: adcp.Transient}
	for name, tc := range map[string]struct {
		agent listingAgent
		found string
		lists int
	}{
		"its context carries the id, and the filter is ignored": {
			listingAgent{list: func(l *listingAgent, _ string) []string {
				return []string{task1, otherType, task2With(string(l.context))}
			}},
			"t_2", 1,
		},
		"the only one that is found by the id": {
			listingAgent{list: byID(otherType, task1)}, "t_1", 2,
		},
		"the only one that is found by the id, on the third page": {
			listingAgent{pagesBefore: 2, list: byID(task1)}, "t_1", 6,
		},
		"the agent searches no contexts for the id, and lists them": {
			listingAgent{list: func(l *listingAgent, text string) []string {
				if text != "" {
					return nil
				}
				return []string{task1, otherType, task2With(string(l.context))}
			}},
			"t_2", 2,
		},
		"the only one, and its context is that of another operation": {
			listingAgent{list: byID(task2With(`{"adcp_operation_id":"op_x"}`))}, "", 1,
		},
		"one of two that are found by the id": {
			listingAgent{list: byID(task1, task2)}, "", 1,
		},
		"the only one, and a random id finds it as well": {
			listingAgent{list: always(task1)}, "", 2,
		},
		"none: the agent did not accept the task": {
			listingAgent{list: byID()}, "", 2,
		},
		"only a task of another type": {
			listingAgent{list: byID(otherType)}, "", 2,
		},
		"one of them has the context of another operation": {
			listingAgent{list: always(task1, task2With(`{"adcp_operation_id":"op_x"}`))}, "", 1,
		},
		"behind endless pages": {
			listingAgent{pagesBefore: 1000, list: byID(task1)}, "", 100,
		},
		"the list fails": {
			listingAgent{listErr: unavailable}, "", 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			agent := tc.agent
			h := newHarnessWith(t, &agent, updateSubmission)
			h.dispatch()
			h.poll()
			op := h.op()
			if op.TaskID != tc.found || agent.calls != 1 || agent.lists != tc.lists {
				t.Fatalf("task %q after %d calls and %d lists", op.TaskID, agent.calls, agent.lists)
			}
			if tc.found == "" {
				if op.State != operation.CallingAdCP {
					t.Errorf("%s", op.State)
				}
				return
			}
			if op.State != operation.Submitted {
				t.Errorf("%s", op.State)
			}
			h.poll() // the task itself has the result
			if op := h.op(); op.State != operation.Completed {
				t.Errorf("%s after the next poll", op.State)
			}
		})
	}
}
