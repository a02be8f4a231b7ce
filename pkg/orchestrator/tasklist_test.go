package orchestrator_test

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store/memory"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
)

// lister takes a task up, loses the answer, and lists its tasks in a manner of its own.
type lister struct {
	calls, lists int
	context      json.RawMessage // of the request that was lost
	// list is what one search finds, by the text that is searched for; more says that there are further pages.
	list  func(l *lister, text string) []string
	more  int
	keys  []string
	fails *adcp.Error
}

func (l *lister) Discover(context.Context, registry.Agent) (registry.Profile, error) {
	return registry.Profile{PollTool: "get_task_status", ListTool: "list_tasks", Tasks: []string{"update_media_buy"}}, nil
}

func (l *lister) Call(_ context.Context, _ registry.Agent, tool string, arguments json.RawMessage) (adcp.Response, error) {
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
		return adcp.Response{Payload: json.RawMessage(fmt.Sprintf(`{"task_id":%q,"task_type":"update_media_buy","status":"completed","result":{"media_buy_id":"mb_1"}}`, in.TaskID))}, nil
	}
	l.lists++
	if slices.Contains(l.keys, in.Key) || in.Key == "" || string(in.Account) != `{"account_id":"a"}` || in.Filters.Type != "update_media_buy" {
		return adcp.Response{}, fmt.Errorf("asked with %s", arguments)
	}
	l.keys = append(l.keys, in.Key)
	if l.fails != nil {
		return adcp.Response{Err: l.fails}, nil
	}
	page := len(in.Pagination.Cursor)
	var tasks []json.RawMessage
	if page == l.more {
		for _, t := range l.list(l, in.Filters.Text) {
			tasks = append(tasks, json.RawMessage(t))
		}
	}
	body, err := json.Marshal(map[string]any{"tasks": append([]json.RawMessage{}, tasks...),
		"pagination": map[string]any{"has_more": page < l.more, "cursor": in.Pagination.Cursor + "x"}})
	return adcp.Response{Payload: body}, err
}

// contract C16, G1 to G10, G15: the task of a call whose answer was lost is looked for in the agent's list. It is taken for the operation's only if that is proven,
// and the call is never made again.
func TestLostTaskIsFound(t *testing.T) {
	t.Parallel()
	const other = `{"task_id":"t_other","task_type":"create_media_buy","status":"submitted"}`
	ours := func(id string) string {
		return `{"task_id":"` + id + `","task_type":"update_media_buy","status":"completed"}`
	}
	searches := func(by string, tasks ...string) func(*lister, string) []string {
		return func(_ *lister, text string) []string {
			if text[:min(3, len(text))] == by {
				return tasks
			}
			return nil
		}
	}
	for name, tc := range map[string]struct {
		agent lister
		found string
		lists int
	}{
		"by the context that it carries, the search passed over": {lister{list: func(l *lister, _ string) []string {
			return []string{ours("t_1"), other, `{"task_id":"t_2","task_type":"update_media_buy","status":"working","context":` + string(l.context) + `}`}
		}}, "t_2", 1},
		"on the third page":                 {lister{more: 2, list: searches("op_", ours("t_1"))}, "t_1", 6},
		"the only one by the id":            {lister{list: searches("op_", other, ours("t_1"))}, "t_1", 2},
		"one of two by the id":              {lister{list: searches("op_", ours("t_1"), ours("t_2"))}, "", 1},
		"the only one whatever is searched": {lister{list: func(*lister, string) []string { return []string{ours("t_1")} }}, "", 2},
		"not taken up":                      {lister{list: searches("op_")}, "", 1},
		"another type's":                    {lister{list: searches("op_", other)}, "", 1},
		"another operation's context": {lister{list: func(*lister, string) []string {
			return []string{ours("t_1"), `{"task_id":"t_2","task_type":"update_media_buy","status":"working","context":{"adcp_operation_id":"op_x"}}`}
		}}, "", 1},
		"pages on end": {lister{more: 1000, list: searches("op_", ours("t_1"))}, "", 20},
		"refused":      {lister{fails: &adcp.Error{Code: "SERVICE_UNAVAILABLE", Recovery: adcp.Transient}}, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := memory.New(clock)
			a := registry.Agent{Tenant: "acme", ID: "seller", URL: "https://s.example/mcp", Transport: registry.MCP, WebhookMode: operation.WebhookRFC9421, Version: 1}
			if err := s.PutAgent(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			order, err := orchestrator.ParseSubmitRequest([]byte(`{"agent_id":"seller","type":"update_media_buy","request":{"account":{"account_id":"a"},"media_buy_id":"mb_1","paused":true}}`))
			if err != nil {
				t.Fatal(err)
			}
			deps := orchestrator.Deps{Now: clock, Jitter: func() float64 { return 0 }}
			op, _, err := orchestrator.Submit{Store: s, Workflow: notStarted{}, Deps: deps, BaseURL: "https://api.example"}.Run(t.Context(), "acme", "k", order)
			if err != nil {
				t.Fatal(err)
			}
			agent, keys := tc.agent, 0
			if _, err := (orchestrator.Dispatch{Store: s, Agents: &agent, Deps: deps}).Run(t.Context(), "acme", op.ID); err != nil {
				t.Fatal(err)
			}
			poll := orchestrator.Poll{Store: s, Agents: &agent, Deps: deps, NewKey: func() string { keys++; return fmt.Sprintf("key-%d", keys) }}
			if _, err := poll.Run(t.Context(), "acme", op.ID); err != nil {
				t.Fatal(err)
			}
			got, err := s.Get(t.Context(), "acme", op.ID)
			if err != nil || got.TaskID != tc.found || agent.calls != 1 || agent.lists != tc.lists {
				t.Fatalf("task %q after %d calls and %d lists, %v", got.TaskID, agent.calls, agent.lists, err)
			}
			want := operation.CallingAdCP
			if tc.found != "" {
				want = operation.Submitted
			}
			if got.State != want {
				t.Errorf("%s", got.State)
			}
			if tc.found == "" {
				return
			}
			if _, err := poll.Run(t.Context(), "acme", op.ID); err != nil { // the task itself tells
				t.Fatal(err)
			}
			if got, err = s.Get(t.Context(), "acme", op.ID); err != nil || got.State != operation.Completed {
				t.Errorf("%s after the next poll, %v", got.State, err)
			}
		})
	}
}
