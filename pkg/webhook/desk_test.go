package webhook_test

import (
	"adcp-orchestrator/pkg/httpsig"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/memory"
	"adcp-orchestrator/pkg/webhook"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const (
	root = "0123456789abcdefghijklmnopqrstuvwxyz"
	base = "https://api.example/live"
)

// desk is a receiver around a store with two submitted operations of one agent and one of another.
type desk struct {
	webhook.Receiver
	store   *memory.Store
	woken   []string
	push    map[string]string // operation id to push token
	route   map[string]string
	mode    operation.WebhookMode
	key     ed25519.PrivateKey
	signers webhook.SenderKeys
	nonces  int
	counted map[string]int
	fail    error // what the store answers, if not nil
	mu      sync.Mutex
	calls   []string
}

func (d *desk) called(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls = append(d.calls, name)
}

func (d *desk) count(outcome string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.counted[outcome]++
}

func (d *desk) Wake(_ context.Context, token string, next operation.Next) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.woken = append(d.woken, token+" "+string(next))
	return nil
}

// counting is the store as the receiver sees it: it can fail, and it notes each call.
type counting struct {
	*memory.Store
	d *desk
}

func (c counting) LoadDelivery(ctx context.Context, a inbox.DeliveryQuery) (inbox.DeliveryContext, error) {
	c.d.called("Arrive")
	if c.d.fail != nil {
		return inbox.DeliveryContext{}, c.d.fail
	}
	return c.Store.LoadDelivery(ctx, a)
}

func (c counting) ClaimNonce(ctx context.Context, n inbox.Nonce, until time.Time, most int) error {
	c.d.called("ClaimNonce")
	return c.Store.ClaimNonce(ctx, n, until, most)
}

func (c counting) Get(ctx context.Context, tenant, id string) (operation.Operation, error) {
	c.d.called("Get")
	return c.Store.Get(ctx, tenant, id)
}

func (c counting) Commit(ctx context.Context, change operation.Change) error {
	c.d.called("Commit")
	return c.Store.Commit(ctx, change)
}

func (c counting) Quarantine(ctx context.Context, q inbox.Quarantined) error {
	c.d.called("Quarantine")
	return c.Store.Quarantine(ctx, q)
}

type noStart struct{}

func (noStart) Start(context.Context, string, string, int) error { return nil }

// known are keys that are known and unrevoked.
type known struct{ httpsig.JWKS }

func (known) Check(context.Context, string) error { return nil }

const keyID = "seller-2026"

func newDesk(t *testing.T, mode operation.WebhookMode) *desk {
	t.Helper()
	d := &desk{store: memory.New(func() time.Time { return now }), push: map[string]string{}, route: map[string]string{}, mode: mode, counted: map[string]int{},
		key: ed25519.NewKeyFromSeed([]byte("the key of the seller's webhooks"))}
	d.signers = known{httpsig.JWKS{keyID: d.published()}}
	counted := counting{d.store, d}
	deps := orchestrator.Deps{Now: func() time.Time { return now }, Jitter: func() float64 { return 0 }}
	d.Receiver = webhook.Receiver{Store: counted, Now: deps.Now, Count: d.count, BaseURL: base,
		SenderKeys: func(operation.Operation, store.Document) webhook.SenderKeys { return d.signers },
		Roots:      func(context.Context) ([]string, error) { return []string{root}, nil },
		Apply:      orchestrator.Receive{Store: counted, Workflow: d, Deps: deps}}
	for _, agent := range []string{"seller", "other"} {
		d.agent(t, agent, mode, "")
	}
	d.submit(t, "seller", "a")
	d.submit(t, "seller", "b")
	d.submit(t, "other", "c")
	return d
}

func (d *desk) agent(t *testing.T, id string, mode operation.WebhookMode, format operation.WebhookFormat) {
	t.Helper()
	a := registry.Agent{Tenant: "acme", ID: id, URL: "https://" + id + ".example/mcp", Transport: registry.MCP, WebhookMode: mode, WebhookFormat: format, Version: 1}
	if err := d.store.PutAgent(t.Context(), a); err != nil {
		t.Fatal(err)
	}
}

// submit makes an operation and brings it to submitted with the task task_<name>.
func (d *desk) submit(t *testing.T, agent, name string) {
	t.Helper()
	o, err := orchestrator.ParseSubmitRequest([]byte(`{"agent_id":"` + agent + `","type":"create_media_buy","request":{"account":{"account_id":"x"},"brand":{"domain":"d"},
		"start_time":"asap","end_time":"2027-06-30T23:59:59Z","packages":[{}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	deps := orchestrator.Deps{Now: func() time.Time { return now }, Jitter: func() float64 { return 0 }}
	op, _, err := orchestrator.Submit{Store: d.store, Workflow: noStart{}, Deps: deps, BaseURL: base}.Run(t.Context(), "acme", "key-"+name, o)
	if err != nil {
		t.Fatal(err)
	}
	op.Version, op.State, op.TaskID, op.TaskToken = 2, operation.Submitted, "task_"+name, "token_"+name
	if err := d.store.Commit(t.Context(), operation.Change{Op: op, BindTask: true}); err != nil {
		t.Fatal(err)
	}
	request, err := d.store.Request(t.Context(), "acme", op.ID)
	if err != nil {
		t.Fatal(err)
	}
	var sent struct {
		Push struct{ URL, Token string } `json:"push_notification_config"`
	}
	if err := json.Unmarshal(request, &sent); err != nil {
		t.Fatal(err)
	}
	d.push[name], d.route[name] = sent.Push.Token, sent.Push.URL[strings.LastIndex(sent.Push.URL, "/")+1:]
}

func (d *desk) id(name string) string { return strings.Split(d.route[name], ".")[2] }

// payload is a conformant webhook for an operation, with members changed.
func (d *desk) payload(name string, changes map[string]any) []byte {
	p := map[string]any{"idempotency_key": "whk_0123456789abcdef", "operation_id": d.id(name), "task_id": "task_" + name, "task_type": "create_media_buy",
		"status": "completed", "timestamp": "2026-11-23T12:00:00Z", "token": d.push[name], "result": map[string]any{"media_buy_id": "mb_" + name}}
	for k, v := range changes {
		if v == nil {
			delete(p, k)
		} else {
			p[k] = v
		}
	}
	b, _ := json.Marshal(p)
	return b
}

// signed is a delivery of a body to an operation's route, as an honest sender makes it in the desk's mode.
func (d *desk) signed(name string, body []byte) webhook.Delivery { return d.in(d.mode, name, body) }

// in is signed in another mode than the registration's.
func (d *desk) in(mode operation.WebhookMode, name string, body []byte) webhook.Delivery {
	x := webhook.Delivery{Method: http.MethodPost, Path: "/v1/webhooks/" + d.route[name], Route: d.route[name], Body: body,
		Header: http.Header{"Content-Type": {"application/json; charset=utf-8"}, "Host": {"api.example"}, "User-Agent": {"seller/1"}}}
	credential := inbox.WebhookCredential(root, "acme", d.id(name))
	switch mode {
	case operation.WebhookHMAC:
		stamp := strconv.FormatInt(now.Unix(), 10)
		x.Header.Set(webhook.HeaderTimestamp, stamp)
		x.Header.Set(webhook.HeaderSignature, "sha256="+webhook.SignHMAC(credential, stamp, body))
	case operation.WebhookBearer:
		x.Header.Set("Authorization", "Bearer "+credential)
	case operation.WebhookRFC9421:
		d.nonces++
		d.sign(&x, base+x.Path, base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "nonce %010d", d.nonces)))
	}
	return x
}

// sign signs a delivery to a URL with the desk's key.
func (d *desk) sign(x *webhook.Delivery, url, nonce string) {
	h, err := httpsig.Sign(context.Background(), httpsig.WebhookProfile(), httpsig.Identity{Key: d.published(), Signer: signer(d.key)},
		httpsig.Message{Method: x.Method, URL: url, Header: http.Header{"Content-Type": x.Header["Content-Type"]}, Body: x.Body},
		httpsig.Stamp{Created: now, Nonce: nonce})
	if err != nil {
		panic(err)
	}
	for name, values := range h {
		x.Header[name] = values
	}
}

type signer ed25519.PrivateKey

func (s signer) Sign(_ context.Context, message []byte) ([]byte, error) {
	return ed25519.Sign(ed25519.PrivateKey(s), message), nil
}

func (d *desk) published() httpsig.JWK {
	return httpsig.JWK{KID: keyID, KeyType: "OKP", Curve: "Ed25519", Alg: "EdDSA", Use: "sig", KeyOps: []string{"verify"}, AdCPUse: httpsig.UseWebhookSigning,
		X: base64.RawURLEncoding.EncodeToString(d.key.Public().(ed25519.PublicKey))}
}

func (d *desk) state(t *testing.T, name string) operation.State {
	t.Helper()
	op, err := d.store.Get(t.Context(), "acme", d.id(name))
	if err != nil {
		t.Fatal(err)
	}
	return op.State
}

// kept lists what is in quarantine.
func (d *desk) kept(t *testing.T) []inbox.Quarantined {
	t.Helper()
	found, next, err := d.store.Quarantined(t.Context(), "acme", "2026-11-23", "", 1000)
	if err != nil || next != "" {
		t.Fatalf("next %q, %v", next, err)
	}
	return found
}
