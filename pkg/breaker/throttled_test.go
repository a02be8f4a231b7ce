package breaker_test

import (
	"context"
	"testing"
	"time"

	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/memory"
)

// crowdedStore has no capacity left for gates.
type crowdedStore struct{ *memory.Store }

func (crowdedStore) StepGate(context.Context, circuit.GateID, circuit.Step) (circuit.Gate, error) {
	return circuit.Gate{}, store.ErrThrottled
}

// A throttled store lets no call through: it is throttled because too many want to call.
func TestAThrottledStoreLetsNoCallThrough(t *testing.T) {
	t.Parallel()
	clock := func() time.Time { return start }
	b := breaker.New(crowdedStore{memory.New(clock)}, breaker.Options{Policy: circuit.Default,
		Bounds: breaker.DefaultBounds, Lease: time.Minute, Now: clock, Jitter: func() float64 { return 0 },
		NewID: func() string { return "a" }})
	a, err := b.Allow(t.Context(), breaker.Call{Tenant: "acme", AgentKey: "seller", Origin: "o"})
	if err != nil || a.Reason != circuit.Limited || !a.Slot.After(start) {
		t.Errorf("%+v, %v", a, err)
	}
}
