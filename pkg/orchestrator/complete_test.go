package orchestrator

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
)

// listCaller answers a tool with one text, or with the error that it names.
type listCaller map[string]string

func (listCaller) Discover(context.Context, registry.Agent) (registry.Profile, error) {
	return registry.Profile{}, nil
}

func (l listCaller) Call(_ context.Context, _ registry.Agent, tool string, arguments json.RawMessage) (
	adcp.Response, error) {
	if member, ok := strings.CutPrefix(l[tool], "refuses "); ok {
		if strings.Contains(string(arguments), `"`+member+`"`) {
			return adcp.Response{Err: &adcp.Error{Code: "VALIDATION_ERROR", Field: member, Recovery: adcp.Correctable}}, nil
		}
		return adcp.Response{Payload: json.RawMessage(`{"media_buys":[],"tasks":[]}`)}, nil
	}
	return adcp.Response{Payload: json.RawMessage(l[tool])}, nil
}

// A second call to an agent that does not deduplicate depends on it: nothing found is a fact only
// if nothing was hidden.
func TestLookUpIsCompleteOnlyIfNothingIsHidden(t *testing.T) {
	t.Parallel()
	const (
		other   = `"context":{"adcp_operation_id":"op_x"}`
		none    = `{"media_buys":[],"tasks":[]}`
		aBuy    = `{"media_buys":[{"media_buy_id":"mb_x",` + other + `},{"media_buy_id":"mb_y"}]}`
		aTask   = `{"tasks":[{"task_id":"t_x","task_type":"create_media_buy",` + other + `}]}`
		noTask  = `{"tasks":[{"task_id":"t_x","task_type":"create_media_buy"}]}`
		reads   = `{"tasks":[{"task_id":"t_x","task_type":"get_products"}]}`
		bare    = `{"media_buys":[{"media_buy_id":"mb_x","context":{}}]}`
		twoPage = `{"media_buys":[{"media_buy_id":"mb_x",` + other + `}],"pagination":{"has_more":true}}`
	)
	for name, tc := range map[string]struct {
		buys, tasks     string
		found, complete bool
		blind           bool
	}{
		"nothing is listed":                     {none, none, false, true, false},
		"others are listed":                     {aBuy, aTask, false, true, false},
		"no list is offered":                    {"", "", false, false, false},
		"only tasks are listed":                 {"", aTask, false, false, false},
		"the buy is listed":                     {strings.ReplaceAll(aBuy, "op_x", "op_1"), none, true, true, false},
		"a further page can't be asked for":     {twoPage, none, false, false, false},
		"the list of buys is left out":          {`{"status":"completed"}`, none, false, false, false},
		"the list of buys is null":              {`{"media_buys":null}`, none, false, true, false},
		"some buys could not be listed":         {`{"media_buys":[],"errors":[{"code":"X"}]}`, none, false, false, false},
		"no buy shows a context":                {`{"media_buys":[{"media_buy_id":"mb_x"}]}`, none, false, false, false},
		"no buy shows a context, and no task":   {bare, "", false, false, true},
		"a task of the type has no context":     {aBuy, noTask, false, false, false},
		"a task of another type has no context": {aBuy, reads, false, true, false},
		"buys are not filtered by account":      {"refuses account", none, false, true, false},
		"buys are not filtered by status":       {"refuses status_filter", none, false, false, false},
		"tasks are those of a default account":  {aBuy, "refuses account", false, false, false},
		"tasks come in any order":               {aBuy, "refuses sort", false, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			profile := registry.Profile{PollTool: "get_task_status"}
			if tc.buys != "" {
				profile.Tasks = []string{buysTool}
			}
			if tc.tasks != "" {
				profile.ListTool = "list_tasks"
			}
			keys := 0
			look := newLookUp(contact{profile: profile, caller: listCaller{buysTool: tc.buys, "list_tasks": tc.tasks}},
				json.RawMessage(`{"account":{"account_id":"a"}}`),
				operation.Operation{ID: "op_1", Type: adcp.CreateMediaBuy, State: operation.CallingAdCP},
				func() string { keys++; return fmt.Sprint("key-", keys) })
			answer, complete, _ := look.run(t.Context())
			if (answer != nil) != tc.found || complete != tc.complete || look.blind != tc.blind {
				t.Errorf("answer %+v, complete %v, blind %v", answer, complete, look.blind)
			}
		})
	}
}
