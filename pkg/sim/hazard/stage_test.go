package hazard

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/agent"
	"adcp-orchestrator/pkg/httpsig"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/safehttp"
	"adcp-orchestrator/pkg/sim"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/webhook"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // every refusal has a line
	os.Exit(m.Run())
}

// stage is one play: the seller, the orchestrator with its real client and its real receiver, and what came of the one operation.
type stage struct {
	*sim.World
	seller   *seller
	receiver webhook.Receiver
	// secret is the credential that the orchestrator has for the seller.
	secret  string
	replies []webhook.Reply
	nonces  int

	op     operation.Operation
	result json.RawMessage
	events []operation.Event
}

const (
	root  = "a root secret of thirty-two bytes"
	token = "the seller's token"
	day   = 24 * time.Hour
)

// Secret implements agent.Secrets.
func (g *stage) Secret(context.Context, string) (string, error) {
	if g.secret == "" {
		return "", errors.New("no such secret")
	}
	return g.secret, nil
}

// play submits one purchase to the scenario's seller and lets the time of its horizon pass.
func (sc scenario) play(t *testing.T) *stage {
	t.Helper()
	d, err := sim.Load("../../../template/operation.asl.json", map[string]string{"DispatchFunction": "Dispatch", "PollFunction": "Poll", "SettleFunction": "Settle", "TableName": "T"})
	if err != nil {
		t.Fatal(err)
	}
	g := &stage{World: sim.New(d, &sim.Seller{}, &sim.Crash{}), seller: sc.seller, secret: token}
	g.seller.init(g.Now)
	g.seller.post = g.post
	server := httptest.NewServer(g.seller)
	t.Cleanup(server.Close)
	g.Line = orderly{agent.New(agent.Options{Secrets: g, HTTP: safehttp.Options{AllowLoopback: true}, Now: g.Now}), g.seller}
	g.Roots = func(context.Context) ([]string, error) { return []string{root}, nil }
	deps := orchestrator.Deps{Now: g.Now, Jitter: func() float64 { return 0 }}
	g.receiver = webhook.Receiver{Store: g.Store, Now: g.Now, Count: func(string) {}, Roots: g.Roots, BaseURL: base,
		SenderKeys: func(operation.Operation, store.Document) webhook.SenderKeys { return unrevoked{published()} },
		Apply:      orchestrator.Receive{Store: g.Store, Workflow: g, Deps: deps}}
	a := registry.Agent{Tenant: sim.Tenant, ID: sim.Agent, URL: server.URL + "/mcp", Transport: registry.MCP, CredentialRef: "adcp/acme/seller",
		WebhookMode: operation.WebhookRFC9421, WebhookFormat: sc.format, Poll: operation.PollPolicy{IntervalSeconds: 30}.WithDefaults(), Version: 2}
	if sc.seller.a2a != "" {
		a.URL, a.Transport = server.URL+"/", registry.A2A
	}
	if sc.mode != "" {
		a.WebhookMode = sc.mode
	}
	if err := g.Store.PutAgent(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if sc.begin != nil {
		sc.begin(g)
	}
	op, err := g.Submit(t.Context(), sim.Tenant, "key", "po-1")
	if err != nil {
		t.Fatal(err)
	}
	horizon := sc.horizon
	if horizon == 0 {
		horizon = 3 * day
	}
	if err := g.Run(t.Context(), horizon); err != nil {
		t.Fatal(err)
	}
	r, err := g.Store.Load(t.Context(), sim.Tenant, op.ID)
	if err != nil {
		t.Fatal(err)
	}
	g.op, g.result, g.events = r.Op, r.Result, r.Events
	return g
}

// orderly lets nothing go on before the seller is through with what it was asked: a connection that breaks tells nothing of that, and the clock is shared.
type orderly struct {
	registry.Caller
	seller *seller
}

// Discover implements orchestrator.Caller.
func (o orderly) Discover(ctx context.Context, a registry.Agent) (registry.Profile, error) {
	defer o.seller.wait()
	return o.Caller.Discover(ctx, a)
}

// Call implements orchestrator.Caller.
func (o orderly) Call(ctx context.Context, a registry.Agent, tool string, arguments json.RawMessage) (adcp.Response, error) {
	defer o.seller.wait()
	return o.Caller.Call(ctx, a, tool, arguments)
}

func (s *seller) wait() {
	s.mu.Lock()
	defer s.mu.Unlock()
}

// Wake implements orchestrator.Waker on the world's executions.
func (g *stage) Wake(_ context.Context, token string, next operation.Next) error {
	for _, e := range g.Executions() {
		_ = e.Wake(token, map[string]operation.Next{"next": next}) // whoever does not wait for it refuses it
	}
	return nil
}

// buy is the media buy's id in the operation's result.
func (g *stage) buy() string {
	var r struct {
		ID string `json:"media_buy_id"`
	}
	_ = json.Unmarshal(g.result, &r)
	return r.ID
}

// was tells whether the operation was ever in a state, by its timeline.
func (g *stage) was(state operation.State) bool {
	for _, e := range g.events {
		if e.To == state {
			return true
		}
	}
	return false
}

// codes are what the seller was told of its webhooks, in order.
func (g *stage) codes() string {
	var all []string
	for _, r := range g.replies {
		all = append(all, strconv.Itoa(r.Status)+" "+r.Code)
	}
	return strings.Join(all, ", ")
}

// push is one delivery of a webhook.
type push struct {
	// after is when, counted from the task's end; at once if now is set.
	after time.Duration
	now   bool
	mode  operation.WebhookMode
	use   string // of the signing key
	body  string
	alter func(h http.Header)
}

// end is what an honest sender says of a task's end, with members changed; null takes one out.
func (t *task) ended(changes string) string {
	m := map[string]any{"idempotency_key": "whk_0123456789abcdef_" + t.id, "operation_id": t.operation, "task_id": t.id, "task_type": "create_media_buy", "protocol": "media-buy",
		"status": t.end, "timestamp": "2026-11-23T12:00:00Z", "token": t.token, "result": json.RawMessage(t.body)}
	var c map[string]any
	if err := json.Unmarshal([]byte("{"+changes+"}"), &c); err != nil {
		panic(err)
	}
	for k, v := range c {
		if m[k] = v; v == nil {
			delete(m, k)
		}
	}
	b, _ := json.Marshal(m)
	return string(b)
}

// post sends a webhook now, or plans it.
func (g *stage) post(t *task, p push) {
	if p.now {
		g.deliver(t, p)
		return
	}
	g.Plan(t.done.Add(p.after), func() { g.deliver(t, p) })
}

const (
	host = "api.example"
	base = "https://" + host + "/live"
)

// deliver authenticates a delivery as its mode says and hands it to the receiver as it goes over the wire.
func (g *stage) deliver(t *task, p push) {
	path := strings.TrimPrefix(t.url, base)
	route := path[strings.LastIndex(path, "/")+1:]
	d := webhook.Delivery{Method: http.MethodPost, Path: path, Route: route, Header: http.Header{"Content-Type": {jsonType}, "Host": {host}}, Body: []byte(p.body)}
	switch p.mode {
	case operation.WebhookHMAC:
		stamp := strconv.FormatInt(g.Now().Unix(), 10)
		d.Header.Set(webhook.HeaderTimestamp, stamp)
		d.Header.Set(webhook.HeaderSignature, "sha256="+webhook.SignHMAC(inbox.WebhookCredential(root, sim.Tenant, t.operation), stamp, d.Body))
	case operation.WebhookBearer:
		d.Header.Set("Authorization", "Bearer "+inbox.WebhookCredential(root, sim.Tenant, t.operation))
	default:
		g.sign(&d, t.url, p)
	}
	if p.alter != nil {
		p.alter(d.Header)
	}
	g.replies = append(g.replies, g.receiver.Handle(context.Background(), d))
}

// sign signs by RFC 9421, as the sellers' libraries do: the signature in base64url without padding, the digest in padded standard base64.
func (g *stage) sign(d *webhook.Delivery, url string, p push) {
	g.nonces++ // each attempt has its own
	key := published()["seller-"+orDefault(p.use, httpsig.UseWebhookSigning)]
	stamp := httpsig.Stamp{Created: g.Now(), Nonce: base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "nonce %010d", g.nonces))}
	h, err := httpsig.Sign(context.Background(), httpsig.WebhookProfile(), httpsig.Identity{Key: key, Signer: signer{}},
		httpsig.Message{Method: d.Method, URL: url, Header: d.Header.Clone(), Body: d.Body}, stamp)
	if err != nil {
		panic(err)
	}
	for name, values := range h {
		d.Header[name] = values
	}
}

func orDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

var private = ed25519.NewKeyFromSeed([]byte("the key of a seller of no manner"))

type signer struct{}

// Sign implements httpsig.Signer.
func (signer) Sign(_ context.Context, message []byte) ([]byte, error) {
	return ed25519.Sign(private, message), nil
}

// published is the seller's key, under an id for each of the two purposes that senders mark it with.
func published() httpsig.JWKS {
	x := base64.RawURLEncoding.EncodeToString(private.Public().(ed25519.PublicKey))
	set := httpsig.JWKS{}
	for _, use := range []string{httpsig.UseWebhookSigning, httpsig.UseRequestSigning} {
		id := "seller-" + use
		set[id] = httpsig.JWK{KID: id, KeyType: "OKP", Curve: "Ed25519", Alg: "EdDSA", Use: "sig", KeyOps: []string{"verify"}, AdCPUse: use, X: x}
	}
	return set
}

type unrevoked struct{ httpsig.JWKS }

func (unrevoked) Check(context.Context, string) error { return nil }
