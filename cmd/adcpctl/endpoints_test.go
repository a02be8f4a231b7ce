package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/endpoint"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/outbox"
	"adcp-orchestrator/pkg/safehttp"
)

// The webhook endpoints of the world, and the one that is made next.
const (
	hookDesk    = "we_aq2mz4kxn3w5v6y2b4t7h3c5da" // takes what it is sent
	hookDown    = "we_b5tr2wpaxn3w5v6y2b4t7h3c5d" // answers 503
	hookGone    = "we_c2mm7vdxrn3w5v6y2b4t7h3c5d" // has answered 410
	hookNew     = "we_d3kk7vdxrn3w5v6y2b4t7h3c5d"
	hookUnknown = "we_zzzz6hxkwn3w5v6y2b4t7h3c5d"
)

// The deliveries of the world.
var (
	sentDesk = sent(hookDesk, opDone, 29*time.Hour)
	sentDown = sent(hookDown, opFailed, 30*time.Hour)
	sentGone = sent(hookGone, opCanceled, 32*time.Hour)
)

// sent is the id of the delivery that tells an endpoint the end of an operation.
func sent(hook, op string, age time.Duration) string {
	return endpoint.DeliveryID(hook, op+"-ended", ago(age))
}

// receivers answer for the addresses of the world's endpoints.
type receivers struct{}

func (receivers) Send(_ context.Context, r endpoint.Request) endpoint.Result {
	switch {
	case strings.HasPrefix(r.URL, "https://down."):
		return endpoint.Result{Status: 503, Fault: endpoint.FaultStatus}
	case strings.HasPrefix(r.URL, "https://gone."):
		return endpoint.Result{Status: 410, Fault: endpoint.FaultStatus}
	}
	return endpoint.Result{Status: 204}
}

// queued keeps what is to be delivered.
type queued struct{ messages []endpoint.Message }

func (q *queued) Send(_ context.Context, m endpoint.Message, _, _ string) error {
	q.messages = append(q.messages, m)
	return nil
}

func roots(context.Context) ([]string, error) {
	return []string{"a-root-secret-of-thirty-two-bytes-or-more"}, nil
}

// hooks is what tenants do with their endpoints. The ids are given out in their order.
func (s *server) hooks(queue endpoint.Queue, ids ...string) endpoint.Manage {
	return endpoint.Manage{Store: s.store, Queue: queue, Sender: receivers{}, Roots: roots, Source: s.URL, Now: clock,
		CheckURL: func(u string) error { return safehttp.CheckURL(u, false) },
		NewID: func() string {
			id := ids[0]
			ids = ids[1:]
			return id
		}}
}

// hookRoutes are the handlers of webhook endpoints, wired as the function endpoints wires them.
func (s *server) hookRoutes(a httpapi.API) map[string]httpapi.Function {
	m := s.hooks(&queued{}, hookNew)
	read, write := apikey.ScopeOperationsRead, apikey.ScopeWebhooksWrite
	const one = "/v1/webhook-endpoints/{id}"
	return map[string]httpapi.Function{
		"GET /v1/webhook-endpoints":    a.Serve(read, a.ListEndpoints(s.store, clock)),
		"POST /v1/webhook-endpoints":   a.Serve(write, a.CreateEndpoint(m)),
		"GET " + one:                   a.Serve(read, a.ShowEndpoint(s.store, clock)),
		"PATCH " + one:                 a.Serve(write, a.ChangeEndpoint(m)),
		"DELETE " + one:                a.Serve(write, a.DeleteEndpoint(s.store)),
		"POST " + one + "/test":        a.Serve(write, a.TestEndpoint(m)),
		"POST " + one + "/roll-secret": a.Serve(write, a.RollSecret(m)),
		"GET " + one + "/deliveries":   a.Serve(read, a.ListDeliveries(s.store)),
		"POST " + one + "/deliveries/{delivery_id}/redeliver": a.Serve(write, a.Redeliver(m)),
	}
}

// tell publishes what waits in the outbox, as the function notify does, and delivers it to the
// endpoints of the world, as the function deliver does: it was told an hour ago.
func (s *server) tell(t *testing.T) {
	t.Helper()
	began := ago(time.Hour)
	m := s.hooks(nil, hookDesk, hookDown, hookGone)
	for _, e := range []struct {
		url, description string
		types            []string
	}{
		{"https://acme.example/hook", "trading desk", []string{"operation.completed"}},
		{"https://down.acme.example/hook", "", []string{"operation.failed"}},
		{"https://gone.acme.example/hook", "", []string{"operation.canceled"}},
	} {
		m.Now = func() time.Time { return began.Add(-time.Hour) }
		if _, err := m.Create(t.Context(), "acme", e.url, endpoint.Change{URL: &e.url, Description: &e.description,
			Types: &e.types}); err != nil {
			t.Fatal(err)
		}
	}
	queue := &queued{}
	drain := outbox.Drain{Store: s.store, Bus: bus{}, Now: clock, Fanout: endpoint.Fanout{Store: s.store, Queue: queue,
		Source: s.URL, Now: func() time.Time { return began }}}
	for _, id := range all {
		if err := drain.Run(t.Context(), notice.Ref{Tenant: "acme", OperationID: id}); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range queue.messages {
		s.deliver(t, m, began)
	}
}

// deliver has a message delivered, again and again until now.
func (s *server) deliver(t *testing.T, m endpoint.Message, at time.Time) {
	t.Helper()
	deliver := endpoint.Deliver{Store: s.store, Sender: receivers{}, Roots: roots,
		Now: func() time.Time { return at }, Jitter: func() float64 { return 0 }}
	for received := 1; !at.After(now); received++ {
		again, err := deliver.Run(t.Context(), m, received)
		if err != nil {
			t.Fatal(err)
		}
		if again == 0 {
			return
		}
		at = at.Add(again)
	}
}
