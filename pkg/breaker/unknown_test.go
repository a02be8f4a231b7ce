package breaker_test

import (
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/memory"
)

// What newer code has stored with a circuit stays when this code reports.
func TestCircuitKeepsWhatNewerCodeStored(t *testing.T) {
	t.Parallel()
	now := start
	clock := func() time.Time { return now }
	s := memory.New(clock)
	newer := store.Document{Version: 1, Body: []byte(`{"leases":[{"until":"2026-11-23T12:00:00Z"}],"failures":1}`)}
	if err := s.PutCircuit(t.Context(), "acme", "seller", newer); err != nil {
		t.Fatal(err)
	}
	b := breaker.New(s, breaker.Options{Policy: circuit.Default, Bounds: breaker.DefaultBounds, Lease: time.Minute,
		Now: clock, Jitter: func() float64 { return 0 }, NewID: func() string { return "l" }})
	for _, result := range []breaker.CallResult{breaker.ResultNoAnswer, breaker.ResultAnswered} {
		a, err := b.Allow(t.Context(), breaker.Call{Tenant: "acme", AgentKey: "seller", OperationID: "op_1"})
		if err != nil || a.Reason != "" {
			t.Fatal(a, err)
		}
		a.Permit.Report(t.Context(), breaker.Report{Result: result})
		doc, err := s.Circuit(t.Context(), "acme", "seller")
		kept := strings.Contains(string(doc.Body), `"leases":[{"until":"2026-11-23T12:00:00Z"}]`)
		if err != nil || doc.Version < 2 || !kept {
			t.Errorf("version %d: %s, %v", doc.Version, doc.Body, err)
		}
	}
}
