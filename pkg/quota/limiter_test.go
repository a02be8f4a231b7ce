package quota_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"adcp-orchestrator/pkg/quota"
	"adcp-orchestrator/pkg/store/memory"
)

var start = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// fleet is some processes that share a store, on one clock.
type fleet struct {
	now    time.Time
	store  *memory.Store
	guards []*quota.Guard
	writes int
	fail   error
}

// TakeTokens counts the writes to the store.
func (f *fleet) TakeTokens(ctx context.Context, t quota.Take) (quota.Taken, error) {
	f.writes++
	if f.fail != nil {
		return quota.Taken{}, f.fail
	}
	return f.store.TakeTokens(ctx, t)
}

func newFleet(processes int, l quota.Limits) *fleet {
	f := &fleet{now: start}
	clock := func() time.Time { return f.now }
	f.store = memory.New(clock)
	for range processes {
		f.guards = append(f.guards, quota.NewGuard(f, l, clock))
	}
	return f
}

// run sends requests of a tenant at even distances for a time, to one process after the other, and
// returns how many were admitted and how many were sent. beside is called with each.
func (f *fleet) run(
	t *testing.T, tenant string, perSecond int, d time.Duration, beside func(i int),
) (admitted, sent int) {
	t.Helper()
	for end := f.now.Add(d); f.now.Before(end); f.now = f.now.Add(time.Second / time.Duration(perSecond)) {
		err := f.guards[sent%len(f.guards)].Request(t.Context(), tenant)
		if err == nil {
			admitted++
		} else if e := new(quota.ExceededError); !errors.As(err, &e) || e.RetryAfter <= 0 {
			t.Fatalf("refused with %v", err)
		}
		if beside != nil {
			beside(sent)
		}
		sent++
	}
	return admitted, sent
}

var fifty = quota.Limits{Requests: quota.Rate{PerSecond: 50, Burst: 100}}

func TestOneTenantsFloodTakesNothingFromAnother(t *testing.T) {
	t.Parallel()
	f := newFleet(16, fifty)
	refused := 0
	admitted, sent := f.run(t, "loud", 2000, 10*time.Second, func(i int) {
		if i%50 == 0 && f.guards[i%7].Request(t.Context(), "quiet") != nil { // 40 a second
			refused++
		}
	})
	t.Logf("%d of %d requests of the flood were admitted, with %d writes for all", admitted, sent, f.writes)
	if refused > 0 {
		t.Errorf("%d requests of the other tenant were refused", refused)
	}
	if most := 100 + 50*10; admitted > most || admitted < most/2 {
		t.Errorf("%d requests were admitted, the limit is %d", admitted, most)
	}
}

// A busy process takes several tokens with one write, and one that seldom asks writes once. A flood
// costs no more than a few writes a second for each process.
func TestLimitsCostFewWrites(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		processes, perSecond int
		maxWrites            float64 // for 1,000 requests
	}{
		"one process, 40 requests a second":      {1, 40, 120},
		"4 processes, 40 requests a second":      {4, 40, 500},
		"8 processes, 4 requests a second":       {8, 4, 1000},
		"a flood of 1,000 a second, 8 processes": {8, 1000, 100},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(tc.processes, fifty)
			admitted, sent := f.run(t, "acme", tc.perSecond, time.Minute, nil)
			per1000 := float64(f.writes) * 1000 / float64(sent)
			t.Logf("before: 0 writes; now %.0f writes for 1,000 requests (%d of %d admitted)", per1000, admitted, sent)
			if per1000 > tc.maxWrites {
				t.Errorf("%.0f writes for 1,000 requests", per1000)
			}
			if tc.perSecond <= 40 && admitted < sent*99/100 {
				t.Errorf("%d of %d requests within the limit were admitted", admitted, sent)
			}
		})
	}
}

// Correctness does not depend on limits: a store that fails stops nobody, and is not asked for each
// request.
func TestFailingStoreLetsThrough(t *testing.T) {
	t.Parallel()
	f := newFleet(1, fifty)
	f.fail = errors.New("throttled")
	admitted, sent := f.run(t, "acme", 100, 10*time.Second, nil)
	if admitted != sent || f.writes > 11 {
		t.Errorf("%d of %d admitted with %d writes", admitted, sent, f.writes)
	}
}

func TestNoLimitsAndNoGuardLetEverythingThroughWithoutAWrite(t *testing.T) {
	t.Parallel()
	f := newFleet(1, quota.Limits{})
	var none *quota.Guard
	for range 1000 {
		for _, g := range []*quota.Guard{f.guards[0], none} {
			err := errors.Join(g.Request(t.Context(), "acme"), g.Submission(t.Context(), "acme"),
				g.Delivery(t.Context(), "acme", "sender"))
			if err != nil || g.MaxAgents() != 0 {
				t.Fatal(err)
			}
		}
	}
	if f.writes > 0 {
		t.Errorf("%d writes", f.writes)
	}
}

// The count of open operations goes up with each submission, and a recount brings it down again.
func TestOpenOperationsAreLimitedUntilARecount(t *testing.T) {
	t.Parallel()
	f := newFleet(2, quota.Limits{OpenOperations: 3})
	submit := func() error { return f.guards[0].Submission(t.Context(), "acme") }
	for range 3 {
		f.now = f.now.Add(2 * time.Second) // one token for each write
		if err := submit(); err != nil {
			t.Fatal(err)
		}
	}
	var exceeded *quota.ExceededError
	if err := submit(); !errors.As(err, &exceeded) || exceeded.Limit != quota.OpenOperations || exceeded.Value != 3 ||
		exceeded.RetryAfter < time.Second {
		t.Fatalf("the fourth of three: %v", err)
	}
	f.now = f.now.Add(5 * time.Minute)
	if err := f.store.SetOpen(t.Context(), "acme", 2, f.now); err != nil { // one has ended
		t.Fatal(err)
	}
	if err := submit(); err != nil {
		t.Error(err)
	}
	if err := submit(); !errors.As(err, &exceeded) {
		t.Errorf("after the recount: %v", err)
	}
	f.now = f.now.Add(20 * time.Minute) // nobody recounts
	if err := submit(); err != nil {
		t.Errorf("a count that nobody corrects refuses: %v", err)
	}
}
