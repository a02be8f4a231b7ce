package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/memory"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/webhook"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const root = "0123456789abcdefghijklmnopqrstuvwxyz"

// desk is a receiver around a store with two submitted operations of one agent and one of another.
type desk struct {
	webhook.Receiver
	store *memory.Store
	woken []string
	push  map[string]string // operation id to push token
	route map[string]string
	fail  error // what the store answers, if not nil
}

func (d *desk) Wake(_ context.Context, token string, next operation.Next) error {
	d.woken = append(d.woken, token+" "+string(next))
	return nil
}

type breaking struct {
	*memory.Store
	d *desk
}

func (b breaking) Get(ctx context.Context, tenant, id string) (operation.Operation, error) {
	if b.d.fail != nil {
		return operation.Operation{}, b.d.fail
	}
	return b.Store.Get(ctx, tenant, id)
}

type noStart struct{}

func (noStart) Start(context.Context, string, string, int) error { return nil }

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{store: memory.New(func() time.Time { return now }), push: map[string]string{}, route: map[string]string{}}
	store := breaking{d.store, d}
	deps := orchestrator.Deps{Now: func() time.Time { return now }, Jitter: func() float64 { return 0 }}
	d.Receiver = webhook.Receiver{Registrations: store, Now: deps.Now, Count: func(string) {},
		Roots: func(context.Context) ([]string, error) { return []string{root}, nil },
		Apply: orchestrator.Receive{Store: store, Workflow: d, Deps: deps}}
	for _, agent := range []string{"seller", "other"} {
		a := orchestrator.Agent{Tenant: "acme", ID: agent, URL: "https://x.example/mcp", Transport: orchestrator.MCP, WebhookMode: operation.WebhookHMAC, Version: 1}
		if err := d.store.PutAgent(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	d.submit(t, deps, "seller", "a")
	d.submit(t, deps, "seller", "b")
	d.submit(t, deps, "other", "c")
	return d
}

// submit makes an operation and brings it to submitted with the task task_<name>.
func (d *desk) submit(t *testing.T, deps orchestrator.Deps, agent, name string) {
	t.Helper()
	o, err := orchestrator.ParseOrder([]byte(`{"agent":"` + agent + `","type":"create_media_buy","request":{"account":{"account_id":"x"},"brand":{"domain":"d"},
		"start_time":"asap","end_time":"2027-06-30T23:59:59Z","packages":[{}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	op, _, err := orchestrator.Submit{Store: d.store, Workflow: noStart{}, Deps: deps, BaseURL: "https://api.example/live"}.Run(t.Context(), "acme", "key-"+name, o)
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

func (d *desk) id(name string) string { return strings.Split(d.route[name], ".")[1] }

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

func (d *desk) signed(name string, body []byte) webhook.Delivery {
	stamp := strconv.FormatInt(now.Unix(), 10)
	secret := orchestrator.Credential(root, "acme", d.id(name))
	return webhook.Delivery{Method: http.MethodPost, Route: d.route[name], Body: body, Header: http.Header{"Content-Type": {"application/json; charset=utf-8"},
		webhook.HeaderTimestamp: {stamp}, webhook.HeaderSignature: {"sha256=" + webhook.SignHMAC(secret, stamp, body)}}}
}

func (d *desk) state(t *testing.T, name string) operation.State {
	t.Helper()
	op, err := d.store.Get(t.Context(), "acme", d.id(name))
	if err != nil {
		t.Fatal(err)
	}
	return op.State
}

func TestReceiverAppliesAndWakes(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	first := d.Handle(t.Context(), d.signed("a", d.payload("a", nil)))
	if first.Status != 200 || first.Code != "advanced" || d.state(t, "a") != operation.Completed || d.state(t, "b") != operation.Submitted {
		t.Fatalf("got %+v, %s", first, d.state(t, "a"))
	}
	if len(d.woken) != 1 || d.woken[0] != "token_a settle" {
		t.Errorf("woken: %v", d.woken)
	}
	// contract F79: the same delivery again is acknowledged; its signal may have been lost, so it is given again.
	again := d.Handle(t.Context(), d.signed("a", d.payload("a", nil)))
	if again.Status != 200 || again.Code != "duplicate" || len(d.woken) != 2 {
		t.Errorf("got %+v, woken %v", again, d.woken)
	}
}

func TestReceiverRefuses(t *testing.T) {
	t.Parallel()
	large := func(d *desk) webhook.Delivery {
		return d.signed("a", append(d.payload("a", nil), make([]byte, 1<<20)...))
	}
	for name, tc := range map[string]struct {
		delivery  func(d *desk) webhook.Delivery
		status    int
		code      string
		challenge string
		kept      int
	}{
		"another method": {func(d *desk) webhook.Delivery {
			x := d.signed("a", d.payload("a", nil))
			x.Method = "PUT"
			return x
		}, 405, "method_not_allowed", "", 0},
		"a route that is none": {func(d *desk) webhook.Delivery {
			x := d.signed("a", d.payload("a", nil))
			x.Route = "x"
			return x
		}, 404, "unknown_route", "", 0},
		"an operation's route with another secret": {func(d *desk) webhook.Delivery {
			x := d.signed("a", d.payload("a", nil))
			x.Route = d.route["a"][:len(d.route["a"])-43] + d.route["b"][len(d.route["b"])-43:]
			return x
		}, 404, "unknown_route", "", 0},
		"another tenant's route": {func(d *desk) webhook.Delivery {
			x := d.signed("a", d.payload("a", nil))
			x.Route = "other" + strings.TrimPrefix(d.route["a"], "acme")
			return x
		}, 404, "unknown_route", "", 0},
		"another content type": {func(d *desk) webhook.Delivery {
			x := d.signed("a", d.payload("a", nil))
			x.Header.Set("Content-Type", "text/plain")
			return x
		}, 415, "content_type", "", 0},
		"too large, before the signature": {large, 413, "too_large", "", 0},
		"a bit of the body flipped": {func(d *desk) webhook.Delivery {
			x := d.signed("a", d.payload("a", nil))
			x.Body[10] ^= 1
			return x
		}, 401, "unauthenticated", "", 0},
		"signed with another operation's credential": {func(d *desk) webhook.Delivery {
			x := d.signed("b", d.payload("a", nil))
			x.Route = d.route["a"]
			return x
		}, 401, "unauthenticated", "", 0},
		"no signature at all": {func(d *desk) webhook.Delivery {
			x := d.signed("a", d.payload("a", nil))
			x.Header = http.Header{"Content-Type": {"application/json"}}
			return x
		}, 401, "unauthenticated", "", 0},
		"another mode than registered (F33)": {func(d *desk) webhook.Delivery {
			x := d.signed("a", d.payload("a", nil))
			x.Header = http.Header{"Content-Type": {"application/json"}, "Signature": {"sig1=:x:"}, "Signature-Input": {"sig1=()"}}
			return x
		}, 401, "webhook_mode_mismatch", `Signature error="webhook_mode_mismatch"`, 0},
		"a key twice (F65)": {func(d *desk) webhook.Delivery {
			return d.signed("a", []byte(strings.Replace(string(d.payload("a", nil)), `"status":`, `"status":"working","status":`, 1)))
		}, 400, "webhook_body_malformed", "", 0},
		"no JSON":             {func(d *desk) webhook.Delivery { return d.signed("a", []byte("hello")) }, 422, "malformed_envelope", "", 0},
		"a bare result (F24)": {func(d *desk) webhook.Delivery { return d.signed("a", []byte(`{"media_buy_id":"mb_1"}`)) }, 422, "missing_envelope_fields", "", 0},
		"a media-buy status (F24)": {func(d *desk) webhook.Delivery {
			return d.signed("a", d.payload("a", map[string]any{"status": "active"}))
		}, 422, "invalid_envelope_status", "", 0},
		"no key": {func(d *desk) webhook.Delivery {
			return d.signed("a", d.payload("a", map[string]any{"idempotency_key": nil}))
		}, 422, "missing_idempotency_key", "", 0},
		"a wrong token (F29)": {func(d *desk) webhook.Delivery {
			return d.signed("a", d.payload("a", map[string]any{"token": d.push["b"]}))
		}, 401, "token_mismatch", "", 1},
		"no token (F29)": {func(d *desk) webhook.Delivery {
			return d.signed("a", d.payload("a", map[string]any{"token": nil}))
		}, 401, "token_mismatch", "", 1},
		"an operation that is none": {func(d *desk) webhook.Delivery {
			return d.signed("a", d.payload("a", map[string]any{"operation_id": "op_aaaaaaaaaaaaaaaaaaaaaaaaaa"}))
		}, 422, "unknown_operation", "", 1},
		"another agent's operation (F6)": {func(d *desk) webhook.Delivery {
			return d.signed("a", d.payload("c", nil))
		}, 422, "unknown_operation", "", 1},
		"another task id (A29)": {func(d *desk) webhook.Delivery {
			return d.signed("a", d.payload("a", map[string]any{"task_id": "task_z"}))
		}, 409, "conflict", "", 1},
		"another task type (E6)": {func(d *desk) webhook.Delivery {
			return d.signed("a", d.payload("a", map[string]any{"task_type": "sync_creatives"}))
		}, 409, "conflict", "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			got := d.Handle(t.Context(), tc.delivery(d))
			if got.Status != tc.status || got.Code != tc.code || got.Challenge != tc.challenge {
				t.Errorf("got %+v", got)
			}
			for _, op := range []string{"a", "b", "c"} {
				if s := d.state(t, op); s != operation.Submitted {
					t.Errorf("%s became %s", op, s)
				}
			}
			kept, err := d.store.Quarantined(t.Context(), "acme", "2026-11-23")
			if err != nil || len(kept) != tc.kept {
				t.Errorf("%d kept, %v", len(kept), err)
			}
		})
	}
}

// contract F5: the payload's operation_id decides, not the route by which the delivery came.
func TestReceiverCorrelatesByOperationID(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	got := d.Handle(t.Context(), d.signed("a", d.payload("b", nil)))
	if got.Status != 200 || d.state(t, "b") != operation.Completed || d.state(t, "a") != operation.Submitted {
		t.Errorf("got %+v, a %s, b %s", got, d.state(t, "a"), d.state(t, "b"))
	}
}

// contract F79, rows 3 to 6.
func TestReceiverTellsRepetitionsFromContradictions(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		second map[string]any
		status int
		code   string
	}{
		"the same key, another payload":         {map[string]any{"message": "x"}, 409, "idempotency_key_reused"},
		"another key, the same end":             {map[string]any{"idempotency_key": "whk_another_0123456"}, 200, "duplicate"},
		"another key, another end":              {map[string]any{"idempotency_key": "whk_another_0123456", "status": "failed"}, 409, "conflict"},
		"another key, another result":           {map[string]any{"idempotency_key": "whk_another_0123456", "result": map[string]any{"media_buy_id": "mb_z"}}, 409, "conflict"},
		"a non-terminal after the end":          {map[string]any{"idempotency_key": "whk_another_0123456", "status": "working"}, 200, "stale"},
		"a delivery report on the registration": {map[string]any{"idempotency_key": "whk_another_0123456", "task_type": "media_buy_delivery"}, 200, "repeated"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			if got := d.Handle(t.Context(), d.signed("a", d.payload("a", nil))); got.Status != 200 {
				t.Fatalf("got %+v", got)
			}
			for range 2 { // a sender that comes again hears the same
				if got := d.Handle(t.Context(), d.signed("a", d.payload("a", tc.second))); got.Status != tc.status || got.Code != tc.code && got.Code != "duplicate" {
					t.Errorf("got %+v", got)
				}
			}
			if d.state(t, "a") != operation.Completed {
				t.Errorf("became %s", d.state(t, "a"))
			}
		})
	}
}

// An older agent leaves operation_id out. The delivery is refused as the protocol wants it; the agent is asked at once all the same.
func TestReceiverRingsForDeliveriesWithoutOperationID(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	got := d.Handle(t.Context(), d.signed("a", d.payload("a", map[string]any{"operation_id": nil})))
	if got.Status != 422 || got.Code != "missing_envelope_fields" || len(got.Fields) != 1 || got.Fields[0] != "operation_id" {
		t.Errorf("got %+v", got)
	}
	if d.state(t, "a") != operation.Submitted || len(d.woken) != 1 || d.woken[0] != "token_a poll" {
		t.Errorf("state %s, woken %v", d.state(t, "a"), d.woken)
	}
}

// contract F86: what fails on our side is never the sender's fault.
func TestReceiverOwnFaultsAre503(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	x := d.signed("a", d.payload("a", nil))
	d.fail = errors.New("throttled: arn:aws:dynamodb:secret-inside")
	got := d.Handle(t.Context(), x)
	if got.Status != 503 || strings.Contains(string(got.Body()), "arn:") {
		t.Errorf("got %+v", got)
	}
	d.fail = nil
	d.Roots = func(context.Context) ([]string, error) { return nil, errors.New("no") }
	if got := d.Handle(t.Context(), x); got.Status != 503 {
		t.Errorf("got %+v", got)
	}
	d.Roots = func(context.Context) ([]string, error) {
		return []string{"a-new-root-of-thirty-two-characters", root}, nil
	}
	if got := d.Handle(t.Context(), x); got.Status != 200 { // contract F67: the previous secret serves during a rotation
		t.Errorf("got %+v", got)
	}
}

func TestReceiverBoundsDeliveries(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	op, err := d.store.Get(t.Context(), "acme", d.id("a"))
	if err != nil {
		t.Fatal(err)
	}
	op.Version++
	op.Attempts.Webhooks = operation.MostDeliveries
	if err := d.store.Commit(t.Context(), operation.Change{Op: op}); err != nil {
		t.Fatal(err)
	}
	got := d.Handle(t.Context(), d.signed("a", d.payload("a", map[string]any{"status": adcp.StatusWorking})))
	if got.Status != 429 {
		t.Errorf("got %+v", got)
	}
	if got := d.Handle(t.Context(), d.signed("a", d.payload("a", nil))); got.Status != 200 || d.state(t, "a") != operation.Completed {
		t.Errorf("the end was one too many: %+v", got)
	}
}
