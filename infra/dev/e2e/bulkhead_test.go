package e2e

import (
	"adcp-orchestrator/infra/local/client"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
)

// An agent that takes connections and never answers holds up its own operations and nobody else's: how long a healthy agent's take is printed, alone and beside it.
func TestBulkheads(t *testing.T) {
	t.Parallel()
	w := enter(t, 120)
	dead, calls := silent(t)
	err := w.store.PutAgent(t.Context(), registry.Agent{Tenant: w.tenant, ID: "dead", URL: dead, Transport: registry.MCP, WebhookMode: operation.WebhookRFC9421,
		Poll: operation.PollPolicy{IntervalSeconds: 30}.WithDefaults(), Version: 1})
	if err != nil {
		t.Fatal(err)
	}
	const healthy, stuck = 8, 12
	alone := w.takenUp(t, healthy)
	var held []httpapi.Operation
	for range stuck {
		op, _, err := w.Submit(t.Context(), uuid.NewString(), "dead", "create_media_buy", client.Buy("PO-"+uuid.NewString(), nil))
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, op)
	}
	beside := w.takenUp(t, healthy)
	for _, op := range held {
		if got, err := w.Get(t.Context(), op.ID); err != nil || got.State.Terminal() {
			t.Errorf("an operation of the silent agent: %s, %v", got.State, err)
		}
	}
	if n := calls.Load(); n == 0 || n > 3*stuck {
		t.Errorf("the silent agent was called %d times for %d operations", n, stuck)
	}
	t.Logf("from submit until the healthy agent has taken an order up, median and longest of %d: alone %.2f and %.2f s; beside %d orders of a silent agent %.2f and %.2f s",
		healthy, alone[healthy/2].Seconds(), alone[healthy-1].Seconds(), stuck, beside[healthy/2].Seconds(), beside[healthy-1].Seconds())
}

// takenUp buys n times and returns how long each took until the agent had answered, sorted. Each buy ends well.
func (w *world) takenUp(t *testing.T, n int) (all []time.Duration) {
	t.Helper()
	for range n {
		op := w.settled(t, w.buy(t, map[string]any{"delay_ms": 300}).ID)
		if op.State != operation.Completed {
			t.Errorf("%s\n%s", op.State, timeline(op))
		}
		i := slices.IndexFunc(op.Events, func(e operation.Event) bool { return e.From == operation.CallingAdCP && e.To != operation.CallingAdCP })
		all = append(all, op.Events[i].At.Sub(op.CreatedAt))
	}
	slices.Sort(all)
	return all
}

// silent is an agent that never answers; it counts its connections.
func silent(t *testing.T) (address string, calls *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	calls = &atomic.Int64{}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		var open []net.Conn
		for {
			c, err := l.Accept()
			if err != nil {
				for _, c := range open {
					_ = c.Close()
				}
				return
			}
			calls.Add(1)
			open = append(open, c)
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-closed })
	return "http://" + l.Addr().String() + "/mcp", calls
}
