package breaker_test

import (
	"testing"
	"time"

	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/circuit"
)

// The cost of a healthy agent's calls. The busier a process, the fewer writes it needs per call; a
// process that seldom calls writes once for each call.
func TestCallsCostFewRequests(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		processes, loops int
		gap              time.Duration
		maxWrites        float64 // for 1,000 calls
	}{
		"one process, 15 calls a second":      {1, 15, 900 * time.Millisecond, 90},
		"one process, 2 calls a second":       {1, 2, 900 * time.Millisecond, 300},
		"8 processes, 15 calls a second":      {8, 15, 900 * time.Millisecond, 500},
		"8 processes, 4 calls a second":       {8, 4, 900 * time.Millisecond, 800},
		"8 processes, one call in 10 seconds": {8, 1, 10 * time.Second, 1000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, 1, tc.processes)
			f.answerWith(breaker.ResultAnswered, 100*time.Millisecond)
			for range tc.loops {
				f.loop(tc.gap)
			}
			f.run(time.Duration(fewer(8)) * 15 * time.Minute)
			per1000 := func(n int64) float64 { return float64(n) * 1000 / float64(f.permits) }
			reads, writes := per1000(f.store.reads.Load()), per1000(f.store.writes.Load())
			t.Logf("%d calls: %.0f reads and %.0f writes per 1,000, waits %v", f.permits, reads, writes, f.waits)
			if reads > 1010 || writes > tc.maxWrites || float64(f.waits[circuit.Limited]) > 0.01*float64(f.permits) {
				t.Errorf("%.0f reads, %.0f writes, waits %v", reads, writes, f.waits)
			}
		})
	}
}
