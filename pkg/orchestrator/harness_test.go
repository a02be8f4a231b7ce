package orchestrator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store/memory"

	"github.com/google/uuid"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// buySubmission is a complete submission of create_media_buy.
const buySubmission = `{
	"agent_id": "seller",
	"type": "create_media_buy",
	"request": {
		"account": {"account_id": "a"},
		"brand": {"domain": "d"},
		"start_time": "asap",
		"end_time": "2027-06-30T23:59:59Z",
		"packages": [{"product_id":"p","pricing_option_id":"cpm","budget":1000,"ext":{"adcp_version":"3.1"}}],
		"context": {"mine":1}
	}
}`

// buyProfile is an agent that can be polled and sells media buys.
func buyProfile() registry.Profile {
	return registry.Profile{PollTool: "get_task_status", Tasks: []string{"create_media_buy"}}
}

// answerWith is an agent's answer without an error.
func answerWith(payload string) adcp.Response {
	return adcp.Response{Payload: json.RawMessage(payload)}
}

// errorWith is an agent's AdCP error, with the recovery that AdCP gives its code.
func errorWith(code, details string) adcp.Response {
	r, known := adcp.RecoveryOf(code)
	return adcp.Response{Err: &adcp.Error{Code: code, Recovery: r, Assumed: !known, Details: json.RawMessage(details)}}
}

var submitted = answerWith(`{"status":"submitted","task_id":"task_1"}`)

// fakeAgent gives one answer after the other, and the last one again and again. It remembers its
// calls.
type fakeAgent struct {
	profile       registry.Profile
	discoverErr   error
	answers       []adcp.Response
	tools         []string
	sent          []string
	continuations []adcp.Continuation
}

func (f *fakeAgent) Discover(context.Context, registry.Agent) (registry.Profile, error) {
	return f.profile, f.discoverErr
}

func (f *fakeAgent) Call(_ context.Context, a registry.Agent, tool string, arguments json.RawMessage) (
	adcp.Response, error) {
	f.tools = append(f.tools, tool)
	f.sent = append(f.sent, string(arguments))
	f.continuations = append(f.continuations, a.ContinueTask)
	return f.answers[min(len(f.sent), len(f.answers))-1], nil
}

// fakeWorkflow stands for Step Functions: it has executions by name, and records what it did.
type fakeWorkflow struct {
	mu     sync.Mutex
	status map[string]orchestrator.Execution
	log    []string // "start 1", "wake token next"
}

// execution is the name of the execution of an operation's generation.
func execution(id string, generation int) string { return fmt.Sprint(id, "-", generation) }

func (w *fakeWorkflow) Start(_ context.Context, _, id string, generation int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	name := execution(id, generation)
	if w.status[name] == "" {
		w.log = append(w.log, fmt.Sprint("start ", generation))
		w.status[name] = orchestrator.ExecutionRunning
	}
	return nil
}

func (w *fakeWorkflow) Wake(_ context.Context, token string, wakeup orchestrator.Wakeup) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, "wake "+token+" "+string(wakeup.Next))
	return nil
}

func (w *fakeWorkflow) Ensure(ctx context.Context, tenant, id string, generation int) (orchestrator.Execution, error) {
	w.mu.Lock()
	s := w.status[execution(id, generation)]
	w.mu.Unlock()
	if s != "" {
		return s, nil
	}
	return orchestrator.ExecutionMissing, w.Start(ctx, tenant, id, generation)
}

// harness is one operation of the tenant acme with the agent seller, at a time of its own.
type harness struct {
	t        *testing.T
	at       time.Time
	store    *memory.Store
	agent    *fakeAgent // nil if caller is another fake
	caller   registry.Caller
	breaker  *breaker.Breaker
	workflow *fakeWorkflow
	deps     orchestrator.Deps
	keys     int // idempotency keys of polls
	id       string
}

// newHarness submits a media buy and starts no execution for it.
func newHarness(t *testing.T, agent *fakeAgent) *harness {
	t.Helper()
	h := newHarnessWith(t, agent, buySubmission)
	h.agent = agent
	return h
}

func newHarnessWith(t *testing.T, caller registry.Caller, submission string) *harness {
	t.Helper()
	h := &harness{t: t, at: now, caller: caller}
	clock := func() time.Time { return h.at }
	h.deps = orchestrator.Deps{Now: clock, Jitter: func() float64 { return 0 }}
	h.store = memory.New(clock)
	h.breaker = breaker.New(h.store, breaker.Options{Policy: circuit.Default, Bounds: breaker.DefaultBounds,
		Lease: time.Minute, Now: h.deps.Now, Jitter: h.deps.Jitter, NewID: uuid.NewString})
	h.register("seller")
	h.id = h.submit(submission, "k").ID
	h.workflow = &fakeWorkflow{status: map[string]orchestrator.Execution{}}
	return h
}

// register stores an agent's entry.
func (h *harness) register(id string) {
	h.t.Helper()
	a := registry.Agent{Tenant: "acme", ID: id, URL: "https://" + id + ".example/mcp", Transport: adcp.MCP,
		WebhookMode: operation.WebhookRFC9421, Version: 1}
	if err := h.store.PutAgent(h.t.Context(), a); err != nil {
		h.t.Fatal(err)
	}
}

func (h *harness) submit(submission, key string) operation.Operation {
	h.t.Helper()
	r, err := orchestrator.ParseSubmitRequest([]byte(submission))
	if err != nil {
		h.t.Fatal(err)
	}
	submit := orchestrator.Submit{Store: h.store, Workflow: notStarted{}, Deps: h.deps, BaseURL: "https://api.example"}
	op, _, err := submit.Run(h.t.Context(), "acme", key, r)
	if err != nil {
		h.t.Fatal(err)
	}
	return op
}

// notStarted is a workflow that starts no execution.
type notStarted struct{}

func (notStarted) Start(context.Context, string, string, int) error { return nil }

func (h *harness) op() operation.Operation {
	h.t.Helper()
	op, err := h.store.Get(h.t.Context(), "acme", h.id)
	if err != nil {
		h.t.Fatal(err)
	}
	return op
}

// attention is the reason for the operation's attention, "" if there is none.
func (h *harness) attention() operation.Reason {
	h.t.Helper()
	if a := h.op().Attention; a != nil {
		return a.Reason
	}
	return ""
}

// dispatch runs Dispatch, and lets the delay of its decision pass.
func (h *harness) dispatch() operation.Decision {
	h.t.Helper()
	d := orchestrator.Dispatch{Store: h.store, Agents: h.caller, Deps: h.deps, Breaker: h.breaker}
	decision, err := d.Run(h.t.Context(), "acme", h.id)
	if err != nil {
		h.t.Fatal(err)
	}
	h.at = h.at.Add(time.Duration(decision.Delay) * time.Second)
	return decision
}

// poll runs Poll, and lets the delay of its decision pass.
func (h *harness) poll() operation.Decision {
	h.t.Helper()
	newKey := func() string { h.keys++; return fmt.Sprint("key-", h.keys) }
	p := orchestrator.Poll{Store: h.store, Agents: h.caller, Deps: h.deps, Breaker: h.breaker, NewKey: newKey}
	decision, err := p.Run(h.t.Context(), "acme", h.id)
	if err != nil {
		h.t.Fatal(err)
	}
	h.at = h.at.Add(time.Duration(decision.Delay) * time.Second)
	return decision
}

// wait makes the operation's execution wait for a token.
func (h *harness) wait(token string) {
	h.t.Helper()
	if err := h.store.Arm("acme", h.id, h.op().Version, token); err != nil {
		h.t.Fatal(err)
	}
	h.workflow.status[execution(h.id, 1)] = orchestrator.ExecutionRunning
}

// reconcile runs Reconcile.
func (h *harness) reconcile() orchestrator.ReconcileSummary {
	h.t.Helper()
	r := orchestrator.Reconcile{Store: h.store, Workflow: h.workflow, Deps: h.deps}
	summary, err := r.Run(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	return summary
}
