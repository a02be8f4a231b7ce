package orchestrator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/memory"
	"adcp-orchestrator/pkg/validation"
)

// readable is an agent that is read: what it does can be replaced.
type readable struct {
	profile  registry.Profile
	discover func(context.Context) error
	answer   func(ctx context.Context, tool string, arguments map[string]json.RawMessage) (adcp.Response, error)

	mu          sync.Mutex
	discoveries int
	asked       []string // tool and arguments
}

func (r *readable) Discover(ctx context.Context, _ registry.Agent) (registry.Profile, error) {
	r.mu.Lock()
	r.discoveries++
	r.mu.Unlock()
	if r.discover != nil {
		if err := r.discover(ctx); err != nil {
			return registry.Profile{}, err
		}
	}
	return r.profile, nil
}

func (r *readable) Call(ctx context.Context, _ registry.Agent, tool string, arguments json.RawMessage) (
	adcp.Response, error) {
	r.mu.Lock()
	r.asked = append(r.asked, tool+" "+string(arguments))
	r.mu.Unlock()
	var members map[string]json.RawMessage
	if err := json.Unmarshal(arguments, &members); err != nil {
		return adcp.Response{}, err
	}
	return r.answer(ctx, tool, members)
}

// says is an agent that gives one answer to everything.
func says(payload string) *readable {
	return &readable{
		profile: registry.Profile{PollTool: "tasks_get", Tasks: []string{"get_media_buys", "get_products"}},
		answer: func(context.Context, string, map[string]json.RawMessage) (adcp.Response, error) {
			return answerWith(payload), nil
		},
	}
}

func fails(err error) *readable {
	r := says("")
	r.answer = func(context.Context, string, map[string]json.RawMessage) (adcp.Response, error) {
		return adcp.Response{}, err
	}
	return r
}

// silent hangs until nobody waits any more.
func silent(ctx context.Context) error {
	<-ctx.Done()
	return &adcp.CallError{Outcome: adcp.Ambiguous, Cause: fmt.Errorf("the answer breaks off: %w", ctx.Err())}
}

func silentAnswer(ctx context.Context, _ string, _ map[string]json.RawMessage) (adcp.Response, error) {
	return adcp.Response{}, silent(ctx)
}

// reader is the use case with the registered agent seller of the tenant acme.
type reader struct {
	orchestrator.Read
	store *memory.Store
	agent *readable
}

func newReader(t *testing.T, agent *readable) reader {
	t.Helper()
	s := memory.New(time.Now)
	entry := registry.Agent{Tenant: "acme", ID: "seller", URL: "https://s.example/mcp", Transport: adcp.MCP,
		WebhookMode: operation.WebhookNone, Version: 1}
	if err := s.PutAgent(t.Context(), entry); err != nil {
		t.Fatal(err)
	}
	n := 0
	newID := func() string { n++; return fmt.Sprint("id-", n) }
	b := breaker.New(s, breaker.Options{Policy: circuit.Default, Bounds: breaker.DefaultBounds,
		Lease: 30 * time.Second, Now: time.Now, Jitter: func() float64 { return 0 }, NewID: newID})
	return reader{orchestrator.Read{Store: s, Agents: agent, Breaker: b, Now: time.Now,
		NewKey: func() string { return "fresh-key-1" }}, s, agent}
}

func (r reader) read(t *testing.T, task, body string) (orchestrator.ReadAnswer, error) {
	t.Helper()
	return r.Run(t.Context(), "acme", "seller", task, []byte(body))
}

// refusal is the *ReadRefusedError that a read was refused with.
func refusal(t *testing.T, err error) *orchestrator.ReadRefusedError {
	t.Helper()
	var refused *orchestrator.ReadRefusedError
	if !errors.As(err, &refused) {
		t.Fatalf("got %v", err)
	}
	return refused
}

// wantNoPlacesTaken checks that every lease was given back.
func (r reader) wantNoPlacesTaken(t *testing.T) {
	t.Helper()
	entry := registry.Agent{ID: "seller", URL: "https://s.example/mcp", Transport: adcp.MCP}
	gates := []circuit.GateID{{Kind: circuit.AgentGate, Tenant: "acme", Name: entry.CircuitKey()}}
	for shard := range 5 {
		gates = append(gates, circuit.GateID{Kind: circuit.TenantGate, Tenant: "acme", Shard: shard},
			circuit.GateID{Kind: circuit.OriginGate, Name: entry.Origin(), Shard: shard})
	}
	for _, id := range gates {
		g, err := r.store.LeaveGate(t.Context(), id, nil, time.Time{})
		if err != nil || len(g.Leases) != 0 {
			t.Errorf("places at %+v: %+v, %v", id, g.Leases, err)
		}
	}
}

func TestReadReturnsWhatTheAgentAnswersNow(t *testing.T) {
	t.Parallel()
	r := newReader(t, says(`{"status":"completed","message":"two","context_id":"c1","media_buys":[{"media_buy_id":"m"}]}`))
	r.agent.profile.Capabilities.Versions = []string{"3.0", "3.2"}
	got, err := r.read(t, "get_media_buys", `{"account":{"account_id":"a"}}`)
	if err != nil || got.AgentID != "seller" || got.Task != "get_media_buys" || got.Release != "3.2" ||
		got.Status != adcp.StatusCompleted || got.Message != "two" || got.ContextID != "c1" ||
		string(got.Result) != `{"media_buys":[{"media_buy_id":"m"}]}` {
		t.Errorf("got %+v, %v", got, err)
	}
	want := `get_media_buys {"account":{"account_id":"a"},"adcp_major_version":3,"adcp_version":"3.2"}`
	if !slices.Equal(r.agent.asked, []string{want}) {
		t.Errorf("asked %q", r.agent.asked)
	}
	if _, err := r.read(t, "get_media_buys", ""); err != nil || r.agent.discoveries != 1 {
		t.Errorf("read again, without a body: %v, discovered %d times", err, r.agent.discoveries)
	}
	r.wantNoPlacesTaken(t)
}

// An agent would answer a used key from its cache; before 3.2 every request has one.
func TestReadInOlderReleasesHasAFreshKey(t *testing.T) {
	t.Parallel()
	r := newReader(t, says(`{"media_buys":[]}`))
	got, err := r.read(t, "get_media_buys", `{}`)
	const key = `"idempotency_key":"fresh-key-1"`
	if err != nil || got.Release != adcp.Version || !strings.Contains(r.agent.asked[0], key) {
		t.Errorf("got %+v, %v; asked %q", got, err, r.agent.asked)
	}
}

func TestReadsUseTheAgentsNameOfAProtocolTool(t *testing.T) {
	t.Parallel()
	r := newReader(t, says(`{"status":"failed","task_id":"t1","error":{"code":"X"}}`))
	got, err := r.read(t, "get_task_status", `{"task_id":"t1"}`)
	if err != nil || !strings.HasPrefix(r.agent.asked[0], "tasks_get ") || got.Status != adcp.StatusCompleted ||
		!strings.Contains(string(got.Result), `"status":"failed"`) {
		t.Errorf("got %+v, %v; asked %q", got, err, r.agent.asked)
	}
	if e := refusal(t, second(r.read(t, "list_tasks", `{}`))); e.Code != orchestrator.TaskNotOffered {
		t.Errorf("a tool that the agent does not have: %+v", e)
	}
}

func second[T any](_ T, err error) error { return err }

// What the client must not send, and what is no read, never reaches the agent, and takes no
// place.
func TestReadRefusesWithoutAskingTheAgent(t *testing.T) {
	t.Parallel()
	r := newReader(t, says(`{"products":[]}`))
	for body, field := range map[string]string{
		`[]`:                                    "(body)",
		`{"a":1,"a":2}`:                         "(body)",
		`{"idempotency_key":"k"}`:               "idempotency_key",
		`{"push_notification_config":{}}`:       "push_notification_config",
		`{"adcp_version":"2.0"}`:                "adcp_version",
		`{"adcp_major_version":2}`:              "adcp_major_version",
		`{"max_results":9007199254740993}`:      "max_results",
		`{"refine":[{},{"action":"finalize"}]}`: "refine[1].action",
	} {
		var invalid *validation.Error
		if _, err := r.read(t, "get_products", body); !errors.As(err, &invalid) || invalid.Fields[0].Field != field {
			t.Errorf("%s: %v", body, err)
		}
	}
	for task, code := range map[string]orchestrator.ReadRefusal{
		"create_media_buy": orchestrator.NotARead, "sync_creatives": orchestrator.NotARead,
		"get_everything": orchestrator.NoSuchTask, "": orchestrator.NoSuchTask, "../x": orchestrator.NoSuchTask,
		"get_signals": orchestrator.TaskNotOffered,
	} {
		e := refusal(t, second(r.read(t, task, `{}`)))
		if e.Code != code || code == orchestrator.NotARead && !strings.Contains(e.Detail, "POST /v1/operations") {
			t.Errorf("%s: %+v", task, e)
		}
	}
	if _, err := r.Run(t.Context(), "other", "seller", "get_products", nil); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("another tenant's agent: %v", err)
	}
	if r.agent.asked != nil {
		t.Errorf("asked %q", r.agent.asked)
	}
	r.wantNoPlacesTaken(t)
}

func TestReadSaysWhyThereIsNoAnswer(t *testing.T) {
	t.Parallel()
	limited := errorWith("RATE_LIMITED", "")
	limited.Err.RetryAfter = 7 * time.Second
	refusing := errorWith("PERMISSION_DENIED", "")
	refusing.Err.RetryAfter, refusing.Err.Message = time.Hour, "ask <b>me</b>"
	answers := func(a adcp.Response) *readable {
		r := says("")
		r.answer = func(context.Context, string, map[string]json.RawMessage) (adcp.Response, error) { return a, nil }
		return r
	}
	for name, tc := range map[string]struct {
		agent *readable
		want  orchestrator.ReadRefusedError // without the texts
		says  string
	}{
		"later": {says(`{"status":"submitted","task_id":"t1"}`),
			orchestrator.ReadRefusedError{Code: orchestrator.AnswersLater}, "(task t1); submit it as an operation"},
		"later, with a sentence as id": {says(`{"status":"working","task_id":"call 555, now"}`),
			orchestrator.ReadRefusedError{Code: orchestrator.AnswersLater}, "AdCP has no way to"},
		"asks for time": {answers(limited),
			orchestrator.ReadRefusedError{Code: orchestrator.AgentError, RetryAfter: 7 * time.Second}, "RATE_LIMITED"},
		"refuses for good": {answers(refusing),
			orchestrator.ReadRefusedError{Code: orchestrator.AgentError}, "PERMISSION_DENIED"},
		"fails in words": {says(`{"success":false,"error":"call 555, now"}`),
			orchestrator.ReadRefusedError{Code: orchestrator.AgentError}, "answered that it failed"},
		"says it is done, and nothing else": {says(`{"status":"completed"}`),
			orchestrator.ReadRefusedError{Code: orchestrator.AnswerUnreadable}, "neither a result nor an error"},
		"is not there": {fails(&adcp.CallError{Outcome: adcp.Unsent, Cause: errors.New("dial 10.0.0.1")}),
			orchestrator.ReadRefusedError{Code: orchestrator.AgentUnreached}, "could not be reached"},
		"is being repaired": {fails(&adcp.CallError{Outcome: adcp.Ambiguous, Status: 503, RetryAfter: time.Minute}),
			orchestrator.ReadRefusedError{Code: orchestrator.AgentUnreached, RetryAfter: time.Minute}, "HTTP 503"},
		"answers too much": {fails(&adcp.CallError{Outcome: adcp.Ambiguous, Code: adcp.AnswerTooLarge, Status: 200}),
			orchestrator.ReadRefusedError{Code: orchestrator.AnswerTooLarge}, "pagination"},
	} {
		r := newReader(t, tc.agent)
		e := refusal(t, second(r.read(t, "get_products", `{}`)))
		if e.Code != tc.want.Code || e.RetryAfter != tc.want.RetryAfter || e.Late || !strings.Contains(e.Detail, tc.says) ||
			strings.Contains(e.Detail, "555") || strings.Contains(e.Detail, "10.0.0.1") ||
			(e.Agent != nil) != (e.Code == orchestrator.AgentError) {
			t.Errorf("%s: %+v", name, e)
		}
		r.wantNoPlacesTaken(t)
	}
}

// contract B31: an agent that names the releases that it speaks is asked in the best of them.
func TestReadIsRepeatedInTheReleaseThatTheAgentNames(t *testing.T) {
	t.Parallel()
	agent := says("")
	agent.answer = func(_ context.Context, _ string, m map[string]json.RawMessage) (adcp.Response, error) {
		if string(m["adcp_version"]) != `"3.0"` {
			return errorWith(adcp.VersionUnsupported, `{"supported_versions":["3.0"]}`), nil
		}
		return answerWith(`{"products":[]}`), nil
	}
	r := newReader(t, agent)
	if got, err := r.read(t, "get_products", `{}`); err != nil || got.Release != "3.0" || len(agent.asked) != 2 {
		t.Errorf("got %+v, %v; asked %q", got, err, agent.asked)
	}
	agent.answer = func(context.Context, string, map[string]json.RawMessage) (adcp.Response, error) {
		return errorWith(adcp.VersionUnsupported, `{"supported_versions":["3.0","3.2"]}`), nil // a liar
	}
	agent.asked = nil
	if e := refusal(t, second(r.read(t, "get_products", `{}`))); e.Agent == nil || len(agent.asked) != 2 {
		t.Errorf("got %+v; asked %q", e, agent.asked)
	}
}

// Nothing of a read is in the logs: not what was asked, and not what the agent said.
func TestReadsAreNotLogged(t *testing.T) { //nolint:paralleltest // replaces the logger
	var logged bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&logged, nil)))
	defer slog.SetDefault(before)
	r := newReader(t, fails(&adcp.CallError{Outcome: adcp.Ambiguous, Status: 200,
		Cause: errors.New("the answer holds no AdCP object: what the agent said")}))
	if e := refusal(t, second(r.read(t, "get_products", `{"brief":"what was asked"}`))); e.Detail == "" {
		t.Errorf("got %+v", e)
	}
	text := logged.String()
	if !strings.Contains(text, "read without answer") || strings.Contains(text, "what was asked") ||
		strings.Contains(text, "what the agent said") {
		t.Errorf("logged %s", text)
	}
}
