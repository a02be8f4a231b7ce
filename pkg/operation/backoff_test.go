package operation

import (
	"testing"
	"time"
)

func TestDelayGrowsToTheMaximumAndSlowsAfterTheDeadline(t *testing.T) {
	t.Parallel()
	p := PollPolicy{IntervalSeconds: 10, BackoffRate: 2, MaxDelaySeconds: 600}
	day := 24 * time.Hour
	for n, want := range []time.Duration{10, 20, 40, 80, 160, 320, 600, 600} {
		if got := p.Delay(n, time.Minute, day, 0); got != want*time.Second {
			t.Errorf("poll %d: %v, want %v", n, got, want*time.Second)
		}
	}
	if got := p.Delay(3, time.Minute, day, 0.999); got < 80*time.Second || got > 100*time.Second {
		t.Errorf("with jitter: %v", got)
	}
	if got := p.Delay(100, day-time.Minute, day, 0.9); got != time.Minute {
		t.Errorf("just before the deadline: %v", got)
	}
	if got := p.Delay(100, day, day, 0); got != 3*time.Hour {
		t.Errorf("after the deadline: %v", got)
	}
	if got := p.Delay(100, 30*day, day, 0.5); got != maxDelay+maxDelay/8 {
		t.Errorf("long after the deadline: %v", got)
	}
	if got := p.Delay(1_000_000, time.Minute, day, 0); got != 600*time.Second {
		t.Errorf("after very many polls: %v", got)
	}
}

func TestRetryDelayDoublesToTheMaximum(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]time.Duration{
		0:  2 * time.Second,
		1:  2 * time.Second,
		2:  4 * time.Second,
		3:  8 * time.Second,
		10: 1024 * time.Second,
		40: maxDelay,
	} {
		if got := RetryDelay(n, 0); got != want {
			t.Errorf("attempt %d: %v, want %v", n, got, want)
		}
	}
}
