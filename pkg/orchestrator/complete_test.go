package orchestrator

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
)

// listCaller answers a tool with one text. Buys are filtered by status. The text may begin with
// "refuses " and a member: then questions with it are refused; or with "ignores ": then the text is
// the answer to every question.
type listCaller map[string]string

func (listCaller) Discover(context.Context, registry.Agent) (registry.Profile, error) {
	return registry.Profile{}, nil
}

func (l listCaller) Call(_ context.Context, _ registry.Agent, tool string, arguments json.RawMessage) (
	adcp.Response, error) {
	text := l[tool]
	if rest, ok := strings.CutPrefix(text, "refuses "); ok {
		member, list, _ := strings.Cut(rest, " ")
		if strings.Contains(string(arguments), `"`+member+`"`) {
			return adcp.Response{Err: &adcp.Error{Code: "VALIDATION_ERROR", Field: member, Recovery: adcp.Correctable}}, nil
		}
		text = list
	}
	if list, ok := strings.CutPrefix(text, "ignores "); ok {
		return adcp.Response{Payload: json.RawMessage(list)}, nil
	}
	return adcp.Response{Payload: json.RawMessage(withStatusIn(text, arguments))}, nil
}

// withStatusIn removes the buys from a list that a question's filter does not name.
func withStatusIn(list string, arguments json.RawMessage) string {
	var question struct {
		Statuses []string `json:"status_filter"`
	}
	var members map[string]json.RawMessage
	var buys []map[string]any
	if json.Unmarshal(arguments, &question) != nil || json.Unmarshal([]byte(list), &members) != nil ||
		json.Unmarshal(members["media_buys"], &buys) != nil || buys == nil {
		return list
	}
	buys = slices.DeleteFunc(buys, func(b map[string]any) bool {
		status, has := b["status"].(string)
		return has && !slices.Contains(question.Statuses, status)
	})
	if len(buys) == 0 && strings.Contains(list, `"total_count":100}`) {
		members["pagination"] = json.RawMessage(`{"has_more":false,"total_count":0}`)
	}
	members["media_buys"], _ = json.Marshal(buys)
	filtered, _ := json.Marshal(members)
	return string(filtered)
}

// lookedUp is what a look-up says about the lists of an agent.
type lookedUp struct {
	found, complete, blind bool
}

// lookThrough looks for an operation that a clean look-up allows to send again.
func lookThrough(t *testing.T, buys, tasks string) lookedUp {
	t.Helper()
	profile := registry.Profile{PollTool: "get_task_status"}
	if buys != "" {
		profile.Tasks = []string{buysTool}
	}
	if tasks != "" {
		profile.ListTool = "list_tasks"
	}
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	op := operation.Operation{ID: "op_1", Type: adcp.CreateMediaBuy, State: operation.CallingAdCP, PONumber: "po-1",
		Call: operation.Call{FirstAt: at, LookUpAfter: at, Unclear: true}}
	keys := 0
	look := newLookUp(contact{profile: profile, caller: listCaller{buysTool: buys, "list_tasks": tasks}},
		json.RawMessage(`{"account":{"account_id":"a"},"buyer_ref":"ref-1"}`), op,
		func() string { keys++; return fmt.Sprint("key-", keys) })
	answer, complete, _ := look.run(t.Context())
	return lookedUp{answer != nil, complete, look.blind}
}

const (
	lastPage  = `"pagination":{"has_more":false}`
	otherBuy  = `"status":"active","context":{"adcp_operation_id":"op_x"}`
	someBuys  = `{"media_buys":[{"media_buy_id":"mb_x",` + otherBuy + `}],` + lastPage + `}`
	noneAtAll = `{"media_buys":[],"tasks":[],` + lastPage + `}`
)

// A second call to an agent that does not deduplicate depends on it: nothing found is a fact only
// if nothing was hidden.
func TestLookUpIsCompleteOnlyIfNothingIsHidden(t *testing.T) {
	t.Parallel()
	const (
		other   = `"context":{"adcp_operation_id":"op_x"}`
		aTask   = `{"tasks":[{"task_id":"t_x","task_type":"create_media_buy",` + other + `}],` + lastPage + `}`
		noTask  = `{"tasks":[{"task_id":"t_x","task_type":"create_media_buy"}],` + lastPage + `}`
		noType  = `{"tasks":[{"task_id":"t_x",` + other + `}],` + lastPage + `}`
		reads   = `{"tasks":[{"task_id":"t_x","task_type":"get_products"}],` + lastPage + `}`
		bare    = `{"media_buys":[{"media_buy_id":"mb_x","context":{}}]}`
		twoPage = `{"media_buys":[{"media_buy_id":"mb_x",` + otherBuy + `}],"pagination":{"has_more":true}}`
		none    = noneAtAll
	)
	for name, tc := range map[string]struct {
		buys, tasks string
		want        lookedUp
	}{
		"nothing is listed":                     {none, none, lookedUp{}},
		"others are listed":                     {someBuys, aTask, lookedUp{complete: true}},
		"other buys are listed, and no tasks":   {someBuys, none, lookedUp{complete: true}},
		"no list is offered":                    {"", "", lookedUp{}},
		"only tasks are listed":                 {"", aTask, lookedUp{}},
		"only tasks are listed, and there none": {"", none, lookedUp{}},
		"the buy is listed": {
			strings.ReplaceAll(someBuys, "op_x", "op_1"), none, lookedUp{found: true, complete: true},
		},
		"a further page can't be asked for":     {twoPage, none, lookedUp{}},
		"the list of buys is left out":          {`{"status":"completed"}`, none, lookedUp{}},
		"the list of buys is null":              {`{"media_buys":null,` + lastPage + `}`, none, lookedUp{}},
		"no buy shows a context":                {`{"media_buys":[{"media_buy_id":"mb_x"}]}`, none, lookedUp{}},
		"no buy shows a context, and no task":   {bare, "", lookedUp{blind: true}},
		"a task of the type has no context":     {someBuys, noTask, lookedUp{}},
		"a task has no type":                    {someBuys, noType, lookedUp{}},
		"a task of another type has no context": {someBuys, reads, lookedUp{complete: true}},
		"buys are those of a default account":   {"refuses account " + someBuys, none, lookedUp{}},
		"buys are not filtered by status":       {"refuses status_filter " + someBuys, none, lookedUp{}},
		"tasks are those of a default account":  {someBuys, "refuses account " + aTask, lookedUp{}},
		"tasks come in any order":               {someBuys, "refuses sort " + aTask, lookedUp{complete: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := lookThrough(t, tc.buys, tc.tasks); got != tc.want {
				t.Errorf("%+v, want %+v", got, tc.want)
			}
		})
	}
}

// An agent that fails to read its own database often answers an empty list.
func TestListOfAFailedAnswerProvesNothing(t *testing.T) {
	t.Parallel()
	for _, failure := range []string{
		`"success":false`, `"success":"false"`, `"status":"failed"`, `"status":"submitted","task_id":"x"`,
		`"status":"rejected"`, `"status":"ok"`, `"status":7`, `"errors":[{"code":"X"}]`, `"error":"timeout"`,
		`"adcp_error":{"code":"X"}`, `"isError":true`,
	} {
		for _, list := range []string{someBuys, noneAtAll} {
			failed := `{` + failure + `,` + list[1:]
			if got := lookThrough(t, failed, ""); got.complete {
				t.Errorf("%s is a clean look-up", failed)
			}
			if got := lookThrough(t, someBuys, failed); got.complete {
				t.Errorf("%s as the list of tasks is a clean look-up", failed)
			}
		}
	}
	for _, harmless := range []string{`"success":true`, `"status":"completed"`, `"status":null`, `"errors":[]`} {
		if got := lookThrough(t, `{`+harmless+`,`+someBuys[1:], ""); !got.complete {
			t.Errorf("with %s: %+v", harmless, got)
		}
	}
}

// An agent that cuts its list off and does not say so has shown half of it.
func TestListThatDoesNotSayThatItIsAllProvesNothing(t *testing.T) {
	t.Parallel()
	hundred := strings.TrimSuffix(strings.Repeat(`{"media_buy_id":"mb_x",`+otherBuy+`},`, 100), ",")
	for name, end := range map[string]string{
		"no pagination":            `"sandbox":false`,
		"pagination is null":       `"pagination":null`,
		"has_more is missing":      `"pagination":{}`,
		"has_more is a text":       `"pagination":{"has_more":"false"}`,
		"total_count says more":    `"pagination":{"has_more":false,"total_count":101}`,
		"total_count is a text":    `"pagination":{"has_more":false,"total_count":"101"}`,
		"total_matching says more": lastPage + `,"query_summary":{"total_matching":101}`,
	} {
		for _, items := range []string{hundred, everyStatus()} { // after the latter the filter is not tried
			if got := lookThrough(t, `{"media_buys":[`+items+`],`+end+`}`, ""); got.complete {
				t.Errorf("%s: a clean look-up", name)
			}
		}
	}
	if got := lookThrough(t, `{"media_buys":[`+everyStatus()+`],`+lastPage+`}`, ""); !got.complete {
		t.Errorf("every status: %+v", got)
	}
	all := `{"media_buys":[` + hundred + `],"pagination":{"has_more":false,"total_count":100}}`
	if got := lookThrough(t, all, ""); !got.complete {
		t.Errorf("%+v", got)
	}
}

// everyStatus are buys of others, one in each status.
func everyStatus() string {
	var all []string
	for _, status := range buyStatuses {
		all = append(all, `{"media_buy_id":"mb_`+status+`",`+strings.Replace(otherBuy, "active", status, 1)+`}`)
	}
	return strings.Join(all, ",")
}

// The schema's default is to list active buys, and what was bought just now is not active.
func TestListThatIgnoresTheStatusFilterProvesNothing(t *testing.T) {
	t.Parallel()
	paused := strings.Replace(someBuys, "active", "paused", 1)
	odd := strings.Replace(someBuys, "active", "pending_approval", 1)
	for list, complete := range map[string]bool{
		someBuys:              true,
		paused:                true,
		"ignores " + someBuys: false,
		"ignores " + paused:   false,
		"ignores " + odd:      false,
	} {
		if got := lookThrough(t, list, ""); got.complete != complete {
			t.Errorf("%s: %+v", list, got)
		}
	}
}

// Agents that show contexts do not show them for every buy at every time.
func TestBuyOfUnknownOriginMayBeOurs(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		members  string // of a buy without a context
		complete bool
	}{
		"nothing else is known":          {`"packages":[]`, false},
		"created since the call":         {`"created_at":"2026-11-23T12:00:01Z"`, false},
		"created before it, by a clock":  {`"created_at":"2026-11-23T11:51:00Z"`, false},
		"created at a time of no form":   {`"created_at":"yesterday"`, false},
		"created long before it":         {`"created_at":"2026-11-23T11:49:00Z"`, true},
		"of our purchase order":          {`"po_number":"po-1"`, false},
		"of another purchase order":      {`"po_number":"po-2"`, true},
		"with our reference":             {`"buyer_ref":"ref-1"`, false},
		"with another reference":         {`"buyer_ref":"ref-2"`, true},
		"of our account":                 {`"account":{"account_id":"a"}`, false},
		"a context that can't be one":    {`"context":"op_x"`, false},
		"an id that can't be one":        {`"media_buy_id":7,` + otherBuy, false},
		"it has the context of a client": {`"context":{"theirs":1}`, true},
	} {
		list := strings.Replace(someBuys, `}],`, `},{"media_buy_id":"mb_y","status":"active",`+tc.members+`}],`, 1)
		if strings.Contains(tc.members, "media_buy_id") {
			list = strings.Replace(someBuys, `}],`, `},{`+tc.members+`}],`, 1)
		}
		if got := lookThrough(t, list, ""); got.complete != tc.complete {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// An agent that ignores the account shows that of its default.
func TestListOfAnotherAccountProvesNothing(t *testing.T) {
	t.Parallel()
	foreign := strings.Replace(someBuys, `}],`, `,"account":{"account_id":"b"}}],`, 1)
	both := strings.Replace(foreign, `}],`, `},{"media_buy_id":"mb_y","account":{"account_id":"a"},`+otherBuy+`}],`, 1)
	for list, complete := range map[string]bool{foreign: false, both: true} {
		if got := lookThrough(t, list, ""); got.complete != complete {
			t.Errorf("%s: %+v", list, got)
		}
	}
}
