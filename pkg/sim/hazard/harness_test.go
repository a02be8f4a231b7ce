package hazard

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/agent"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/safehttp"
	"adcp-orchestrator/pkg/sim"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/webhook"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // every refusal logs a line
	os.Exit(m.Run())
}

// harness runs one scenario: the seller, the orchestrator with its real client and its real
// receiver, and the end of the one operation.
type harness struct {
	*sim.World
	seller   *seller
	receiver webhook.Receiver
	// secret is the orchestrator's credential for the seller.
	secret     string
	replies    []webhook.Reply
	nonceCount int

	op     operation.Operation
	result json.RawMessage
	events []operation.Event
}

const (
	rootSecret = "a root secret of thirty-two bytes"
	token      = "the seller's token"
	day        = 24 * time.Hour
)

// Secret implements agent.Secrets.
func (h *harness) Secret(context.Context, string) (string, error) {
	if h.secret == "" {
		return "", errors.New("no such secret")
	}
	return h.secret, nil
}

// run submits one purchase to the scenario's seller and lets the time up to the horizon pass.
func (sc scenario) run(t *testing.T) *harness {
	t.Helper()
	h := sc.newHarness(t)
	if sc.setup != nil {
		sc.setup(h)
	}
	op, err := h.Submit(t.Context(), sim.Tenant, "key", "po-1")
	if err != nil {
		t.Fatal(err)
	}
	horizon := sc.horizon
	if horizon == 0 {
		horizon = 3 * day
	}
	if err := h.Run(t.Context(), horizon); err != nil {
		t.Fatal(err)
	}
	r, err := h.Store.Load(t.Context(), sim.Tenant, op.ID)
	if err != nil {
		t.Fatal(err)
	}
	h.op, h.result, h.events = r.Op, r.Result, r.Events
	return h
}

func (sc scenario) newHarness(t *testing.T) *harness {
	t.Helper()
	definition, err := sim.Load("../../../template/operation.asl.json", map[string]string{
		"DispatchFunction": "Dispatch",
		"PollFunction":     "Poll",
		"SettleFunction":   "Settle",
		"TableName":        "T",
	})
	if err != nil {
		t.Fatal(err)
	}
	h := &harness{World: sim.New(definition, &sim.Seller{}, &sim.Crash{}), seller: sc.seller, secret: token}
	h.seller.init(h.Now)
	h.seller.post = h.post
	server := httptest.NewServer(h.seller)
	t.Cleanup(server.Close)
	client := agent.New(agent.Options{Secrets: h, HTTP: safehttp.Options{AllowLoopback: true}, Now: h.Now})
	h.Caller = waitingCaller{client, h.seller}
	h.RootSecrets = func(context.Context) ([]string, error) { return []string{rootSecret}, nil }
	h.receiver = h.newReceiver()
	if err := h.Store.PutAgent(t.Context(), sc.agent(server.URL)); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *harness) newReceiver() webhook.Receiver {
	deps := orchestrator.Deps{Now: h.Now, Jitter: func() float64 { return 0 }}
	return webhook.Receiver{
		Store:   h.Store,
		Now:     h.Now,
		Count:   func(string) {},
		Roots:   h.RootSecrets,
		BaseURL: baseURL,
		SenderKeys: func(operation.Operation, store.Document) webhook.SenderKeys {
			return unrevokedKeys{publishedKeys()}
		},
		Apply: orchestrator.Receive{Store: h.Store, Workflow: h, Deps: deps},
	}
}

// agent returns the registered entry of the scenario's seller.
func (sc scenario) agent(url string) registry.Agent {
	a := registry.Agent{
		Tenant:        sim.Tenant,
		ID:            sim.Agent,
		URL:           url + "/mcp",
		Transport:     adcp.MCP,
		CredentialRef: "adcp/acme/seller",
		WebhookMode:   operation.WebhookRFC9421,
		WebhookFormat: sc.format,
		Poll:          operation.PollPolicy{IntervalSeconds: 30}.WithDefaults(),
		Version:       2,
	}
	if sc.seller.a2a != "" {
		a.URL, a.Transport = url+"/", adcp.A2A
	}
	if sc.mode != "" {
		a.WebhookMode = sc.mode
	}
	return a
}

// waitingCaller returns from a call only after the seller has finished the request. A broken
// connection does not wait for that, and the orchestrator and the seller share one clock.
type waitingCaller struct {
	registry.Caller
	seller *seller
}

// Discover implements registry.Caller.
func (w waitingCaller) Discover(ctx context.Context, a registry.Agent) (registry.Profile, error) {
	defer w.seller.wait()
	return w.Caller.Discover(ctx, a)
}

// Call implements registry.Caller.
func (w waitingCaller) Call(
	ctx context.Context, a registry.Agent, tool string, arguments json.RawMessage,
) (adcp.Response, error) {
	defer w.seller.wait()
	return w.Caller.Call(ctx, a, tool, arguments)
}

// Session implements registry.SessionCaller.
func (w waitingCaller) Session(ctx context.Context) (registry.Caller, func()) {
	shared, end := w.Caller.(registry.SessionCaller).Session(ctx)
	return waitingCaller{shared, w.seller}, end
}

// Wake implements the receiver's workflow on the world's executions.
func (h *harness) Wake(_ context.Context, token string, w orchestrator.Wakeup) error {
	for _, e := range h.Executions() {
		_ = e.Wake(token, w) // an execution without this token refuses it
	}
	return nil
}

// mediaBuyID returns the media_buy_id in the operation's result.
func (h *harness) mediaBuyID() string {
	var r struct {
		ID string `json:"media_buy_id"`
	}
	_ = json.Unmarshal(h.result, &r)
	return r.ID
}

// wasIn reports whether the operation was ever in a state, by its timeline.
func (h *harness) wasIn(state operation.State) bool {
	return slices.ContainsFunc(h.events, func(e operation.Event) bool { return e.To == state })
}

// replyCodes are the receiver's replies to the seller's webhooks, in order.
func (h *harness) replyCodes() string {
	var all []string
	for _, r := range h.replies {
		all = append(all, strconv.Itoa(r.Status)+" "+r.Code)
	}
	return strings.Join(all, ", ")
}

// attentionRaised checks that attention was raised for a reason at any time.
func attentionRaised(t *testing.T, h *harness, reason operation.Reason) {
	t.Helper()
	for _, e := range h.events {
		if e.Kind == operation.EventAttention && e.Detail == string(reason) {
			return
		}
	}
	t.Errorf("no attention was raised for %s", reason)
}
