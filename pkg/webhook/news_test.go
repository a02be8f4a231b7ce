package webhook_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/webhook"
)

// newsOfABuy is what sellers send on the persistent channel of a buy, by name: the members of the
// delivery, or a notification without an envelope.
func newsOfABuy() map[string]map[string]any {
	type m = map[string]any
	impairment := m{"impairment_id": "imp_1", "resource_type": "creative", "resource_id": "cr_1",
		"package_ids": []string{"p"}, "transition": m{"to": "rejected"}, "reason_code": "policy"}
	impaired := func(more m) m {
		r := m{"media_buy_id": "mb_a", "health": "impaired", "impairment": impairment}
		for k, v := range more {
			r[k] = v
		}
		return m{"notification_id": "imp_1", "result": r}
	}
	with := func(base m, more m) m {
		for k, v := range more {
			base[k] = v
		}
		return base
	}
	typed := m{"notification_type": "impairment"}
	buy := func(status string) m { return m{"media_buy_id": "mb_a", "media_buy_status": status} }
	news := map[string]m{
		"an impairment":                 impaired(typed),
		"impairment, a new task":        with(impaired(typed), m{"task_id": "imp_task"}),
		"an impairment at work":         with(impaired(typed), m{"status": "working"}),
		"impairment at work, new task":  with(impaired(typed), m{"status": "working", "task_id": "imp_task"}),
		"impairment of no type":         impaired(nil),
		"no type, at work":              with(impaired(nil), m{"status": "working", "task_id": "imp_task"}),
		"an impairment typed outside":   with(impaired(nil), m{"notification_type": "impairment"}),
		"impairments, no buy":           {"result": m{"health": "impaired", "impairments": []m{impairment}}},
		"the buy canceled":              {"status": "canceled", "result": m{"media_buy_id": "mb_a"}},
		"canceled, a new task":          {"status": "canceled", "task_id": "t9", "result": m{"media_buy_id": "mb_a"}},
		"the buy canceled, no body":     {"status": "canceled", "result": nil},
		"canceled, completed says":      {"result": buy("canceled")},
		"canceled, working says":        {"status": "working", "result": buy("canceled")},
		"canceled, a new task says":     {"task_id": "t9", "result": buy("canceled")},
		"the buy rejected":              {"status": "rejected", "result": m{"media_buy_id": "mb_a", "errors": []m{{}}}},
		"active a day later":            {"result": buy("active")},
		"active later, at work":         {"status": "working", "task_id": "t9", "result": buy("active")},
		"a delivery report":             {"task_type": "media_buy_delivery", "task_id": "r1"},
		"a report of no type":           {"task_id": "r1", "result": m{"media_buy_deliveries": []m{}}},
		"a type of a later release":     {"task_id": "n1", "result": m{"notification_type": "buy.audited"}},
		"a type that is a sentence":     {"result": m{"notification_type": "call me at once!"}},
		"another task's, about the buy": {"task_type": "update_media_buy", "status": "failed", "task_id": "u1"},
		"another buy's":                 {"result": m{"notification_type": "indicators.changed", "media_buy_id": "x"}},
		"an account's":                  {"result": m{"notification_type": "account.status_changed", "status": "active"}},
		"the agent's":                   {"result": m{"notification_type": "capabilities.changed"}},
		"a creative's":                  {"task_type": "sync_creatives", "result": m{"notification_type": "creative.purged"}},
	}
	for _, kind := range []string{
		"scheduled", "final", "delayed", "adjusted", "window_update", "creative.status_changed",
		"creative.assignment_changed", "account.change_recorded", "product.created", "product.updated", "product.priced",
		"product.removed", "signal.created", "signal.updated", "signal.priced", "signal.removed",
		"wholesale_feed.bulk_change", "reporting.delivery_ready", "reporting.status_changed", "reporting.ledger_changed",
		"principal.changed",
	} {
		news["of type "+kind] = m{"task_id": "n1", "result": m{"notification_type": kind}}
	}
	return news
}

// The registration of a buy lives as long as the buy (contract A11, F15). What comes on it after
// the end of the task is news: 2xx, an event, no contradiction, and no other state.
func TestNewsAfterTheEndIsKeptAndIsNoClash(t *testing.T) {
	t.Parallel()
	for name, changes := range newsOfABuy() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inEachMode(t, func(t *testing.T, h *harness) {
				if got := h.Handle(t.Context(), h.signed("a", h.payload("a", nil))); got.Code != "advanced" {
					t.Fatalf("the end: %+v", got)
				}
				changes := merged(changes, map[string]any{"idempotency_key": "whk_of_the_news_1"})
				for _, want := range []string{"kept", "duplicate"} {
					if got := h.Handle(t.Context(), h.signed("a", h.payload("a", changes))); got.Status != 200 || got.Code != want {
						t.Errorf("got %+v, want %s", got, want)
					}
				}
				h.expectNews(t, operation.Completed)
			})
		})
	}
}

// Some news overtakes the end of the task, and none of it is that end.
func TestANotificationBeforeTheEndIsKeptAndChangesNoState(t *testing.T) {
	t.Parallel()
	for name, changes := range newsOfABuy() {
		result, _ := changes["result"].(map[string]any)
		_, one := result["impairment"]
		if typed := result["notification_type"] != nil || changes["notification_type"] != nil; !typed && !one {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inEachMode(t, func(t *testing.T, h *harness) {
				if got := h.Handle(t.Context(), h.signed("a", h.payload("a", changes))); got.Status != 200 || got.Code != "kept" {
					t.Errorf("got %+v", got)
				}
				h.expectNews(t, operation.Submitted)
			})
		})
	}
}

func merged(a, b map[string]any) map[string]any {
	all := map[string]any{}
	for _, m := range []map[string]any{a, b} {
		for k, v := range m {
			all[k] = v
		}
	}
	return all
}

// expectNews fails the test unless one delivery is on the timeline of a as news, and nothing else
// has come of it.
func (h *harness) expectNews(t *testing.T, state operation.State) {
	t.Helper()
	r, err := h.store.Load(t.Context(), "acme", h.id("a"))
	if err != nil {
		t.Fatal(err)
	}
	news := 0
	for _, e := range r.Events {
		if e.Kind == operation.EventNews && e.Notification != nil && e.Detail != "" && e.From == e.To {
			news++
		}
	}
	if news != 1 || r.Op.State != state || r.Op.Attention != nil || r.Op.News.Kept != 1 {
		t.Errorf("%d events of news, %s, attention %+v, kept %d", news, r.Op.State, r.Op.Attention, r.Op.News.Kept)
	}
	if q := h.quarantined(t); len(q) != 0 {
		t.Errorf("quarantined %+v", q)
	}
}

// A2A's own payloads have no operation_id: news of a buy correlates by the buy.
func TestNewsInA2AsFormCorrelatesByTheBuy(t *testing.T) {
	t.Parallel()
	for name, data := range map[string]string{
		"an impairment": `{"notification_type":"impairment","media_buy_id":"mb_x","health":"impaired"}`,
		"an impairment of a task": `{"status":"completed","task_id":"imp_1","result":{"media_buy_id":"mb_x",` +
			`"notification_type":"impairment"}}`,
		"one without a type": `{"status":"working","task_id":"imp_1","media_buy_id":"mb_x","health":"impaired"}`,
		"the buy canceled":   `{"status":"canceled","task_id":"task_x","media_buy_id":"mb_x"}`,
		"canceled elsewhere": `{"status":"canceled","task_id":"t9","media_buy_id":"mb_x"}`,
		"active":             `{"task_id":"t9","media_buy_id":"mb_x","media_buy_status":"active"}`,
		"about the agent":    `{"notification_type":"capabilities.changed"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, mode := range modes {
				h := newA2AHarness(t, mode)
				if got := h.Handle(t.Context(), h.signedA2A("x", fmt.Sprintf(a2aCompleted, buyCompleted))); got.Code != "advanced" {
					t.Fatalf("the end: %+v", got)
				}
				got := h.Handle(t.Context(), h.signedA2A("x", fmt.Sprintf(a2aCompleted, data)))
				op, err := h.store.Get(t.Context(), "acme", h.id("x"))
				if err != nil || got.Status != 200 || got.Code != "kept" || op.State != operation.Completed ||
					op.Attention != nil || op.News.Kept != 1 {
					t.Errorf("%s: got %+v, %s, attention %+v, %v", mode, got, op.State, op.Attention, err)
				}
			}
		})
	}
	h := newA2AHarness(t, operation.WebhookRFC9421)
	h.Handle(t.Context(), h.signedA2A("x", fmt.Sprintf(a2aCompleted, buyCompleted)))
	other := fmt.Sprintf(a2aCompleted, `{"notification_type":"impairment","media_buy_id":"mb_other"}`)
	if got := h.Handle(t.Context(), h.signedA2A("x", other)); got.Status != 422 {
		t.Errorf("about another buy: %+v", got)
	}
}

// bare is a notification in the form of its own schema, which has no place for an operation.
func bare(kind string) []byte {
	b, _ := json.Marshal(map[string]any{"idempotency_key": "whk_of_the_agent_1", "notification_id": "cap_7",
		"notification_type": kind, "fired_at": "2026-11-23T12:00:00Z", "subscriber_id": "s", "status": "active"})
	return b
}

// Notifications of an account or of the agent concern no operation. They are kept all the same.
func TestANotificationWithoutAnEnvelopeIsKept(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"account.status_changed", "capabilities.changed", "principal.changed", "later.type"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			inEachMode(t, func(t *testing.T, h *harness) {
				if got := h.Handle(t.Context(), h.signed("a", bare(kind))); got.Status != 200 || got.Code != "kept" {
					t.Errorf("got %+v", got)
				}
				h.expectNews(t, operation.Submitted)
			})
		})
	}
	h := newHarness(t, operation.WebhookRFC9421)
	x := h.signed("a", bare("capabilities.changed"))
	x.Header.Del("Signature")
	if got := h.Handle(t.Context(), x); got.Status != 401 {
		t.Errorf("without a signature: %+v", got)
	}
	for body, want := range map[string]int{
		`{"notification_type":"capabilities.changed"}`:                                                        422,
		`{"notification_type":"capabilities.changed","idempotency_key":"short"}`:                              422,
		`{"notification_type":"capabilities.changed","idempotency_key":"whk_of_the_agent_2","token":"wrong"}`: 401,
	} {
		if got := h.Handle(t.Context(), h.signed("a", []byte(body))); got.Status != want {
			t.Errorf("%s: %+v", body, got)
		}
	}
}

// The next call discovers the agent again, but no more often than an agent may ask for.
func TestCapabilitiesChangedMakesTheProfileStale(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		age, staleIn time.Duration
	}{
		"an old one":   {time.Hour, 0},
		"a young one":  {2 * time.Minute, 3 * time.Minute},
		"a brand-new":  {0, 5 * time.Minute},
		"just at five": {5 * time.Minute, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, operation.WebhookRFC9421)
			p := registry.Profile{URL: "https://seller.example/mcp", Transport: "mcp", DiscoveredAt: now.Add(-tc.age)}
			if err := h.store.PutProfile(t.Context(), "acme", "seller", p); err != nil {
				t.Fatal(err)
			}
			if got := h.Handle(t.Context(), h.signed("a", bare("account.status_changed"))); got.Status != 200 {
				t.Fatalf("got %+v", got)
			}
			if p, _ := h.store.Profile(t.Context(), "acme", "seller", p.Endpoint()); !p.Fresh(now) {
				t.Fatal("another notification made it stale")
			}
			x := h.signed("b", bareWithKey("capabilities.changed", "whk_of_the_agent_3"))
			if got := h.Handle(t.Context(), x); got.Status != 200 {
				t.Fatalf("got %+v", got)
			}
			p, err := h.store.Profile(t.Context(), "acme", "seller", p.Endpoint())
			if at := now.Add(tc.staleIn); err != nil || p.Fresh(at) || tc.staleIn > 0 && !p.Fresh(at.Add(-time.Second)) {
				t.Errorf("stale from %v, %v", p.StaleFrom, err)
			}
		})
	}
}

func bareWithKey(kind, key string) []byte {
	var m map[string]any
	_ = json.Unmarshal(bare(kind), &m)
	m["idempotency_key"] = key
	b, _ := json.Marshal(m)
	return b
}

// A seller that never stops to tell can't fill the operation, nor its timeline, and is never
// refused for its number: a refused delivery is never sent again.
func TestAChattySellerFillsNothing(t *testing.T) {
	t.Parallel()
	h := newHarness(t, operation.WebhookBearer)
	h.Handle(t.Context(), h.signed("a", h.payload("a", nil)))
	say := func(n int, result map[string]any) webhook.Reply {
		return h.Handle(t.Context(), h.signed("a", h.payload("a", map[string]any{
			"idempotency_key": fmt.Sprintf("whk_of_a_chatty_%06d", n), "task_id": fmt.Sprint("n", n),
			"notification_id": fmt.Sprint("imp_", n), "status": "working", "result": result})))
	}
	for n := range 400 {
		if got := say(n, map[string]any{"notification_type": "impairment", "media_buy_id": "mb_a"}); got.Code != "kept" {
			t.Fatalf("number %d: %+v", n, got)
		}
	}
	if got := say(1000, map[string]any{"media_buy_id": "mb_a", "media_buy_status": "canceled"}); got.Code != "kept" {
		t.Errorf("the cancellation: %+v", got)
	}
	r, err := h.store.Load(t.Context(), "acme", h.id("a"))
	doc, _ := json.Marshal(r.Op.News)
	if err != nil || r.Op.News.Kept != 401 || len(r.Events) > 110 || len(doc) > 1500 {
		t.Errorf("kept %d, %d events, %d bytes, %v", r.Op.News.Kept, len(r.Events), len(doc), err)
	}
	if last := r.Events[len(r.Events)-1]; last.Buy == nil || last.Buy.Status != "canceled" {
		t.Errorf("the timeline ends with %+v", last)
	}
}
