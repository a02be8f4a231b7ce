package e2e

import (
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
)

// An agent that accepts connections and never answers delays its own operations only. The test
// prints how long those of a healthy agent take, alone and beside it.
func TestBulkheads(t *testing.T) {
	t.Parallel()
	h := newHarness(t, 120)
	silent, connections := startSilentAgent(t)
	err := h.store.PutAgent(t.Context(), registry.Agent{
		Tenant:      h.tenant,
		ID:          "silent",
		URL:         silent,
		Transport:   adcp.MCP,
		WebhookMode: operation.WebhookRFC9421,
		Poll:        operation.PollPolicy{IntervalSeconds: 30}.WithDefaults(),
		Version:     1,
	})
	if err != nil {
		t.Fatal(err)
	}
	const healthy, stuck = 8, 12
	alone := h.buyRepeatedly(t, healthy)
	var waiting []httpapi.Operation
	for range stuck {
		op, _, err := h.Submit(t.Context(), uuid.NewString(), "silent", "create_media_buy", newBuy(nil))
		if err != nil {
			t.Fatal(err)
		}
		waiting = append(waiting, op)
	}
	beside := h.buyRepeatedly(t, healthy)
	for _, op := range waiting {
		if got, err := h.Get(t.Context(), op.ID); err != nil || got.State.Terminal() {
			t.Errorf("an operation of the silent agent: %s, %v", got.State, err)
		}
	}
	if n := connections.Load(); n == 0 || n > 3*stuck {
		t.Errorf("the silent agent was called %d times for %d operations", n, stuck)
	}
	t.Logf("from submission until the healthy agent has the request, median and maximum of %d: alone %.2f and %.2f s; "+
		"beside %d operations of a silent agent %.2f and %.2f s", healthy,
		alone[healthy/2].Seconds(), alone[healthy-1].Seconds(),
		stuck, beside[healthy/2].Seconds(), beside[healthy-1].Seconds())
}

// buyRepeatedly buys n times, one after the other, and returns how long each operation took until
// the agent had answered the call, sorted. Each operation must complete.
func (h *harness) buyRepeatedly(t *testing.T, n int) (all []time.Duration) {
	t.Helper()
	for range n {
		op := h.waitSettled(t, h.buy(t, map[string]any{"delay_ms": 300}).ID)
		if op.State != operation.Completed {
			t.Errorf("%s\n%s", op.State, timeline(op))
		}
		i := slices.IndexFunc(op.Events, func(e operation.Event) bool {
			return e.From == operation.CallingAdCP && e.To != operation.CallingAdCP
		})
		all = append(all, op.Events[i].At.Sub(op.CreatedAt))
	}
	slices.Sort(all)
	return all
}

// startSilentAgent starts an agent that never answers, and counts its connections.
func startSilentAgent(t *testing.T) (address string, connections *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	connections = &atomic.Int64{}
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
			connections.Add(1)
			open = append(open, c)
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-closed })
	return "http://" + l.Addr().String() + "/mcp", connections
}
