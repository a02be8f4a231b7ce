package webhook_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/webhook"
)

var modes = []operation.WebhookMode{operation.WebhookRFC9421, operation.WebhookHMAC, operation.WebhookBearer}

// inEachMode runs a test against a registration of each mode.
func inEachMode(t *testing.T, test func(t *testing.T, d *desk)) {
	t.Helper()
	for _, mode := range modes {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			test(t, newDesk(t, mode))
		})
	}
}

func TestReceiverAppliesAndWakes(t *testing.T) {
	t.Parallel()
	inEachMode(t, func(t *testing.T, d *desk) {
		d.calls = nil
		first := d.Handle(t.Context(), d.signed("a", d.payload("a", nil)))
		if first.Status != 200 || first.Code != "advanced" || d.state(t, "a") != operation.Completed || d.state(t, "b") != operation.Submitted {
			t.Fatalf("got %+v, %s", first, d.state(t, "a"))
		}
		if len(d.woken) != 1 || d.woken[0] != "token_a settle" {
			t.Errorf("woken: %v", d.woken)
		}
		// An accepted delivery costs three requests to the store at most: each of these is one (pkg/dynamo's tests count them).
		want := []string{"Arrive", "ClaimNonce", "Commit"}
		if d.mode != operation.WebhookRFC9421 {
			want = []string{"Arrive", "Commit"}
		}
		if !slices.Equal(d.calls, want) {
			t.Errorf("the store was asked for %v, want %v", d.calls, want)
		}
		// contract F79: the same delivery again is acknowledged; its signal may have been lost, so it is given again.
		again := d.Handle(t.Context(), d.signed("a", d.payload("a", nil)))
		if again.Status != 200 || again.Code != "duplicate" || len(d.woken) != 2 {
			t.Errorf("got %+v, woken %v", again, d.woken)
		}
		if kept := d.kept(t); len(kept) != 0 || d.counted["advanced"] != 1 || d.counted["duplicate"] != 1 {
			t.Errorf("kept %v, counted %v", kept, d.counted)
		}
	})
}

// unchanged fails the test if a delivery changed any operation.
func (d *desk) unchanged(t *testing.T) {
	t.Helper()
	for _, op := range []string{"a", "b", "c"} {
		if s := d.state(t, op); s != operation.Submitted {
			t.Errorf("%s became %s", op, s)
		}
	}
}

// contract F31, steps one to four: what is refused before anything is believed, whatever the mode.
func TestReceiverRefusesAtTheDoor(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(d *desk, x *webhook.Delivery)
		status int
		code   string
		kept   int
	}{
		"another method":               {func(_ *desk, x *webhook.Delivery) { x.Method = "PUT" }, 405, "method_not_allowed", 0},
		"a route that is none":         {func(_ *desk, x *webhook.Delivery) { x.Route, x.Path = "x", "/v1/webhooks/x" }, 404, "unknown_route", 0},
		"a path with something behind": {func(_ *desk, x *webhook.Delivery) { x.Path += "/" }, 404, "unknown_route", 0},
		"another secret": {func(d *desk, x *webhook.Delivery) {
			reroute(d, x, d.route["a"][:len(d.route["a"])-43]+d.route["b"][len(d.route["b"])-43:])
		}, 404, "unknown_route", 0},
		"another tenant": {func(d *desk, x *webhook.Delivery) { reroute(d, x, "other"+strings.TrimPrefix(d.route["a"], "acme")) }, 404, "unknown_route", 0},
		"another sender": {func(d *desk, x *webhook.Delivery) {
			reroute(d, x, "acme."+strings.Repeat("b", 16)+d.route["a"][len("acme.")+16:])
		}, 404, "unknown_route", 0},
		"another content type":          {func(_ *desk, x *webhook.Delivery) { x.Header.Set("Content-Type", "text/plain") }, 415, "content_type", 1},
		"no content type":               {func(_ *desk, x *webhook.Delivery) { x.Header.Del("Content-Type") }, 415, "content_type", 1},
		"too large, and wrongly signed": {func(_ *desk, x *webhook.Delivery) { x.Body = append(x.Body, make([]byte, 1<<20)...) }, 413, "too_large", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inEachMode(t, func(t *testing.T, d *desk) {
				x := d.signed("a", d.payload("a", nil))
				tc.change(d, &x)
				got := d.Handle(t.Context(), x)
				if got.Status != tc.status || got.Code != tc.code || got.Challenge != "" {
					t.Errorf("got %+v", got)
				}
				d.unchanged(t)
				if kept := d.kept(t); len(kept) != tc.kept {
					t.Errorf("kept %+v", kept)
				}
				if slices.Contains(d.calls, "ClaimNonce") {
					t.Error("a nonce was burnt")
				}
			})
		})
	}
}

func reroute(_ *desk, x *webhook.Delivery, route string) {
	x.Route, x.Path = route, "/v1/webhooks/"+route
}

// What an authentic sender is told of a delivery that can't be applied. Each is kept.
func TestReceiverRefusesEnvelopes(t *testing.T) {
	t.Parallel()
	changed := func(changes map[string]any) func(d *desk) []byte {
		return func(d *desk) []byte { return d.payload("a", changes) }
	}
	literally := func(body string) func(*desk) []byte { return func(*desk) []byte { return []byte(body) } }
	for name, tc := range map[string]struct {
		body   func(d *desk) []byte
		status int
		code   string
	}{
		"no JSON":        {literally("hello"), 422, "malformed_envelope"},
		"no JSON object": {literally("[]"), 422, "malformed_envelope"},
		"no canonical form": {func(d *desk) []byte {
			return []byte(strings.Replace(string(d.payload("a", nil)), `"mb_a"`, `1e999`, 1))
		}, 422, "malformed_envelope"},
		"a bare result (F24)":      {literally(`{"media_buy_id":"mb_1"}`), 422, "missing_envelope_fields"},
		"a media-buy status (F24)": {changed(map[string]any{"status": "active"}), 422, "invalid_envelope_status"},
		"no key":                   {changed(map[string]any{"idempotency_key": nil}), 422, "missing_idempotency_key"},
		"a wrong token (F29)":      {func(d *desk) []byte { return d.payload("a", map[string]any{"token": d.push["b"]}) }, 401, "token_mismatch"},
		"no token (F29)":           {changed(map[string]any{"token": nil}), 401, "token_mismatch"},
		"no operation of ours":     {changed(map[string]any{"operation_id": "op_aaaaaaaaaaaaaaaaaaaaaaaaaa"}), 422, "unknown_operation"},
		"another agent's (F6)":     {func(d *desk) []byte { return d.payload("c", nil) }, 422, "unknown_operation"},
		"another task id (A29)":    {changed(map[string]any{"task_id": "task_z"}), 409, "conflict"},
		"another task type (E6)":   {changed(map[string]any{"task_type": "sync_creatives"}), 409, "conflict"},
		"a delivery report (F15)":  {changed(map[string]any{"task_type": "media_buy_delivery"}), 200, "kept"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inEachMode(t, func(t *testing.T, d *desk) {
				body := tc.body(d)
				for n := range 2 { // a sender that comes again hears the same, and one record counts both
					got := d.Handle(t.Context(), d.signed("a", body))
					if got.Status != tc.status || got.Code != tc.code || got.Challenge != "" {
						t.Errorf("got %+v", got)
					}
					kept := d.kept(t)
					if len(kept) != 1 || kept[0].Count != int64(n+1) || !kept[0].Authentic || kept[0].Code != tc.code || kept[0].Digest == "" || kept[0].Size != len(body) {
						t.Errorf("kept %+v", kept)
					}
				}
				d.unchanged(t)
			})
		})
	}
}

// contract F5: the payload's operation_id decides, not the route by which the delivery came.
func TestReceiverCorrelatesByOperationID(t *testing.T) {
	t.Parallel()
	inEachMode(t, func(t *testing.T, d *desk) {
		got := d.Handle(t.Context(), d.signed("a", d.payload("b", nil)))
		if got.Status != 200 || d.state(t, "b") != operation.Completed || d.state(t, "a") != operation.Submitted {
			t.Errorf("got %+v, a %s, b %s", got, d.state(t, "a"), d.state(t, "b"))
		}
	})
}

// contract F79, rows 3 to 6.
func TestReceiverTellsRepetitionsFromContradictions(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		second map[string]any
		status int
		code   string
		kept   int
	}{
		"the same key, another payload":         {map[string]any{"message": "x"}, 409, "idempotency_key_reused", 1},
		"another key, the same end":             {map[string]any{"idempotency_key": "whk_another_0123456"}, 200, "duplicate", 0},
		"another key, another end":              {map[string]any{"idempotency_key": "whk_another_0123456", "status": "failed"}, 409, "conflict", 1},
		"another key, another result":           {map[string]any{"idempotency_key": "whk_another_0123456", "result": map[string]any{"media_buy_id": "mb_z"}}, 409, "conflict", 1},
		"a non-terminal after the end":          {map[string]any{"idempotency_key": "whk_another_0123456", "status": "working"}, 200, "stale", 0},
		"a delivery report on the registration": {map[string]any{"idempotency_key": "whk_another_0123456", "task_type": "media_buy_delivery"}, 200, "kept", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inEachMode(t, func(t *testing.T, d *desk) {
				if got := d.Handle(t.Context(), d.signed("a", d.payload("a", nil))); got.Status != 200 {
					t.Fatalf("got %+v", got)
				}
				for range 2 { // a sender that comes again hears the same
					if got := d.Handle(t.Context(), d.signed("a", d.payload("a", tc.second))); got.Status != tc.status || got.Code != tc.code && got.Code != "duplicate" {
						t.Errorf("got %+v", got)
					}
				}
				if d.state(t, "a") != operation.Completed || len(d.kept(t)) != tc.kept {
					t.Errorf("became %s, kept %+v", d.state(t, "a"), d.kept(t))
				}
			})
		})
	}
}

// An older agent leaves operation_id out. The delivery is refused as the protocol wants it; the agent is asked at once all the same.
func TestReceiverRingsForDeliveriesWithoutOperationID(t *testing.T) {
	t.Parallel()
	inEachMode(t, func(t *testing.T, d *desk) {
		got := d.Handle(t.Context(), d.signed("a", d.payload("a", map[string]any{"operation_id": nil})))
		if got.Status != 422 || got.Code != "missing_envelope_fields" || len(got.Fields) != 1 || got.Fields[0] != "operation_id" {
			t.Errorf("got %+v", got)
		}
		if d.state(t, "a") != operation.Submitted || len(d.woken) != 1 || d.woken[0] != "token_a poll" {
			t.Errorf("state %s, woken %v", d.state(t, "a"), d.woken)
		}
	})
}

// contract F86: what fails on our side is never the sender's fault.
func TestReceiverOwnFaultsAre503(t *testing.T) {
	t.Parallel()
	inEachMode(t, func(t *testing.T, d *desk) {
		d.fail = errors.New("throttled: arn:aws:dynamodb:secret-inside")
		got := d.Handle(t.Context(), d.signed("a", d.payload("a", nil)))
		if got.Status != 503 || strings.Contains(string(got.Body()), "arn:") {
			t.Errorf("got %+v", got)
		}
		d.fail = nil
		if d.mode.Shared() {
			d.Roots = func(context.Context) ([]string, error) { return nil, errors.New("no") }
			if got := d.Handle(t.Context(), d.signed("a", d.payload("a", nil))); got.Status != 503 {
				t.Errorf("got %+v", got)
			}
			d.Roots = func(context.Context) ([]string, error) {
				return []string{"a-new-root-of-thirty-two-characters", root}, nil
			}
		}
		// contract F67: the previous secret serves during a rotation
		if got := d.Handle(t.Context(), d.signed("a", d.payload("a", nil))); got.Status != 200 {
			t.Errorf("got %+v", got)
		}
	})
}

func TestReceiverBoundsDeliveries(t *testing.T) {
	t.Parallel()
	d := newDesk(t, operation.WebhookRFC9421)
	op, err := d.store.Get(t.Context(), "acme", d.id("a"))
	if err != nil {
		t.Fatal(err)
	}
	op.Version++
	op.Attempts.Webhooks = operation.MaxDeliveries
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
