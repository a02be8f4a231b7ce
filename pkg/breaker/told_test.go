package breaker_test

import (
	"fmt"
	"testing"
	"time"

	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/store/memory"
)

// Many processes see that an agent fails, and that it is back. Consumers are told once each time.
func TestATransitionIsToldOnce(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	s := memory.New(func() time.Time { return now })
	var fleet []*breaker.Breaker
	names := 0
	for range 4 {
		fleet = append(fleet, breaker.New(s, breaker.Options{Policy: circuit.Default, Bounds: breaker.DefaultBounds,
			Lease: time.Minute, Now: func() time.Time { return now }, Jitter: func() float64 { return 0 },
			NewID: func() string { names++; return fmt.Sprint(names) }}))
	}
	// round lets each process call the agent, all at once, and report.
	round := func(result breaker.CallResult) {
		t.Helper()
		var permits []breaker.Permit
		for n, b := range fleet {
			a, err := b.Allow(t.Context(), breaker.Call{Tenant: "acme", AgentKey: "sel.ler.0123456789abcdef",
				OperationID: fmt.Sprint("op_", n), Created: now})
			if err != nil {
				t.Fatal(err)
			}
			if a.Reason == "" {
				permits = append(permits, a.Permit)
			}
		}
		for _, p := range permits {
			p.Report(t.Context(), breaker.Report{Result: result})
		}
	}
	for range 3 { // twelve failures: the circuit opens at the fifth
		round(breaker.ResultNoAnswer)
	}
	now = now.Add(time.Hour)
	round(breaker.ResultNoAnswer) // the probe fails: it stays open
	if got := told(t, s, now); got[notice.CircuitOpened] != 1 || got[notice.CircuitClosed] != 0 {
		t.Errorf("told %v", got)
	}
	now = now.Add(time.Hour)
	round(breaker.ResultAnswered)
	round(breaker.ResultAnswered)
	if got := told(t, s, now); got[notice.CircuitOpened] != 1 || got[notice.CircuitClosed] != 1 {
		t.Errorf("told %v", got)
	}
}

// told counts the notices in the outbox, which are about the agent.
func told(t *testing.T, s *memory.Store, now time.Time) map[notice.Type]int {
	t.Helper()
	w, err := s.WaitingNotices(t.Context(), now.Add(time.Hour), 100)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[notice.Type]int{}
	for _, r := range w.Refs {
		rows, err := s.PendingNotices(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			if kinds[row.Notice.Type]++; row.Notice.Facts.AgentID != "sel.ler" {
				t.Errorf("told %+v", row.Notice)
			}
		}
	}
	return kinds
}
