package conform_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/conform"
	"adcp-orchestrator/pkg/registry"
)

// seller is a scripted agent. fault names the one thing that it does wrong.
type seller struct {
	fault string
	buys  map[string]map[string]any // by key: the order
	ids   map[string]string
	polls int
}

func (s *seller) Discover(context.Context, registry.Agent) (registry.Profile, error) {
	if s.fault == "down" {
		return registry.Profile{}, &adcp.CallError{Outcome: adcp.Unsent}
	}
	p := registry.Profile{PollTool: "get_task_status",
		Tasks: []string{"create_media_buy", "get_media_buys", "update_media_buy"}}
	p.Capabilities.Versions = []string{"3.1"}
	p.Capabilities.Idempotency = adcp.IdempotencyOffer{Support: adcp.Supported, ReplayTTL: time.Hour}
	p.Capabilities.Webhooks.Support = adcp.Supported
	switch s.fault {
	case "silent":
		p.Capabilities = adcp.Capabilities{}
	case "no poll":
		p.PollTool = ""
	}
	return p, nil
}

func (s *seller) Call(_ context.Context, _ registry.Agent, tool string, raw json.RawMessage) (adcp.Response, error) {
	var a map[string]any
	if err := json.Unmarshal(raw, &a); err != nil {
		return adcp.Response{}, err
	}
	refuse := adcp.Response{Err: &adcp.Error{Code: "INVALID_REQUEST", Message: "no"}}
	if s.fault == "rpc" && tool == "create_media_buy" && a["packages"] == nil {
		return adcp.Response{}, &adcp.CallError{Outcome: adcp.Ambiguous, RPCCode: -32602}
	}
	switch tool {
	case "create_media_buy":
		return s.buy(a, refuse), nil
	case "get_task_status":
		if a["task_id"] != "task_1" && s.fault != "invents tasks" {
			return adcp.Response{Err: &adcp.Error{Code: "REFERENCE_NOT_FOUND"}}, nil
		}
		if s.polls++; s.fault == "slow" && s.polls < 4 {
			return answer(`{"status":"working","task_id":%q,"task_type":"create_media_buy"}`, a["task_id"]), nil
		}
		return answer(`{"status":"completed","task_id":%q,"task_type":"create_media_buy","result":{"media_buy_id":"mb_1"}}`,
			a["task_id"]), nil
	case "get_media_buys":
		if s.fault == "strict" && a["ext"] != nil {
			return refuse, nil
		}
		if s.fault == "forgets" {
			return answer(`{"media_buys":[]}`), nil
		}
		return answer(`{"media_buys":[{"media_buy_id":"mb_1","status":"active"}]}`), nil
	case "update_media_buy":
		if s.fault == "keeps" {
			return refuse, nil
		}
		return answer(`{"media_buy_id":"mb_1","status":"canceled"}`), nil
	}
	return refuse, nil
}

func (s *seller) buy(a map[string]any, refuse adcp.Response) adcp.Response {
	key := fmt.Sprint(a["idempotency_key"])
	before, known := s.buys[key]
	switch {
	case a["packages"] == nil:
		return refuse
	case known && before["po_number"] != a["po_number"] && s.fault != "reuses keys":
		return adcp.Response{Err: &adcp.Error{Code: "IDEMPOTENCY_CONFLICT"}}
	case known && s.fault != "buys twice":
		return answer(`{"media_buy_id":%q,"packages":[],"status":"completed"}`, s.ids[key])
	}
	if s.fault == "slow" {
		s.buys[key] = a
		return answer(`{"status":"submitted","task_id":"task_1"}`)
	}
	s.buys[key], s.ids[key] = a, fmt.Sprintf("mb_%d", len(s.ids)+1)
	if s.fault == "buys twice" {
		s.ids[key] = fmt.Sprintf("mb_%d", time.Now().UnixNano())
	}
	return answer(`{"media_buy_id":%q,"packages":[],"status":"completed"}`, s.ids[key])
}

func answer(format string, a ...any) adcp.Response {
	return adcp.Response{Payload: json.RawMessage(fmt.Sprintf(format, a...))}
}

func try(t *testing.T, fault string, order map[string]any) map[string]conform.Result {
	t.Helper()
	ids := 0
	trial := conform.Trial{
		Caller: &seller{fault: fault, buys: map[string]map[string]any{}, ids: map[string]string{}},
		Now:    time.Now,
		NewID:  func() string { ids++; return fmt.Sprintf("id-%d", ids) },
		Buy:    order,
	}
	byName := map[string]conform.Result{}
	for _, r := range trial.Run(t.Context()) {
		byName[r.Scenario] = r
	}
	if len(byName) != len(conform.Scenarios()) {
		t.Errorf("%d results of %d scenarios", len(byName), len(conform.Scenarios()))
	}
	return byName
}

var order = map[string]any{"account": map[string]any{"account_id": "a"}, "packages": []any{}}

func TestAGoodSellerHasNothingToSufferFrom(t *testing.T) {
	t.Parallel()
	for name, r := range try(t, "", order) {
		if r.Verdict == conform.Suffers {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestEachFaultIsFoundByItsScenario(t *testing.T) {
	t.Parallel()
	for fault, scenario := range map[string]string{
		"down":          "can be discovered",
		"silent":        "deduplicates by idempotency key",
		"no poll":       "can be polled",
		"invents tasks": "does not know an unknown task",
		"rpc":           "refuses a bad request as AdCP does",
		"strict":        "ignores what it does not know",
		"buys twice":    "replays the answer for the same key",
		"reuses keys":   "refuses the key for another order",
		"forgets":       "shows the buy in its list",
		"keeps":         "cancels the buy",
	} {
		r := try(t, fault, order)[scenario]
		if r.Verdict != conform.Suffers || r.Suffering == "" || r.Answer == "" || r.Detail == "" {
			t.Errorf("%s: %+v", fault, r)
		}
	}
}

func TestNothingIsBoughtWithoutAnOrder(t *testing.T) {
	t.Parallel()
	s := &seller{buys: map[string]map[string]any{}, ids: map[string]string{}}
	for _, r := range (conform.Trial{Caller: s, Now: time.Now, NewID: func() string { return "id" }}).Run(t.Context()) {
		if r.Verdict == conform.Suffers {
			t.Errorf("%+v", r)
		}
	}
	if len(s.buys) > 0 {
		t.Errorf("it bought: %v", s.buys)
	}
}

// What is bought by a task is canceled as soon as the task names it.
func TestABuyOfATaskIsCanceled(t *testing.T) {
	t.Parallel()
	pauses := 0
	trial := conform.Trial{
		Caller: &seller{fault: "slow", buys: map[string]map[string]any{}, ids: map[string]string{}}, Now: time.Now,
		NewID: func() string { return "id" }, Buy: order,
		Pause: func(context.Context) error { pauses++; return nil },
	}
	for _, r := range trial.Run(t.Context()) {
		if r.Scenario == conform.Cancels && r.Verdict != conform.Good {
			t.Errorf("%+v", r)
		}
	}
	if pauses == 0 {
		t.Error("it did not wait for the task")
	}
}
