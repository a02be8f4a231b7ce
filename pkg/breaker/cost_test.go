package breaker_test

import (
	"testing"
	"time"

	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/circuit"
)

// The cost of a healthy agent's calls: one read, and a write at each of the three gates before and
// after. A busy agent's gate takes another try now and then.
func TestCallsCostFewRequests(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		loops             int
		gap, takes        time.Duration
		reads, writes     float64 // for a call, at most
		maxRounds, limits float64
	}{
		"one call in 10 seconds":                   {1, 10 * time.Second, 100 * time.Millisecond, 1, 6, 1, 0},
		"4 calls in a second":                      {4, 900 * time.Millisecond, 100 * time.Millisecond, 1, 6.3, 1, 0},
		"15 calls in a second":                     {15, 900 * time.Millisecond, 100 * time.Millisecond, 1.1, 7, 1.1, 0.01},
		"at the rate, 30 wish to call in a second": {30, 900 * time.Millisecond, 100 * time.Millisecond, 2.5, 9, 2.1, 1},
		"as many under way as may be":              {100, time.Second, 10 * time.Second, 10, 16, 3, 0.2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, 1, 8)
			f.answerWith(breaker.ResultAnswered, tc.takes)
			f.reconcile()
			for range tc.loops {
				f.loop(tc.gap)
			}
			f.run(time.Duration(fewer(8)) * 5 * time.Minute)
			per := func(n int64) float64 { return float64(n) / float64(f.permits) }
			reads, writes := per(f.store.reads.Load()), per(f.store.writes.Load())
			mean, _ := f.roundsOf()
			t.Logf("%s: %d calls: %.2f reads and %.2f writes for a call, %.2f rounds, waits %v", name, f.permits, reads, writes,
				mean, f.waits)
			looks := float64(f.now.Sub(start)/time.Minute) / float64(f.permits) // at the lines that are due
			limited := float64(f.waits[circuit.Limited]) / float64(f.permits)
			if reads > tc.reads+looks || writes > tc.writes || mean > tc.maxRounds || limited > tc.limits {
				t.Errorf("%.2f reads, %.2f writes, %.2f rounds, waits %v", reads, writes, mean, f.waits)
			}
		})
	}
}
