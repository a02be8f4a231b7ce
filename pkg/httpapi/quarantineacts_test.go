package httpapi_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store/memory"
	"adcp-orchestrator/pkg/webhook"
)

// quarantined fills a store with n deliveries, of which each third is a stranger's.
const (
	showQuarantined = "GET /v1/quarantine/{id}"
	replayOne       = "POST /v1/quarantine/{id}/replay"
)

func quarantined(t *testing.T, n int) *memory.Store {
	t.Helper()
	s := memory.New(clock)
	for i := range n {
		q := inbox.Quarantined{Tenant: "acme", AgentID: fmt.Sprint("s", i%2), OperationID: opID(i),
			At: now.Add(time.Duration(i-n) * time.Minute), Authentic: i%3 != 0, Code: fmt.Sprint("c", i%5),
			Digest: sha256OfNothing, Body: []byte(`{"note":"<b>"}`)}
		if err := s.Quarantine(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		if i == 7 {
			h := inbox.Handled{At: now, Reason: "why", Actor: operation.Actor{Type: operation.ActorAPIKey, ID: "k"}}
			if err := s.HandleQuarantined(t.Context(), "acme", q.ID(), inbox.Discarded, h); err != nil {
				t.Fatal(err)
			}
		}
	}
	return s
}

// Every filter lists what it names and nothing else, in pages that look at a bounded number.
func TestQuarantineIsFiltered(t *testing.T) {
	t.Parallel()
	const n = 1200
	f := api.Serve(apikey.ScopeOperationsRead, api.ListQuarantine(quarantined(t, n)))
	bound := now.Add(-600 * time.Minute).Format(time.RFC3339)
	for filter, want := range map[string]int{
		"": n, "agent_id=s1": n / 2, "operation_id=" + opID(3): 1, "authentic=true": 800, "authentic=false": 400,
		"code=c4": n / 5, "state=kept": n - 1, "state=discarded": 1, "state=replayed": 0, "received_after=" + bound: 600,
		"received_before=" + bound: 600, "agent_id=nobody": 0,
	} {
		name, value, _ := strings.Cut(filter, "=")
		query := map[string]string{"limit": "200"}
		if name != "" {
			query[name] = value
		}
		seen, last, pages := map[string]bool{}, now, 0
		for ; ; pages++ {
			p := decode[quarantinePage](t, call(t, f, list(query, "acme")), 200)
			for _, d := range p.Items {
				if seen[d.ID] || d.FirstAt.After(last) || len(p.Items) > 200 {
					t.Fatalf("%s: %+v comes after %v", filter, d, last)
				}
				seen[d.ID], last = true, d.FirstAt
			}
			if p.Next == "" || pages > 20 {
				break
			}
			if query = queryOf(t, p.Next); name != "" && query[name] != value {
				t.Fatalf("next is %s", p.Next)
			}
		}
		if len(seen) != want || pages > 12 {
			t.Errorf("%q: %d deliveries on %d pages, want %d", filter, len(seen), pages, want)
		}
	}
	p := decode[quarantinePage](t, call(t, f, list(map[string]string{"limit": "1", "code": "c1"}, "acme")), 200)
	other := queryOf(t, p.Next)
	other["code"] = "c2"
	wantProblem(t, call(t, f, list(other, "acme")), 400, "cursor_mismatch")
}

func TestQuarantinedIsShownWithItsBody(t *testing.T) {
	t.Parallel()
	s := quarantined(t, 2)
	f := api.Serve(apikey.ScopeOperationsRead, api.ShowQuarantined(s))
	for i, authentic := range []bool{false, true} {
		q := inbox.Quarantined{Tenant: "acme", OperationID: opID(i), Authentic: authentic,
			At: now.Add(time.Duration(i-2) * time.Minute), Code: fmt.Sprint("c", i), Digest: sha256OfNothing}
		e := of(showQuarantined, q.ID(), "", nil)
		got := decode[httpapi.QuarantinedDelivery](t, call(t, f, e), 200)
		if got.ID != q.ID() || got.Body != "" || got.BodyUntil.IsZero() == authentic {
			t.Errorf("got %+v", got)
		}
		e.QueryStringParameters = map[string]string{"embed": "body"}
		want := map[bool]string{true: `{"note":"<b>"}`}[authentic]
		if got := decode[httpapi.QuarantinedDelivery](t, call(t, f, e), 200); got.Body != want {
			t.Errorf("got %q", got.Body)
		}
		e.QueryStringParameters["embed"] = "everything"
		wantProblem(t, call(t, f, e), 400, "invalid_request")
		other := as(of(showQuarantined, q.ID(), "", nil), "other")
		wantProblem(t, call(t, f, other), 404, "not_found")
	}
	wantProblem(t, call(t, f, of(showQuarantined, "op_1", "", nil)), 404, "not_found")
}

// A body of a megabyte of escapes is left out rather than lost with the answer.
func TestBodyThatCannotBeDeliveredIsLeftOut(t *testing.T) {
	t.Parallel()
	s := memory.New(clock)
	q := inbox.Quarantined{Tenant: "acme", AgentID: "seller", OperationID: opID(1), At: now, Authentic: true,
		Code: "conflict", Digest: sha256OfNothing,
		Body: []byte(strings.Repeat("<", inbox.MaxBody))}
	if err := s.Quarantine(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	e := of(showQuarantined, q.ID(), "", nil)
	e.QueryStringParameters = map[string]string{"embed": "body"}
	answer := call(t, api.Serve(apikey.ScopeOperationsRead, api.ShowQuarantined(s)), e)
	if got := decode[httpapi.QuarantinedDelivery](t, answer, 200); got.Body != "" || !got.BodyLeftOut {
		t.Errorf("got %d bytes, left out: %v", len(got.Body), got.BodyLeftOut)
	}
}

// replayed is a delivery that was replayed, and the operation that it has ended.
func replayed() (inbox.Quarantined, operation.Operation) {
	return inbox.Quarantined{AgentID: "seller", OperationID: opID(1), At: now, Code: "conflict", Digest: sha256OfNothing,
			State: inbox.Replayed, Count: 1},
		operation.Operation{ID: opID(1), State: operation.Completed, Version: 1, Type: adcp.CreateMediaBuy,
			AgentID: "seller", Webhook: operation.WebhookConfig{Mode: operation.WebhookHMAC}}
}

// replays serves replays, all of which are applied.
func replays() httpapi.Function {
	return api.Serve(apikey.ScopeQuarantineWrite, api.ReplayQuarantined(
		func(context.Context, string, string, string, operation.Actor) (webhook.ReplayResult, error) {
			q, op := replayed()
			return webhook.ReplayResult{Quarantined: q, Operation: op, Applied: true, Verdict: operation.Advanced}, nil
		}))
}

func TestActsOnQuarantinedDeliveries(t *testing.T) {
	t.Parallel()
	id := "qd_" + strings.Repeat("a", 26)
	q, op := replayed()
	for code, err := range map[string]error{"not_authentic": webhook.ErrNotAuthentic, "body_gone": webhook.ErrBodyGone,
		"delivery_discarded": webhook.ErrDiscarded, "already_applied": orchestrator.ErrAlreadyApplied,
		"operation_ended": orchestrator.ErrEnded} {
		f := api.Serve(apikey.ScopeQuarantineWrite, api.ReplayQuarantined(
			func(context.Context, string, string, string, operation.Actor) (webhook.ReplayResult, error) {
				return webhook.ReplayResult{Quarantined: q, Operation: op, Verdict: operation.Duplicate}, err
			}))
		p := wantProblem(t, call(t, f, of(replayOne, id, `{"reason":"x"}`, nil)), 409, code)
		if p.Verdict != operation.Duplicate || p.OperationID != opID(1) || p.State != operation.Completed {
			t.Errorf("%s: %+v", code, p)
		}
	}
	replay := api.Serve(apikey.ScopeQuarantineWrite, api.ReplayQuarantined(
		func(_ context.Context, tenant, got, reason string, actor operation.Actor) (webhook.ReplayResult, error) {
			if tenant != "acme" || got != id || reason != "x" || actor.ID != "k" {
				t.Errorf("replayed %s %s because %s by %+v", tenant, got, reason, actor)
			}
			return webhook.ReplayResult{Quarantined: q, Operation: op, Applied: true, Verdict: operation.Advanced}, nil
		}))
	type answer struct {
		Applied   bool
		Verdict   operation.Verdict
		Operation httpapi.Operation
		Delivery  httpapi.QuarantinedDelivery
	}
	body := decode[answer](t, call(t, replay, of(replayOne, id, `{"reason":"x"}`, nil)), 200)
	if !body.Applied || body.Verdict != operation.Advanced || body.Operation.ID != opID(1) || body.Delivery.ID != q.ID() {
		t.Errorf("got %+v", body)
	}
	wantProblem(t, call(t, replay, of(replayOne, id, `{}`, nil)), 400, "invalid_request")
	wantProblem(t, call(t, replay, of(replayOne, "op_1", `{"reason":"x"}`, nil)), 404, "not_found")
	weak := of(replayOne, id, `{"reason":"x"}`, nil)
	weak.RequestContext.Authorizer = map[string]any{"tenant": "acme", "scopes": apikey.ScopeOperationsWrite}
	wantProblem(t, call(t, replay, weak), 403, "insufficient_scope")
}
