package e2e

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/operation"
)

// Every type of the schema, caused by what agents and people do, is seen at a consumer on the bus
// and at a receiver that verifies with the library which tenants have: each event once by its id.
func TestEveryTypeOfEventIsSeenOnTheBusAndAtAReceiver(t *testing.T) {
	t.Parallel()
	h := newHarness(t, 5)
	queue, r := newConsumer(t, h.tenant), startReceiver(t)
	const all = "/v1/webhook-endpoints"
	add := func(url string) httpapi.WebhookEndpoint {
		return do[httpapi.WebhookEndpoint](t, h.Client, http.MethodPost, all,
			map[string]string{"Idempotency-Key": uuid.NewString()}, map[string]any{"url": url}, http.StatusCreated)
	}
	e := add(r.base + "/hook")
	r.post(t, "/secret", map[string]any{"secret": e.Secret})
	gone := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusGone)
	}))
	t.Cleanup(gone.Close)
	add(gone.URL) // the first event disables it
	do[any](t, h.Client, http.MethodPost, all+"/"+e.ID+"/test", nil, nil, http.StatusOK)

	h.causeEnds(t)
	h.causeCircuit(t)
	h.causeInput(t)
	h.causeWebhooks(t)

	missing := func(seen map[string]notice.Envelope, but ...notice.Type) (types []notice.Type) {
		for _, want := range notice.Types() {
			if !slices.Contains(but, want) && !slices.ContainsFunc(slices.Collect(maps.Values(seen)),
				func(e notice.Envelope) bool { return e.Type == want.Versioned() }) {
				types = append(types, want)
			}
		}
		return types
	}
	onBus, atReceiver := map[string]notice.Envelope{}, map[string]notice.Envelope{}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	last := map[string]string{} // the sequence of the last event of each operation, at the receiver
	for len(missing(onBus, notice.Test)) > 0 || len(missing(atReceiver)) > 0 || len(onBus)+1 != len(atReceiver) {
		if ctx.Err() != nil {
			t.Fatalf("not on the bus: %v (%d); not at the receiver: %v (%d)", missing(onBus, notice.Test), len(onBus),
				missing(atReceiver), len(atReceiver))
		}
		for _, e := range queue.receive(shortly(ctx, t), func(notice.Envelope) bool { return true }) {
			onBus[e.ID] = e
		}
		for _, got := range r.received(t) {
			var e notice.Envelope
			if err := json.Unmarshal([]byte(got.Body), &e); err != nil || !got.Verified || got.ID != e.ID {
				t.Fatalf("received %+v, %v", got, err)
			}
			if _, again := atReceiver[e.ID]; !again && e.Subject != "" && e.Sequence != "" {
				if e.Sequence < last[e.Subject] {
					t.Errorf("%s of %s came after %s", e.Sequence, e.Subject, last[e.Subject])
				}
				last[e.Subject] = e.Sequence
			}
			atReceiver[e.ID] = e
		}
	}
	for id, e := range atReceiver {
		if _, told := onBus[id]; told == (e.Type == notice.Test.Versioned()) {
			t.Errorf("%s %s: on the bus: %t", e.Type, id, told)
		}
	}
	counts := map[string]int{}
	for _, e := range atReceiver {
		counts[e.Type]++
	}
	t.Logf("%d types, %d events, each on the bus and at the receiver: %v", len(counts), len(atReceiver), counts)
}

// shortly is a context for one look into a queue.
func shortly(ctx context.Context, t *testing.T) context.Context {
	t.Helper()
	short, cancel := context.WithTimeout(ctx, 3*time.Second)
	t.Cleanup(cancel)
	return short
}

// submitCase submits a buy whose purchase order is a case of a scripted seller.
func (h *harness) submitCase(t *testing.T, agent, po string) string {
	t.Helper()
	request := newBuy(nil)
	request["po_number"] = po
	op, _, err := h.Submit(t.Context(), uuid.NewString(), agent, "create_media_buy", request)
	if err != nil {
		t.Fatal(err)
	}
	return op.ID
}

// causeEnds lets buys go in every way that a task can, and one become late: its deadline is moved
// into the past, as if it had waited for so long.
func (h *harness) causeEnds(t *testing.T) {
	t.Helper()
	script := map[string][]string{
		"good": {"working", "completed"}, "bad": {"failed"}, "refused": {"rejected"}, "off": {"canceled"},
		"auth": {"auth-required"}, "late": {"working"}, "unwanted": {"submitted"},
	}
	h.scripted(t, "scripted", true, script)
	h.scripted(t, "silent", false, nil) // it breaks the connection, and does not deduplicate
	h.submitCase(t, "silent", "lost")
	ids := map[string]string{}
	for po := range script {
		ids[po] = h.submitCase(t, "scripted", po)
	}
	for _, po := range []string{"good", "bad", "refused", "off"} {
		h.waitSettled(t, ids[po])
	}
	if _, err := h.Follow(t.Context(), ids["unwanted"], isSubmitted, nil); err != nil {
		t.Fatal(err)
	}
	do[any](t, h.Client, http.MethodPost, "/v1/operations/"+ids["unwanted"]+"/cancel", nil,
		map[string]any{"reason": "wrong dates"}, http.StatusAccepted)
	h.change(t.Context(), t, ids["late"], func(op *operation.Operation) { op.Deadline = time.Now().Add(-time.Second) })
}

// causeCircuit registers an agent that refuses our credential, and lets it come back.
func (h *harness) causeCircuit(t *testing.T) {
	t.Helper()
	s := h.scripted(t, "moody", true, map[string][]string{"moody": {"completed"}})
	s.refuses.Store(true)
	id := h.submitCase(t, "moody", "moody")
	_, err := h.Follow(t.Context(), id, func(op httpapi.Operation) bool { return op.Attention != nil }, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.refuses.Store(false)
	h.waitSettled(t, id)
}

// causeInput answers an agent's question.
func (h *harness) causeInput(t *testing.T) {
	t.Helper()
	agent := startInputAgent(t)
	createSecret(t, h.secretName("asking"), agent.token)
	err := h.PutAgent(t.Context(), "asking", map[string]any{"url": agent.url + "/", "transport": "a2a",
		"credential_ref": h.secretName("asking"), "webhook_mode": "none"})
	if err != nil {
		t.Fatal(err)
	}
	op, _, err := h.Submit(t.Context(), uuid.NewString(), "asking", "create_media_buy", newBuy(nil))
	if err != nil {
		t.Fatal(err)
	}
	h.waitInputRequest(t.Context(), t, op.ID, 1)
	h.sendInput(t, op.ID, 1, "yes", true)
	h.waitSettled(t, op.ID)
}

// causeWebhooks lets the seller forge a webhook, contradict itself, and get another key.
func (h *harness) causeWebhooks(t *testing.T) {
	t.Helper()
	h.waitSettled(t, h.buy(t, map[string]any{"webhook": "wrong_key", "delay_ms": 700}).ID)
	first, second := startSender(t, "npm"), startSender(t, "pypi")
	b := startBrand(t, first)
	op, task := h.buyAndAwaitWebhook(t, b.sender(), operation.WebhookRFC9421)
	var out sent
	if first.post(t, "/send", task, &out); out.Status/100 != 2 {
		t.Fatalf("the webhook got %+v", out)
	}
	h.waitSettled(t, op.ID)
	task.Body = maps.Clone(task.Body)
	task.Body["idempotency_key"], task.Body["status"] = uuid.NewString(), "failed"
	delete(task.Body, "result")
	first.post(t, "/send", task, &out)
	if out.Status != http.StatusConflict {
		t.Errorf("a contradiction got %+v", out)
	}
	b.add(t, second)
	op, task = h.buyAndAwaitWebhook(t, b.sender(), operation.WebhookRFC9421)
	// The agent's first delivery has the other key.
	task.Body["idempotency_key"] = uuid.NewString()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); { // keys are fetched once in a while
		if second.post(t, "/send", task, &out); out.Status/100 == 2 {
			break
		}
	}
	h.waitSettled(t, op.ID)
}

// brand publishes the keys of senders as those of one agent.
type brand struct {
	base  string
	brand map[string]any
	mu    sync.Mutex
	keys  []any
}

// startBrand starts a server with the brand.json of a sender.
func startBrand(t *testing.T, s sender) *brand {
	t.Helper()
	b := &brand{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var document any
		switch r.URL.Path {
		case "/.well-known/brand.json":
			document = b.brand
		case "/.well-known/jwks.json":
			document = map[string]any{"keys": b.published()}
		default:
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(document)
	}))
	t.Cleanup(server.Close)
	b.base = server.URL
	var text json.RawMessage
	getJSON(t, s.base+"/.well-known/brand.json", nil, &text)
	moved := strings.ReplaceAll(string(text), s.base, b.base)
	if err := json.NewDecoder(strings.NewReader(moved)).Decode(&b.brand); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	b.add(t, s)
	return b
}

// add publishes the keys of a sender beside the others.
func (b *brand) add(t *testing.T, s sender) {
	t.Helper()
	var set struct{ Keys []any }
	getJSON(t, s.base+"/.well-known/jwks.json", nil, &set)
	if len(set.Keys) == 0 {
		t.Fatalf("%s has no keys", s.base)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.keys = append(slices.Clone(b.keys), set.Keys...)
}

func (b *brand) published() []any {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.keys
}

func (b *brand) sender() sender { return sender{b.base} }
