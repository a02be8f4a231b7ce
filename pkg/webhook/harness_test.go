package webhook_test

import (
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

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/httpsig"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/memory"
	"adcp-orchestrator/pkg/webhook"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const (
	root  = "0123456789abcdefghijklmnopqrstuvwxyz"
	base  = "https://api.example/live"
	keyID = "seller-2026"
)

var modes = []operation.WebhookMode{operation.WebhookRFC9421, operation.WebhookHMAC, operation.WebhookBearer}

// harness is a receiver with a store and three submitted operations: a and b of one agent, c of
// another.
type harness struct {
	webhook.Receiver
	store      *memory.Store
	wakes      []string          // "task token, next step" of each signal to an execution
	push       map[string]string // push tokens by operation
	route      map[string]string // callback tokens by operation
	mode       operation.WebhookMode
	key        ed25519.PrivateKey
	senderKeys webhook.SenderKeys
	nonces     int
	counted    map[string]int
	fail       error // returned by LoadDelivery, if not nil
	mu         sync.Mutex
	calls      []string // of the store
}

func newHarness(t *testing.T, mode operation.WebhookMode) *harness {
	t.Helper()
	clock := func() time.Time { return now }
	h := &harness{
		store:   memory.New(clock),
		push:    map[string]string{},
		route:   map[string]string{},
		mode:    mode,
		counted: map[string]int{},
		key:     ed25519.NewKeyFromSeed([]byte("the key of the seller's webhooks")),
	}
	h.senderKeys = unrevokedKeys{httpsig.JWKS{keyID: h.published()}}
	recording := recordingStore{h.store, h}
	h.Receiver = webhook.Receiver{
		Store:   recording,
		Now:     clock,
		Count:   h.count,
		BaseURL: base,
		SenderKeys: func(operation.Operation, store.Document) webhook.SenderKeys {
			return h.senderKeys
		},
		Roots: func(context.Context) ([]string, error) { return []string{root}, nil },
		Apply: orchestrator.Receive{Store: recording, Workflow: h, Deps: deps()},
	}
	for _, agent := range []string{"seller", "other"} {
		h.putAgent(t, agent, mode, "")
	}
	h.submit(t, "seller", "a")
	h.submit(t, "seller", "b")
	h.submit(t, "other", "c")
	return h
}

func deps() orchestrator.Deps {
	return orchestrator.Deps{
		Now:    func() time.Time { return now },
		Jitter: func() float64 { return 0 },
	}
}

// inEachMode runs a test with a registration of each mode.
func inEachMode(t *testing.T, test func(t *testing.T, h *harness)) {
	t.Helper()
	for _, mode := range modes {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			test(t, newHarness(t, mode))
		})
	}
}

func (h *harness) putAgent(
	t *testing.T, id string, mode operation.WebhookMode, format adcp.Format,
) {
	t.Helper()
	a := registry.Agent{
		Tenant:        "acme",
		ID:            id,
		URL:           "https://" + id + ".example/mcp",
		Transport:     adcp.MCP,
		WebhookMode:   mode,
		WebhookFormat: format,
		Version:       1,
	}
	if err := h.store.PutAgent(t.Context(), a); err != nil {
		t.Fatal(err)
	}
}

// changeAgent gives the entry "seller" another mode and URL.
func (h *harness) changeAgent(t *testing.T, mode operation.WebhookMode, url string) {
	t.Helper()
	a, err := h.store.Agent(t.Context(), "acme", "seller")
	if err != nil {
		t.Fatal(err)
	}
	a.WebhookMode, a.URL, a.Version = mode, url, a.Version+1
	if err := h.store.PutAgent(t.Context(), a); err != nil {
		t.Fatal(err)
	}
}

// setTask binds an operation to another task.
func (h *harness) setTask(t *testing.T, name, task string) {
	t.Helper()
	op, err := h.store.Get(t.Context(), "acme", h.id(name))
	if err != nil {
		t.Fatal(err)
	}
	op.TaskID, op.Version = task, op.Version+1
	if err := h.store.Commit(t.Context(), operation.Change{Op: op, BindTask: true}); err != nil {
		t.Fatal(err)
	}
}

// expectRefused sends a delivery that names an operation of somebody else.
func (h *harness) expectRefused(t *testing.T, x webhook.Delivery) {
	t.Helper()
	got := h.Handle(t.Context(), x)
	if records := h.quarantined(t); got.Status != 422 || got.Code != "unknown_operation" || len(records) != 1 {
		t.Errorf("got %+v, quarantined %+v", got, records)
	}
	for name := range h.route {
		if s := h.state(t, name); s != operation.Submitted {
			t.Errorf("%s became %s", name, s)
		}
	}
}

// submit creates an operation and brings it to the state submitted, with the task task_<name>.
func (h *harness) submit(t *testing.T, agent, name string) {
	t.Helper()
	request, err := orchestrator.ParseSubmitRequest([]byte(`{"agent_id":"` + agent + `",
		"type":"create_media_buy",
		"request":{"account":{"account_id":"x"},"brand":{"domain":"d"},"start_time":"asap",
			"end_time":"2027-06-30T23:59:59Z","packages":[{"product_id":"p","pricing_option_id":"cpm","budget":1000}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	submit := orchestrator.Submit{Store: h.store, Workflow: noStart{}, Deps: deps(), BaseURL: base}
	op, _, err := submit.Run(t.Context(), "acme", "key-"+name, request)
	if err != nil {
		t.Fatal(err)
	}
	op.Version, op.State, op.TaskID, op.TaskToken = 2, operation.Submitted, "task_"+name, "token_"+name
	if err := h.store.Commit(t.Context(), operation.Change{Op: op, BindTask: true}); err != nil {
		t.Fatal(err)
	}
	stored, err := h.store.Request(t.Context(), "acme", op.ID)
	if err != nil {
		t.Fatal(err)
	}
	var sent struct {
		Push struct{ URL, Token string } `json:"push_notification_config"`
	}
	if err := json.Unmarshal(stored, &sent); err != nil {
		t.Fatal(err)
	}
	h.push[name] = sent.Push.Token
	h.route[name] = sent.Push.URL[strings.LastIndex(sent.Push.URL, "/")+1:]
}

func (h *harness) id(name string) string { return strings.Split(h.route[name], ".")[2] }

// payload returns a conformant webhook for an operation, with some members changed, or removed by
// nil.
func (h *harness) payload(name string, changes map[string]any) []byte {
	p := map[string]any{
		"idempotency_key": "whk_0123456789abcdef",
		"operation_id":    h.id(name),
		"task_id":         "task_" + name,
		"task_type":       "create_media_buy",
		"status":          "completed",
		"timestamp":       "2026-11-23T12:00:00Z",
		"token":           h.push[name],
		"result":          map[string]any{"media_buy_id": "mb_" + name},
	}
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

// signed returns a delivery to an operation's route that is authentic in the registration's mode.
func (h *harness) signed(name string, body []byte) webhook.Delivery {
	return h.signedIn(h.mode, name, body)
}

// signedIn returns a delivery that is authentic in the given mode.
func (h *harness) signedIn(mode operation.WebhookMode, name string, body []byte) webhook.Delivery {
	x := webhook.Delivery{
		Method:        http.MethodPost,
		Path:          "/v1/webhooks/" + h.route[name],
		CallbackToken: h.route[name],
		Body:          body,
		Header: http.Header{
			"Content-Type": {"application/json; charset=utf-8"},
			"Host":         {"api.example"},
			"User-Agent":   {"seller/1"},
		},
	}
	credential := inbox.WebhookCredential(root, "acme", h.id(name))
	switch mode {
	case operation.WebhookHMAC:
		stamp := strconv.FormatInt(now.Unix(), 10)
		x.Header.Set(webhook.HeaderTimestamp, stamp)
		x.Header.Set(webhook.HeaderSignature, "sha256="+webhook.SignHMAC(credential, stamp, body))
	case operation.WebhookBearer:
		x.Header.Set("Authorization", "Bearer "+credential)
	case operation.WebhookRFC9421:
		h.nonces++
		nonce := fmt.Appendf(nil, "nonce %010d", h.nonces)
		h.sign(&x, base+x.Path, base64.RawURLEncoding.EncodeToString(nonce))
	}
	return x
}

// sign adds an RFC 9421 signature to a delivery.
func (h *harness) sign(x *webhook.Delivery, url, nonce string) {
	headers, err := httpsig.Sign(context.Background(), httpsig.WebhookProfile(),
		httpsig.Identity{Key: h.published(), Signer: signer(h.key)},
		httpsig.Message{
			Method: x.Method,
			URL:    url,
			Header: http.Header{"Content-Type": x.Header["Content-Type"]},
			Body:   x.Body,
		},
		httpsig.Stamp{Created: now, Nonce: nonce})
	if err != nil {
		panic(err)
	}
	for name, values := range headers {
		x.Header[name] = values
	}
}

func (h *harness) published() httpsig.JWK {
	return httpsig.JWK{
		KID:     keyID,
		KeyType: "OKP",
		Curve:   "Ed25519",
		Alg:     "EdDSA",
		Use:     "sig",
		KeyOps:  []string{"verify"},
		AdCPUse: httpsig.UseWebhookSigning,
		X:       base64.RawURLEncoding.EncodeToString(h.key.Public().(ed25519.PublicKey)),
	}
}

func (h *harness) state(t *testing.T, name string) operation.State {
	t.Helper()
	op, err := h.store.Get(t.Context(), "acme", h.id(name))
	if err != nil {
		t.Fatal(err)
	}
	return op.State
}

// expectUnchanged fails the test if a delivery changed the state of any operation.
func (h *harness) expectUnchanged(t *testing.T) {
	t.Helper()
	for _, op := range []string{"a", "b", "c"} {
		if s := h.state(t, op); s != operation.Submitted {
			t.Errorf("%s became %s", op, s)
		}
	}
}

// quarantined returns all quarantine records.
func (h *harness) quarantined(t *testing.T) []inbox.Quarantined {
	t.Helper()
	found, next, err := h.store.QuarantinePage(t.Context(), "acme", time.Time{}, time.Time{}, "", 1000)
	if err != nil || next != "" {
		t.Fatalf("next %q, %v", next, err)
	}
	return found
}

// reroute sends a delivery to another callback token.
func reroute(x *webhook.Delivery, route string) {
	x.CallbackToken, x.Path = route, "/v1/webhooks/"+route
}
