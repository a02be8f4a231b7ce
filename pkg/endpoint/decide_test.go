package endpoint_test

import (
	"testing"
	"time"

	"adcp-orchestrator/pkg/endpoint"
)

func TestDecide(t *testing.T) {
	t.Parallel()
	failed := endpoint.Result{Status: 500, Fault: endpoint.FaultStatus}
	now := start.Add(100 * 24 * time.Hour)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for name, c := range map[string]struct {
		r        endpoint.Result
		attempts int // before this one
		queued   time.Duration
		failing  time.Duration
		want     endpoint.Decision
	}{
		"taken": {endpoint.Result{Status: 204}, 3, time.Hour, time.Hour,
			endpoint.Decision{State: endpoint.Delivered}},
		"first failure": {failed, 0, 0, 0, endpoint.Decision{State: endpoint.Pending, After: 5 * time.Second}},
		"fourth failure": {failed, 3, time.Hour, time.Hour, endpoint.Decision{State: endpoint.Pending,
			After: 10 * time.Minute}},
		"tenth failure": {failed, 9, time.Hour, time.Hour, endpoint.Decision{State: endpoint.Pending, After: 2 * time.Hour}},
		"asked for time": {endpoint.Result{Status: 429, Fault: endpoint.FaultStatus, RetryAfter: 3 * time.Hour}, 0, 0, 0,
			endpoint.Decision{State: endpoint.Pending, After: 3 * time.Hour}},
		"asked for a week": {endpoint.Result{Status: 429, Fault: endpoint.FaultStatus, RetryAfter: 7 * 24 * time.Hour}, 0, 0,
			0,
			endpoint.Decision{State: endpoint.Pending, After: 11 * time.Hour}},
		"asked for a moment": {endpoint.Result{Status: 429, Fault: endpoint.FaultStatus, RetryAfter: time.Second}, 5, 0, 0,
			endpoint.Decision{State: endpoint.Pending, After: time.Hour}},
		"three days": {failed, 9, endpoint.GiveUpAfter, 4 * 24 * time.Hour, endpoint.Decision{State: endpoint.Dead}},
		"five days": {failed, 9, time.Hour, endpoint.DisableAfter,
			endpoint.Decision{State: endpoint.Dead, Disable: endpoint.Failing}},
		"five days, but a new message": {failed, 1, 59 * time.Minute, endpoint.DisableAfter,
			endpoint.Decision{State: endpoint.Pending, After: 30 * time.Second}},
		"gone": {endpoint.Result{Status: 410, Fault: endpoint.FaultStatus}, 0, 0, 0,
			endpoint.Decision{State: endpoint.Dead, Disable: endpoint.Gone}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := endpoint.Delivery{Attempts: c.attempts, QueuedAt: ago(c.queued)}
			if got := endpoint.Decide(c.r, d, ago(c.failing), now, 0); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
	if d := endpoint.Delay(1, 0.999); d <= 5*time.Second || d > 6250*time.Millisecond {
		t.Errorf("with jitter: %s", d)
	}
}

func TestDeliveryIDsSortByTime(t *testing.T) {
	t.Parallel()
	before := endpoint.DeliveryID("we_1", "n", start)
	for ms := range 3000 {
		id := endpoint.DeliveryID("we_1", "n", start.Add(time.Duration(ms+1)*time.Millisecond))
		if id <= before || !endpoint.DeliveryIDForm().MatchString(id) {
			t.Fatalf("%s after %s", id, before)
		}
		before = id
	}
	if endpoint.DeliveryID("we_1", "n", start) == endpoint.DeliveryID("we_2", "n", start) {
		t.Error("two endpoints share a delivery")
	}
}
