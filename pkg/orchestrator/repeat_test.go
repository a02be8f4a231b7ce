package orchestrator_test

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
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
)

// failingAgent buys at each call and answers a failure. It deduplicates nothing. Its list is one
// text; "" stands for the list of a lossyAgent.
type failingAgent struct {
	lossyAgent
	answer adcp.Response
	err    error
	list   string
	// listErr is how questions for the list fail.
	listErr error
}

// lagging is a complete list that does not show the buy yet.
const lagging = `{"media_buys":[{"media_buy_id":"mb_other","status":"active",` +
	`"context":{"adcp_operation_id":"op_other"}}],"pagination":{"has_more":false}}`

func (f *failingAgent) Call(ctx context.Context, a registry.Agent, tool string, arguments json.RawMessage) (
	adcp.Response, error) {
	lost, err := f.lossyAgent.Call(ctx, a, tool, arguments)
	switch {
	case tool == "create_media_buy":
		return f.answer, f.err
	case f.listErr != nil:
		return adcp.Response{}, f.listErr
	case f.list == "":
		return lost, err
	case f.list == lagging && !slices.Contains(statusesIn(arguments), "active"):
		return answerWith(`{"media_buys":[],"pagination":{"has_more":false}}`), nil
	}
	return answerWith(f.list), nil
}

func statusesIn(arguments json.RawMessage) []string {
	var question struct {
		Statuses []string `json:"status_filter"`
	}
	_ = json.Unmarshal(arguments, &question) // without it there are none
	return question.Statuses
}

// unavailable is the failure that asks for a repetition.
var unavailable = errorWith("SERVICE_UNAVAILABLE", "")

// follow24 follows an agent for a day, and returns the harness.
func follow24(t *testing.T, agent *failingAgent) *harness {
	t.Helper()
	h := newHarnessWith(t, agent, buySubmission)
	h.follow(24 * time.Hour)
	return h
}

// A purchase is sent again to an agent that does not deduplicate only if its list proves that it
// has bought nothing.
func TestListThatProvesNothingAllowsNoSecondPurchase(t *testing.T) {
	t.Parallel()
	const other = `{"media_buy_id":"mb_other","status":"active","context":{"adcp_operation_id":"op_other"}}`
	hundred := strings.Repeat(other+",", 99) + other
	for name, list := range map[string]string{
		"success false":              `{"success":false,"media_buys":[]}`,
		"status failed":              `{"status":"failed","media_buys":[]}`,
		"status submitted":           `{"status":"submitted","task_id":"x","media_buys":[]}`,
		"errors beside it":           `{"media_buys":[],"errors":[{"code":"BACKEND","message":"timeout"}]}`,
		"nothing listed":             `{"media_buys":[],"pagination":{"has_more":false}}`,
		"the status filter ignored":  `{"media_buys":[` + other + `],"pagination":{"has_more":false},"sandbox":false}`,
		"no pagination":              `{"media_buys":[` + hundred + `]}`,
		"total_count says more":      `{"media_buys":[` + other + `],"pagination":{"has_more":false,"total_count":5}}`,
		"ours without a context":     strings.Replace(lagging, "[", `[{"media_buy_id":"mb_1","status":"active"},`, 1),
		"the list is another object": `{"message":"ok"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			agent := &failingAgent{answer: unavailable, list: list}
			h := follow24(t, agent)
			if agent.calls != 1 || h.attention() == "" || h.attention() == operation.DeadlinePassed {
				t.Errorf("%d purchases, attention %q", agent.calls, h.attention())
			}
		})
	}
	for _, member := range []string{"account", "status_filter"} {
		t.Run(member+" refused", func(t *testing.T) {
			t.Parallel()
			refusal := &adcp.Error{Code: "INVALID_REQUEST", Field: member, Recovery: adcp.Correctable}
			agent := &failingAgent{answer: unavailable}
			agent.losesPurchase, agent.refuses = true, map[string]*adcp.Error{member: refusal}
			if h := follow24(t, agent); agent.calls != 1 || h.attention() != operation.OutcomeUnclear {
				t.Errorf("%d purchases, attention %q", agent.calls, h.attention())
			}
		})
	}
}

// Lists lag behind. What they do not show is worth one repetition, and then a person's look.
func TestPurchaseIsSentAgainOnceAfterACleanLookUp(t *testing.T) {
	t.Parallel()
	refused := func(status int, rpc int64) error {
		return &adcp.CallError{Outcome: adcp.Refused, Status: status, RPCCode: rpc}
	}
	for name, agent := range map[string]*failingAgent{
		"SERVICE_UNAVAILABLE": {answer: unavailable},
		"RATE_LIMITED":        {answer: errorWith("RATE_LIMITED", "")},
		"VALIDATION_ERROR, transient": {
			answer: adcp.Response{Err: &adcp.Error{Code: "VALIDATION_ERROR", Recovery: adcp.Transient}},
		},
		"HTTP 400 with -32602": {err: refused(400, -32602)},
		"HTTP 401":             {err: refused(401, 0)},
		"HTTP 403":             {err: refused(403, 0)},
		"HTTP 404":             {err: &adcp.CallError{Outcome: adcp.Ambiguous, Status: 404}},
		"HTTP 405":             {err: refused(405, 0)},
		"HTTP 406":             {err: refused(406, 0)},
		"HTTP 429":             {err: refused(429, 0)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			agent.list = lagging
			h := follow24(t, agent)
			if agent.calls != 2 || h.attention() != operation.OutcomeUnclear {
				t.Fatalf("%d purchases, attention %q", agent.calls, h.attention())
			}
			if detail := h.op().Attention.Detail; !strings.Contains(detail, "a redrive sends") {
				t.Errorf("attention says %s", detail)
			}
			agent.answer, agent.err = submitted, nil
			redrive := orchestrator.Redrive{Store: h.store, Workflow: h.workflow, Deps: h.deps}
			if _, _, err := redrive.Run(t.Context(), "acme", h.id, orchestrator.Act{}); err != nil {
				t.Fatal(err)
			}
			lookUps := agent.lookUps
			h.follow(24 * time.Hour)
			if op := h.op(); agent.calls != 3 || agent.lookUps == lookUps || op.State != operation.Submitted {
				t.Errorf("%d purchases, %s after the redrive", agent.calls, op.State)
			}
		})
	}
}

// Nobody has to redrive the operations of an agent whose credential was renewed.
func TestPurchaseGoesOnWhenARefusedCredentialIsRenewed(t *testing.T) {
	t.Parallel()
	denied := &adcp.CallError{Outcome: adcp.Refused, Status: 401}
	agent := &failingAgent{err: denied, list: lagging, listErr: denied}
	h := newHarnessWith(t, agent, buySubmission)
	h.follow(6 * time.Hour)
	if agent.calls != 1 || h.op().Attention == nil {
		t.Fatalf("%d calls, attention %+v", agent.calls, h.op().Attention)
	}
	agent.err, agent.listErr, agent.answer = nil, nil, submitted
	h.follow(18 * time.Hour)
	if op := h.op(); agent.calls != 2 || op.State != operation.Submitted {
		t.Errorf("%d calls, %s", agent.calls, op.State)
	}
}

// A person's redrive does not replace the look-up.
func TestRedriveDoesNotBuyAgainWhatIsListed(t *testing.T) {
	t.Parallel()
	agent := &failingAgent{answer: unavailable, list: lagging}
	h := follow24(t, agent)
	agent.list, agent.status = "", "pending_creatives"
	redrive := orchestrator.Redrive{Store: h.store, Workflow: h.workflow, Deps: h.deps}
	if _, _, err := redrive.Run(t.Context(), "acme", h.id, orchestrator.Act{}); err != nil {
		t.Fatal(err)
	}
	h.follow(24 * time.Hour)
	if op := h.op(); agent.calls != 2 || op.State != operation.Completed {
		t.Errorf("%d purchases, %s", agent.calls, op.State)
	}
}

// A lost answer is not repeated, whatever the list shows.
func TestLostPurchaseIsNotSentAgainAfterACleanLookUp(t *testing.T) {
	t.Parallel()
	for _, ce := range []adcp.CallError{
		{Outcome: adcp.Ambiguous}, {Outcome: adcp.Ambiguous, Status: 500}, {Outcome: adcp.Ambiguous, Status: 503},
		{Outcome: adcp.Ambiguous, Status: 200, RPCCode: -32602},
	} {
		agent := &failingAgent{err: &ce, list: lagging}
		if h := follow24(t, agent); agent.calls != 1 || h.attention() != operation.OutcomeUnclear {
			t.Errorf("%v: %d purchases, attention %q", ce.Error(), agent.calls, h.attention())
		}
	}
}

// A credential that the agent refuses at each call is tried twice, and then by a person's redrive.
func TestRefusedCredentialIsTriedTwiceWithoutDeduplication(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"AUTH_MISSING", "AUTH_INVALID"} {
		agent := &failingAgent{answer: errorWith(code, ""), list: lagging}
		h := follow24(t, agent)
		if a := h.op().Attention; agent.calls != 2 || a == nil || !strings.Contains(a.Detail, code) {
			t.Errorf("%s: %d calls, attention %+v", code, agent.calls, a)
		}
	}
}

// To say less must not prove more: with INTERNAL_ERROR the same failure is unclear.
func TestPurchaseThatFailedWithoutACodeIsUnclear(t *testing.T) {
	t.Parallel()
	for payload, state := range map[string]operation.State{
		`{"status":"failed"}`: operation.CallingAdCP,
		`{"status":"failed","message":"Unhandled exception"}`:            operation.CallingAdCP,
		`{"status":"failed","errors":["timeout"]}`:                       operation.CallingAdCP,
		`{"status":"failed","errors":[{"message":"timeout"}]}`:           operation.CallingAdCP,
		`{"status":"failed","errors":[{"code":"INTERNAL_ERROR"}]}`:       operation.CallingAdCP,
		`{"status":"failed","errors":[{"code":"BUDGET_TOO_LOW"}]}`:       operation.Failed,
		`{"status":"rejected","message":"The publisher does not sell."}`: operation.Rejected,
	} {
		h := newHarness(t, &fakeAgent{profile: buyProfile(), answers: []adcp.Response{answerWith(payload)}})
		h.follow(24 * time.Hour)
		unclear := h.attention() == operation.OutcomeUnclear
		if op := h.op(); op.State != state || unclear != (state == operation.CallingAdCP) || h.agent.purchases() != 1 {
			t.Errorf("%s: %s, attention %+v, %d calls", payload, op.State, op.Attention, h.agent.purchases())
		}
	}
}

// What buys nothing has failed when the agent says so, and so has a task that was submitted.
func TestFailedWithoutACodeEndsWhatItCanEnd(t *testing.T) {
	t.Parallel()
	failed := answerWith(`{"status":"failed","message":"no"}`)
	products := &fakeAgent{profile: registry.Profile{Tasks: []string{"get_products"}}, answers: []adcp.Response{failed}}
	h := newHarnessWith(t, products,
		`{"agent_id":"seller","type":"get_products",
				"request":{"account":{"account_id":"a"},"buying_mode":"brief","brief":"shoes"}}`)
	h.dispatch()
	if op := h.op(); op.State != operation.Failed {
		t.Errorf("get_products is %s", op.State)
	}
	h = newHarness(t, &fakeAgent{profile: buyProfile(), answers: []adcp.Response{submitted,
		answerWith(`{"status":"failed","task_id":"task_1","task_type":"create_media_buy","message":"no"}`)}})
	h.dispatch()
	h.poll()
	if op := h.op(); op.State != operation.Failed {
		t.Errorf("the submitted purchase is %s", op.State)
	}
}

// strictAgent refuses questions with a member by the words of its framework, or by a JSON-RPC
// error.
type strictAgent struct {
	lossyAgent
	refused string
	refusal error
}

func (s *strictAgent) Call(ctx context.Context, a registry.Agent, tool string, arguments json.RawMessage) (
	adcp.Response, error) {
	if tool == "get_media_buys" && strings.Contains(string(arguments), `"`+s.refused+`"`) {
		s.lookUps++
		return adcp.Response{}, s.refusal
	}
	return s.lossyAgent.Call(ctx, a, tool, arguments)
}

// FastMCP: "Unexpected keyword argument", as a tool's error in words.
func TestLookUpLeavesOutWhatAFrameworkRefuses(t *testing.T) {
	t.Parallel()
	for _, refusal := range []*adcp.CallError{
		{Outcome: adcp.Ambiguous, Status: 200},
		{Outcome: adcp.Ambiguous, Status: 200, RPCCode: -32602},
		{Outcome: adcp.Refused, Status: 400, RPCCode: -32602},
		{Outcome: adcp.Ambiguous, Status: 422},
	} {
		for _, member := range []string{"account", "status_filter", "idempotency_key", "adcp_version"} {
			agent := &strictAgent{lossyAgent{status: "active"}, member, refusal}
			h := newHarnessWith(t, agent, buySubmission)
			h.dispatch()
			h.poll()
			if op := h.op(); op.State != operation.Completed || agent.lookUps > 5 {
				t.Errorf("%s refused by %v: %s after %d questions", member, refusal, op.State, agent.lookUps)
			}
		}
		agent := &strictAgent{lossyAgent{status: "active"}, "pagination", refusal}
		h := newHarnessWith(t, agent, buySubmission)
		h.dispatch()
		h.poll()
		if agent.lookUps != 6 {
			t.Errorf("each member is left out once, then all: %d questions", agent.lookUps)
		}
	}
	for _, failure := range []*adcp.CallError{
		{Outcome: adcp.Ambiguous}, {Outcome: adcp.Unsent}, {Outcome: adcp.Ambiguous, Status: 503},
		{Outcome: adcp.Refused, Status: 429, RetryAfter: time.Minute}, {Outcome: adcp.Refused, Status: 401},
	} {
		agent := &strictAgent{lossyAgent{status: "active"}, "account", failure}
		h := newHarnessWith(t, agent, buySubmission)
		h.dispatch()
		h.poll()
		if agent.lookUps != 1 {
			t.Errorf("%v: a failure of the transport is no refusal, %d questions", fmt.Sprint(failure), agent.lookUps)
		}
	}
}
