package endpoint_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/endpoint"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/quota"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/validation"
)

func TestCreationIsRepeatedWithItsSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.manage()
	first, err := m.Create(t.Context(), "acme", "key", sent(t, body))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(first.Secret, "whsec_"))
	if err != nil || len(raw) != 32 || first.Replayed || first.Version != 1 || first.State != endpoint.On {
		t.Errorf("%+v, secret of %d bytes, %v", first, len(raw), err)
	}
	again, err := m.Create(t.Context(), "acme", "key", sent(t, `{ "url":"https://a.example/hook" }`))
	if err != nil || again.ID != first.ID || again.Secret != first.Secret || !again.Replayed {
		t.Errorf("%+v, %v", again, err)
	}
	if _, err := m.Create(t.Context(), "acme", "key", sent(t, `{"url": "https://b.example"}`)); !errors.Is(err,
		endpoint.ErrKeyReused) {
		t.Errorf("another body: %v", err)
	}
	other, err := m.Create(t.Context(), "globex", "key", sent(t, body))
	if err != nil || other.Replayed || other.Secret == first.Secret {
		t.Errorf("another tenant: %+v, %v", other, err)
	}
	if err := w.store.DeleteEndpoint(t.Context(), "acme", first.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Create(t.Context(), "acme", "key", sent(t, body)); !errors.Is(err, endpoint.ErrKeyReused) {
		t.Errorf("after its deletion: %v", err)
	}
}

func TestTenantHasALimitedNumberOfEndpoints(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for n := range endpoint.MaxEndpoints {
		w.create(fmt.Sprintf(`{"url": "https://%d.example"}`, n))
	}
	_, err := w.manage().Create(t.Context(), "acme", "one more", sent(t, body))
	var exceeded *quota.ExceededError
	if !errors.As(err, &exceeded) || exceeded.Value != endpoint.MaxEndpoints {
		t.Errorf("one more: %v", err)
	}
}

func TestEveryWrongMemberIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	named := func(body string, creation bool) string {
		var c validation.Checks
		w.manage().Check(&c, sent(t, body), creation)
		var invalid *validation.Error
		if err := c.Err(); err != nil && !errors.As(err, &invalid) {
			t.Fatal(err)
		}
		var fields []string
		for _, f := range invalid.Fields {
			fields = append(fields, f.Field)
		}
		return strings.Join(sorted(fields), " ")
	}
	if got := named(`{"url": "http://a.example", "description": "a\nb", "state": "on", "agent_id": "\u0007", "types":
		["operation.*", "operations.completed", "", "operation.a.*", "*", "operation.compl*", "operation.failed.v1"]}`,
		true); got != "agent_id description state types[1] types[2] types[3] types[5] url" {
		t.Errorf("named: %s", got)
	}
	if got := named(`{}`, true); got != "url" {
		t.Errorf("no address: %s", got)
	}
}

func TestFormerSecretsStayInUseForTheirOverlap(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.create(body)
	signedBy := func() []string {
		w.send(news(int(w.clock().Unix()), 0, w.clock()))
		w.run(w.clock())
		return w.taken[len(w.taken)-1].Secrets
	}
	roll := func(key string, overlap time.Duration) endpoint.Issued {
		t.Helper()
		got, err := w.manage().Roll(t.Context(), "acme", first.ID, key, 0, overlap)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	second := roll("k", 10*time.Minute)
	if again := roll("k", 10*time.Minute); again.Secret != second.Secret || !again.Replayed ||
		again.Version != 2 {
		t.Errorf("rolled twice with one key: %+v", again)
	}
	if got := signedBy(); len(got) != 2 || got[0] != second.Secret || got[1] != first.Secret {
		t.Errorf("during the overlap: %d secrets", len(got))
	}
	w.set(start.Add(10 * time.Minute))
	if got := signedBy(); len(got) != 1 || got[0] != second.Secret {
		t.Errorf("after the overlap: %d secrets", len(got))
	}
	roll("", time.Hour)
	roll("", time.Hour)
	_, err := w.manage().Roll(t.Context(), "acme", first.ID, "", 0, time.Hour)
	if !errors.Is(err, endpoint.ErrSecretsOverlap) {
		t.Errorf("a fourth secret: %v", err)
	}
	last := roll("", 0)
	w.set(w.clock().Add(time.Second))
	if got := signedBy(); len(got) != 1 || got[0] != last.Secret {
		t.Errorf("without an overlap: %d secrets", len(got))
	}
	if _, err := w.manage().Roll(t.Context(), "acme", first.ID, "", 1, 0); !errors.Is(err, endpoint.ErrVersion) {
		t.Errorf("another version: %v", err)
	}
}

// A former root secret signs as long as it is listed; without it the notices wait and say why.
func TestSecretOfAFormerRootIsUsedWhileTheRootIsKnown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := w.create(body)
	const next = "the-next-root-secret-of-thirty-two-bytes"
	deliver := w.deliver()
	known := []string{next, root}
	deliver.Roots = func(context.Context) ([]string, error) { return known, nil }
	run := func(n int) endpoint.Delivery {
		t.Helper()
		w.send(news(1, n, w.clock()))
		id := endpoint.DeliveryID(e.ID, fmt.Sprintf("op_1/%d", n), w.clock())
		m := endpoint.Message{Tenant: "acme", EndpointID: e.ID, DeliveryID: id, Round: 1}
		if _, err := deliver.Run(t.Context(), m, 1); err != nil {
			t.Fatal(err)
		}
		d, err := w.store.WebhookDelivery(t.Context(), "acme", e.ID, id)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if d := run(0); d.State != endpoint.Delivered || w.taken[0].Secrets[0] != e.Secret {
		t.Errorf("%+v", d)
	}
	known = []string{next}
	if d := run(1); d.State != endpoint.Pending || d.Fault != endpoint.FaultNoSecret || w.tried != 1 {
		t.Errorf("%+v", d)
	}
	m := w.manage()
	m.Roots = deliver.Roots
	rolled, err := m.Roll(t.Context(), "acme", e.ID, "", 0, time.Hour)
	if d := run(2); err != nil || d.State != endpoint.Delivered || w.taken[1].Secrets[0] != rolled.Secret {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestTestIsSentOnceAndListed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := w.create(`{"url": "https://a.example/hook", "state": "disabled"}`)
	d, err := w.manage().Test(t.Context(), "acme", e.ID, "r")
	if err != nil || d.State != endpoint.Delivered || d.Type != notice.Test || len(w.taken) != 1 {
		t.Errorf("%+v, %v", d, err)
	}
	w.answer = down
	w.set(start.Add(time.Second))
	if d, err = w.manage().Test(t.Context(), "acme", e.ID, "r"); err != nil || d.State != endpoint.Dead ||
		d.Log[0].Status != 500 {
		t.Errorf("%+v, %v", d, err)
	}
	if all := w.deliveries(e.ID, ""); len(all) != 2 || len(w.queue.messages) > 0 || w.tried != 2 {
		t.Errorf("%d are listed, %d queued, after %d attempts", len(all), len(w.queue.messages), w.tried)
	}
}

func TestRedeliveryIsANewRound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := w.create(body)
	w.send(news(1, 0, start))
	w.run(start)
	d := w.deliveries(e.ID, "")[0]
	for range 2 { // the second one finds it pending, and queues it again
		got, err := w.manage().Redeliver(t.Context(), "acme", e.ID, d.ID)
		if err != nil || got.State != endpoint.Pending || got.Round != 2 || got.Attempts != 0 {
			t.Errorf("%+v, %v", got, err)
		}
	}
	w.run(start)
	if d = w.deliveries(e.ID, "")[0]; d.State != endpoint.Delivered || len(d.Log) != 2 || d.Log[1].Round != 2 ||
		len(w.taken) != 2 {
		t.Errorf("%+v, taken %v", d, w.takenIDs())
	}
	if _, err := w.manage().Redeliver(t.Context(), "acme", e.ID, "dl_none"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
}

func TestChangeDemandsItsVersion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := w.create(body)
	change := sent(t, `{"types": [], "description": "new"}`)
	if _, err := w.manage().Change(t.Context(), "acme", e.ID, 7, change); !errors.Is(err, endpoint.ErrVersion) {
		t.Errorf("another version: %v", err)
	}
	got, err := w.manage().Change(t.Context(), "acme", e.ID, 1, change)
	if err != nil || got.Version != 2 || got.Description != "new" || got.URL != e.URL {
		t.Errorf("%+v, %v", got, err)
	}
}
