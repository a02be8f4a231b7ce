package orchestrator_test

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/memory"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// scripted is an agent that answers its calls one after another, and remembers what it was sent.
type scripted struct {
	profile registry.Profile
	answers []adcp.Response // the last one again and again
	tools   []string
	sent    []string
	went    []adcp.Continuation // on from
	err     error               // of being asked what it offers
}

func (s *scripted) Discover(context.Context, registry.Agent) (registry.Profile, error) {
	return s.profile, s.err
}

func (s *scripted) Call(_ context.Context, a registry.Agent, tool string, arguments json.RawMessage) (adcp.Response, error) {
	s.tools, s.sent, s.went = append(s.tools, tool), append(s.sent, string(arguments)), append(s.went, a.ContinueTask)
	return s.answers[min(len(s.sent), len(s.answers))-1], nil
}

// trial is one operation with a scripted agent.
type trial struct {
	t     *testing.T
	at    time.Time
	store *memory.Store
	agent *scripted
	gate  *breaker.Breaker
	deps  orchestrator.Deps
	id    string
}

func try(t *testing.T, agent *scripted) *trial {
	t.Helper()
	x := &trial{t: t, at: now, agent: agent}
	clock := func() time.Time { return x.at }
	x.deps = orchestrator.Deps{Now: clock, Jitter: func() float64 { return 0 }}
	x.store = memory.New(clock)
	x.gate = breaker.New(x.store, circuit.Default, time.Minute, x.deps.Now, x.deps.Jitter)
	a := registry.Agent{Tenant: "acme", ID: "seller", URL: "https://s.example/mcp", Transport: registry.MCP, WebhookMode: operation.WebhookRFC9421, Version: 1}
	if err := x.store.PutAgent(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	order, err := orchestrator.ParseSubmitRequest([]byte(`{"agent_id":"seller","type":"create_media_buy","request":{"account":{"account_id":"x"},"brand":{"domain":"d"},
		"start_time":"asap","end_time":"2027-06-30T23:59:59Z","packages":[{"ext":{"adcp_version":"3.1"}}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	op, _, err := orchestrator.Submit{Store: x.store, Workflow: notStarted{}, Deps: x.deps, BaseURL: "https://api.example"}.Run(t.Context(), "acme", "k", order)
	if err != nil {
		t.Fatal(err)
	}
	x.id = op.ID
	return x
}

func (x *trial) op() operation.Operation {
	x.t.Helper()
	op, err := x.store.Get(x.t.Context(), "acme", x.id)
	if err != nil {
		x.t.Fatal(err)
	}
	return op
}

func (x *trial) dispatch() operation.Decision {
	x.t.Helper()
	step, err := orchestrator.Dispatch{Store: x.store, Agents: x.agent, Deps: x.deps, Breaker: x.gate}.Run(x.t.Context(), "acme", x.id)
	if err != nil {
		x.t.Fatal(err)
	}
	x.at = x.at.Add(time.Duration(step.Delay) * time.Second)
	return step
}

func (x *trial) poll() operation.Decision {
	x.t.Helper()
	keys := 0
	step, err := orchestrator.Poll{Store: x.store, Agents: x.agent, Deps: x.deps, Breaker: x.gate, NewKey: func() string { keys++; return fmt.Sprint("key-", keys) }}.Run(x.t.Context(), "acme", x.id)
	if err != nil {
		x.t.Fatal(err)
	}
	x.at = x.at.Add(time.Duration(step.Delay) * time.Second)
	return step
}

func says(payload string) adcp.Response { return adcp.Response{Payload: json.RawMessage(payload)} }

func refuses(code, details string) adcp.Response {
	r, _ := adcp.RecoveryOf(code)
	return adcp.Response{Err: &adcp.Error{Code: code, Recovery: r, Details: json.RawMessage(details)}}
}

var submitted = says(`{"status":"submitted","task_id":"task_1"}`)

// contract B31: an agent that doesn't speak our release is spoken to in the best one that we share, and in no other from then on.
func TestVersionIsNegotiated(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		offers  []string
		answers []adcp.Response
		want    []string // the releases sent
		state   operation.State
	}{
		"nothing said":             {nil, []adcp.Response{submitted}, []string{"3.1"}, operation.Submitted},
		"ours":                     {[]string{"3.0", "3.1"}, []adcp.Response{submitted}, []string{"3.1"}, operation.Submitted},
		"the older one":            {[]string{"3.0"}, []adcp.Response{submitted}, []string{"3.0"}, operation.Submitted},
		"none of ours: ours":       {[]string{"4.0"}, []adcp.Response{submitted}, []string{"3.1"}, operation.Submitted},
		"refused, and told":        {nil, []adcp.Response{refuses("VERSION_UNSUPPORTED", `{"supported_versions":["3.0"]}`), submitted}, []string{"3.1", "3.0"}, operation.Submitted},
		"refused twice: once only": {nil, []adcp.Response{refuses("VERSION_UNSUPPORTED", `{"supported_versions":["3.0"]}`)}, []string{"3.1", "3.0"}, operation.Failed},
		"refused, none shared":     {nil, []adcp.Response{refuses("VERSION_UNSUPPORTED", `{"supported_versions":["2.5"]}`)}, []string{"3.1"}, operation.Failed},
		"refused, nothing told":    {nil, []adcp.Response{refuses("VERSION_UNSUPPORTED", ``)}, []string{"3.1"}, operation.Failed},
		"busy in between: the same bytes": {nil, []adcp.Response{refuses("VERSION_UNSUPPORTED", `{"supported_versions":["3.0"]}`), refuses("SERVICE_UNAVAILABLE", ``), submitted},
			[]string{"3.1", "3.0", "3.0"}, operation.Submitted},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			agent := &scripted{answers: c.answers}
			agent.profile.Capabilities.Versions = c.offers
			x := try(t, agent)
			for range len(c.want) + 2 {
				if x.dispatch().Next != operation.NextRetry {
					break
				}
			}
			var got []string
			for _, sent := range agent.sent {
				var m struct {
					Version string `json:"adcp_version"`
					Key     string `json:"idempotency_key"`
				}
				if err := json.Unmarshal([]byte(sent), &m); err != nil || m.Key == "" || !strings.Contains(sent, `"ext":{"adcp_version":"3.1"}`) {
					t.Errorf("sent %s, %v", sent, err)
				}
				got = append(got, m.Version)
			}
			if fmt.Sprint(got) != fmt.Sprint(c.want) || x.op().State != c.state {
				t.Errorf("sent in %v, then %s; want %v, %s", got, x.op().State, c.want, c.state)
			}
			if n := len(agent.sent); n > 1 && got[n-1] == got[n-2] && agent.sent[n-1] != agent.sent[n-2] {
				t.Error("the bytes of a release differ (contract C6)")
			}
		})
	}
}

// After an attempt that may have bought, other bytes under its key prove nothing: the version stays.
func TestVersionStaysAfterALostAnswer(t *testing.T) {
	t.Parallel()
	agent := &scripted{answers: []adcp.Response{says(`{"status":"odd"}`), refuses("VERSION_UNSUPPORTED", `{"supported_versions":["3.0"]}`), submitted}}
	agent.profile.Capabilities.Idempotency = adcp.IdempotencyOffer{Support: adcp.Supported, ReplayTTL: time.Hour}
	x := try(t, agent)
	for range 3 {
		x.dispatch()
	}
	if op := x.op(); op.State != operation.Submitted || agent.sent[0] != agent.sent[1] || agent.sent[1] != agent.sent[2] {
		t.Errorf("%s after %d calls: %v", op.State, len(agent.sent), agent.sent)
	}
}

// contract E12: a refused credential is a matter of the agent's entry and ends no operation; a human hears of it at once.
func TestRefusedCredentialWaits(t *testing.T) {
	t.Parallel()
	agent := &scripted{answers: []adcp.Response{refuses("AUTH_INVALID", ``), submitted}}
	x := try(t, agent)
	step := x.dispatch()
	if op := x.op(); step.Next != operation.NextRetry || op.State != operation.CallingAdCP || op.Attention == nil || op.Attention.Reason != operation.AgentRefuses ||
		op.Error == nil || op.Error.Code != "AUTH_INVALID" || op.Call.Unclear {
		t.Fatalf("%+v, %s, %+v", step, op.State, op.Attention)
	}
	x.at = x.at.Add(time.Hour) // renewed
	x.dispatch()
	if op := x.op(); op.State != operation.Submitted || op.Attention != nil || op.Error != nil {
		t.Errorf("%s, %+v, %+v", op.State, op.Attention, op.Error)
	}
}

// contract C14: asked again for as long as it takes; after the agent's own bound a human is told.
func TestInFlightForTooLong(t *testing.T) {
	t.Parallel()
	agent := &scripted{answers: []adcp.Response{refuses("IDEMPOTENCY_IN_FLIGHT", ``)}}
	agent.profile.Capabilities.Idempotency = adcp.IdempotencyOffer{Support: adcp.Supported, ReplayTTL: 24 * time.Hour, InFlightMax: time.Minute}
	x := try(t, agent)
	x.dispatch()
	if a := x.op().Attention; a != nil {
		t.Fatalf("at once: %+v", a)
	}
	for range 20 {
		if x.dispatch(); x.op().Attention != nil && x.op().Attention.Reason == operation.OutcomeUnclear {
			break
		}
	}
	if op := x.op(); op.Attention == nil || op.Attention.Reason != operation.OutcomeUnclear || x.at.Sub(now) < time.Minute || x.at.Sub(now) > 3*time.Minute {
		t.Errorf("after %s: %+v", x.at.Sub(now), op.Attention)
	}
	agent.answers = append(agent.answers, submitted)
	agent.sent = agent.sent[:1]
	if x.dispatch(); x.op().State != operation.Submitted {
		t.Errorf("then %s", x.op().State)
	}
}

// What an agent is asked before the call is no attempt of the call: an agent without idempotency is called all the same.
func TestFailedDiscoveryLeavesNothingUnclear(t *testing.T) {
	t.Parallel()
	agent := &scripted{answers: []adcp.Response{submitted}, err: &adcp.CallError{Outcome: adcp.Ambiguous, Status: 503}}
	x := try(t, agent)
	if step := x.dispatch(); step.Next != operation.NextRetry || x.op().Call.Unclear {
		t.Fatalf("%+v, %+v", step, x.op().Call)
	}
	agent.err = nil
	if x.dispatch(); x.op().State != operation.Submitted || len(agent.sent) != 1 {
		t.Errorf("%s after %d calls", x.op().State, len(agent.sent))
	}
}

// A task that is completed by the agent's records and has nothing to show for it is asked about again, looked up where it can be, and believed in the end.
func TestCompletedWithoutAResult(t *testing.T) {
	t.Parallel()
	bare := says(`{"status":"completed","task_id":"task_1","task_type":"create_media_buy"}`)
	for name, c := range map[string]struct {
		tasks  []string
		then   []adcp.Response
		polls  int
		result string
		reason operation.Reason
	}{
		"a later poll has it":  {nil, []adcp.Response{bare, says(`{"status":"completed","task_id":"task_1","result":{"media_buy_id":"mb_1"}}`)}, 2, `{"media_buy_id":"mb_1"}`, ""},
		"the buy is looked up": {[]string{"create_media_buy", "get_media_buys"}, []adcp.Response{bare, says(`{"media_buys":[{"media_buy_id":"mb_1","context":{"adcp_operation_id":"ID"}}]}`)}, 1, "mb_1", ""},
		"believed in the end":  {nil, []adcp.Response{bare}, 6, "", operation.ResultMissing},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			agent := &scripted{profile: registry.Profile{PollTool: "get_task_status", Tasks: c.tasks}}
			x := try(t, agent)
			for i, r := range c.then {
				c.then[i].Payload = json.RawMessage(strings.ReplaceAll(string(r.Payload), "ID", x.id))
			}
			agent.answers = append([]adcp.Response{submitted}, c.then...)
			x.dispatch()
			polls := 0
			for !x.op().State.Terminal() && polls < 10 {
				x.poll()
				polls++
			}
			r, err := x.store.Load(t.Context(), "acme", x.id)
			if err != nil || r.Op.State != operation.Completed || polls != c.polls || !strings.Contains(string(r.Result), c.result) {
				t.Errorf("%s after %d polls with %s, %v", r.Op.State, polls, r.Result, err)
			}
			if c.reason == "" != (r.Op.Attention == nil) || c.reason != "" && r.Op.Attention.Reason != c.reason {
				t.Errorf("attention %+v", r.Op.Attention)
			}
		})
	}
}

// Nobody is asked, and no token spent, when it is known that there is nothing to ask by.
func TestNothingToAskBy(t *testing.T) {
	t.Parallel()
	agent := &scripted{answers: []adcp.Response{submitted}}
	x := try(t, agent)
	x.dispatch()
	x.gate = breaker.New(unasked{t}, circuit.Default, time.Minute, x.deps.Now, x.deps.Jitter)
	if step := x.poll(); step.Next != operation.NextAwait || len(agent.sent) != 1 || x.op().Attempts.Polls != 1 {
		t.Errorf("%+v after %d calls", step, len(agent.sent))
	}
}

// unasked keeps no circuits.
type unasked struct{ t *testing.T }

func (u unasked) Circuit(context.Context, string, string) (store.Document, error) {
	u.t.Error("the circuit was read")
	return store.Document{}, store.ErrNotFound
}

func (u unasked) PutCircuit(context.Context, string, string, store.Document) error {
	u.t.Error("the circuit was written")
	return nil
}
