package breaker_test

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/memory"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestOutcomeOf(t *testing.T) {
	t.Parallel()
	answer := func(code string, after time.Duration) (adcp.Response, error) {
		return adcp.Response{Err: &adcp.Error{Code: code, RetryAfter: after}}, nil
	}
	call := func(o adcp.Outcome, status int, after time.Duration, cause error) (adcp.Response, error) {
		return adcp.Response{}, fmt.Errorf("wrapped: %w", &adcp.CallError{Outcome: o, Status: status, RetryAfter: after, Cause: cause})
	}
	outcome := func(r adcp.Response, err error) breaker.Report { return breaker.ReportOf(r, err) }
	broken := errors.New("broken")
	for name, tc := range map[string]struct{ got, want breaker.Report }{
		"an answer":             {outcome(adcp.Response{Payload: json.RawMessage(`{}`)}, nil), breaker.Report{Result: breaker.ResultAnswered}},
		"a business error":      {outcome(answer("BUDGET_TOO_LOW", 0)), breaker.Report{Result: breaker.ResultAnswered}},
		"busy, in AdCP's terms": {outcome(answer("SERVICE_UNAVAILABLE", time.Minute)), breaker.Report{Result: breaker.ResultAnswered}},
		"permission is one's":   {outcome(answer("PERMISSION_DENIED", 0)), breaker.Report{Result: breaker.ResultAnswered}},
		"limited":               {outcome(answer("RATE_LIMITED", time.Minute)), breaker.Report{Result: breaker.ResultRateLimited, RetryAfter: time.Minute}},
		"a bad credential":      {outcome(answer("AUTH_INVALID", 0)), breaker.Report{Result: breaker.ResultDenied}},
		"no credential":         {outcome(answer("AUTH_REQUIRED", 0)), breaker.Report{Result: breaker.ResultDenied}},
		"HTTP 401":              {outcome(call(adcp.Refused, http.StatusUnauthorized, 0, broken)), breaker.Report{Result: breaker.ResultDenied}},
		"HTTP 429":              {outcome(call(adcp.Refused, http.StatusTooManyRequests, time.Second, broken)), breaker.Report{Result: breaker.ResultRateLimited, RetryAfter: time.Second}},
		"HTTP 403":              {outcome(call(adcp.Refused, http.StatusForbidden, 0, broken)), breaker.Report{Result: breaker.ResultNoAnswer}},
		"HTTP 400":              {outcome(call(adcp.Ambiguous, http.StatusBadRequest, 0, broken)), breaker.Report{Result: breaker.ResultAnswered}},
		"HTTP 503":              {outcome(call(adcp.Ambiguous, http.StatusServiceUnavailable, time.Minute, broken)), breaker.Report{Result: breaker.ResultNoAnswer, RetryAfter: time.Minute}},
		"no connection":         {outcome(call(adcp.Unsent, 0, 0, broken)), breaker.Report{Result: breaker.ResultNoAnswer}},
		"a time-out":            {outcome(call(adcp.Ambiguous, 200, 0, context.DeadlineExceeded)), breaker.Report{Result: breaker.ResultNoAnswer}},
		"we gave up":            {outcome(call(adcp.Ambiguous, 0, 0, context.Canceled)), breaker.Report{Result: breaker.ResultUnknown}},
		"our own fault":         {outcome(adcp.Response{}, broken), breaker.Report{Result: breaker.ResultUnknown}},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: got %+v, want %+v", name, tc.got, tc.want)
		}
	}
}

var gateStart = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// counting counts the requests to a store. between runs before a write: whatever others do meanwhile. fault may fail a request, before or after it is done.
type counting struct {
	breaker.Store
	reads, writes atomic.Int64
	between       func()
	fault         func() (before, after error)
}

func (c *counting) Circuit(ctx context.Context, tenant, agentID string) (store.Document, error) {
	c.reads.Add(1)
	if c.fault != nil {
		if before, after := c.fault(); before != nil || after != nil {
			return store.Document{}, cmp.Or(before, after)
		}
	}
	return c.Store.Circuit(ctx, tenant, agentID)
}

func (c *counting) PutCircuit(ctx context.Context, tenant, agentID string, d store.Document) error {
	c.writes.Add(1)
	if c.between != nil {
		c.between()
	}
	if c.fault != nil {
		before, after := c.fault()
		if before != nil {
			return before
		}
		if err := c.Store.PutCircuit(ctx, tenant, agentID, d); err != nil {
			return err
		}
		return after
	}
	return c.Store.PutCircuit(ctx, tenant, agentID, d)
}

// fleet are processes that share a store and a virtual clock.
type fleet struct {
	t      *testing.T
	r      *rand.Rand
	now    time.Time
	store  *counting
	gates  []*breaker.Breaker
	events []event // by time
	lease  time.Duration
	// answer is what the agent does with a call now, and how long that takes. A call that dies tells nothing ever.
	answer func() (o breaker.Report, takes time.Duration, dies bool)

	level     float64 // of a bucket that every call is taken from: never below 0
	levelAt   time.Time
	strict    bool // the store does not fail: nothing may be lost
	hold      time.Time
	probes    []time.Time // the leases of those under way
	passes    int
	waits     map[circuit.Reason]int
	lastClose time.Time
	depth     int
}

type event struct {
	at time.Time
	do func()
}

func newFleet(t *testing.T, seed uint64, processes int) *fleet {
	f := &fleet{t: t, r: rand.New(rand.NewPCG(seed, 7)), now: gateStart, lease: time.Minute, level: circuit.Default.Burst, levelAt: gateStart,
		strict: true, waits: map[circuit.Reason]int{}}
	clock := func() time.Time { return f.now }
	f.store = &counting{Store: memory.New(clock)}
	for range processes {
		f.gates = append(f.gates, breaker.New(f.store, circuit.Default, f.lease, clock, f.r.Float64))
	}
	return f
}

func (f *fleet) after(d time.Duration, do func()) {
	e := event{f.now.Add(d), do}
	i, _ := slices.BinarySearchFunc(f.events, e, func(a, b event) int { return cmp.Or(a.at.Compare(b.at), -1) })
	f.events = slices.Insert(f.events, i, e)
}

func (f *fleet) run(until time.Duration) {
	for len(f.events) > 0 && !f.events[0].at.After(gateStart.Add(until)) {
		e := f.events[0]
		f.events = f.events[1:]
		f.now = e.at
		e.do()
	}
}

func (f *fleet) state() (s circuit.State) {
	if d, err := f.store.Store.Circuit(f.t.Context(), "acme", "seller"); err == nil {
		if err := json.Unmarshal(d.Body, &s); err != nil {
			f.t.Fatal(err)
		}
	}
	return s
}

// call makes one call, on whatever process, as often as it has to wait; done is run when it is over.
func (f *fleet) call(done func()) {
	f.t.Helper()
	before := f.state()
	pass, wait, reason, err := f.gates[f.r.IntN(len(f.gates))].Allow(f.t.Context(), "acme", "seller")
	if err != nil {
		f.t.Fatalf("Enter: %v", err)
	}
	if wait > 0 {
		if f.waits[reason]++; reason == "" || wait > circuit.Default.Longest*2+time.Hour {
			f.t.Fatalf("wait %v for %q", wait, reason)
		}
		f.after(wait, func() { f.call(done) })
		return
	}
	f.passes++
	if f.strict {
		f.admitted(before, pass)
	} else if pass.Probe() {
		f.probed()
	}
	o, takes, dies := f.answer()
	lease := len(f.probes) - 1
	if dies {
		f.after(f.lease, done) // nobody tells: the workflow tries again
		return
	}
	f.after(takes, func() {
		if pass.Probe() {
			f.probes[lease] = time.Time{}
		}
		closed := f.state().Closed()
		pass.Report(f.t.Context(), o)
		if f.strict && !closed && f.state().Closed() {
			f.lastClose = f.now
		}
		if o.Result == breaker.ResultRateLimited && f.now.Add(o.RetryAfter).After(f.hold) {
			f.hold = f.now.Add(o.RetryAfter)
		}
		done()
	})
}

func (f *fleet) probed() {
	for _, until := range f.probes {
		if f.now.Before(until) {
			f.t.Fatal("two probes at once")
		}
	}
	f.probes = append(f.probes, f.now.Add(f.lease))
}

// admitted checks a pass against what must never happen.
func (f *fleet) admitted(before circuit.State, pass breaker.Permit) {
	f.t.Helper()
	p := circuit.Default
	switch {
	case !before.Closed() && f.now.Before(before.OpenUntil):
		f.t.Fatalf("a call at %v while open: %+v", f.now, before)
	case !before.Closed() && !pass.Probe():
		f.t.Fatalf("a call that is no probe while half-open: %+v", before)
	case f.now.Before(f.hold):
		f.t.Fatalf("a call at %v, held until %v", f.now, f.hold)
	}
	if pass.Probe() {
		f.probed()
	}
	f.level = min(p.Burst, f.level+p.Rate*f.now.Sub(f.levelAt).Seconds()) - 1
	if f.levelAt = f.now; f.level < -1e-6 {
		f.t.Fatalf("more calls than rate and burst allow: %v too many", -f.level)
	}
}

// loop makes a workflow that calls again and again, with pauses of about gap.
func (f *fleet) loop(gap time.Duration) {
	var again func()
	again = func() { f.after(time.Duration(f.r.ExpFloat64()*float64(gap)), func() { f.call(again) }) }
	again()
}

// Eight processes, an agent that changes its mood, processes that die, and others that come between each read and write.
func TestGateNeverLetsTooMuchThrough(t *testing.T) {
	t.Parallel()
	seen := map[circuit.Reason]int{}
	passes, closings := 0, 0
	for seed := range uint64(12) {
		f := newFleet(t, seed, 8)
		mood := 0
		f.answer = func() (breaker.Report, time.Duration, bool) {
			takes := time.Duration(f.r.ExpFloat64() * float64(300*time.Millisecond))
			switch dies := f.r.IntN(100) == 0; {
			case mood == 1 && f.r.IntN(10) > 0, f.r.IntN(50) == 0:
				return breaker.Report{Result: breaker.ResultNoAnswer}, min(takes*20, f.lease), dies
			case mood == 2:
				return breaker.Report{Result: breaker.ResultDenied}, takes, dies
			case mood == 3 && f.r.IntN(5) == 0:
				return breaker.Report{Result: breaker.ResultRateLimited, RetryAfter: time.Duration(1+f.r.IntN(60)) * time.Second}, takes, dies
			case f.r.IntN(200) == 0:
				return breaker.Report{Result: breaker.ResultUnknown}, takes, dies
			default:
				return breaker.Report{Result: breaker.ResultAnswered}, takes, dies
			}
		}
		f.store.between = func() {
			if f.depth < 2 && f.r.IntN(3) == 0 {
				f.depth++
				f.call(func() {})
				f.depth--
			}
		}
		for range 100 { // more than the bucket gives: 50 calls a second are wanted
			f.loop(2 * time.Second)
		}
		for minute := range 20 {
			mood = f.r.IntN(6)
			f.run(time.Duration(minute+1) * time.Minute)
		}
		for k, n := range f.waits {
			seen[k] += n
		}
		passes += f.passes
		if !f.lastClose.IsZero() {
			closings++
		}
	}
	if seen[circuit.Open] == 0 || seen[circuit.BackingOff] == 0 || seen[circuit.Limited] == 0 || closings < 6 {
		t.Errorf("not everything was tried: %v, %d closings", seen, closings)
	}
	t.Logf("%d passes, waits %v", passes, seen)
}

// An agent that was away for any time is called again within one pause of its return, and the circuit closes.
func TestGateClosesWithinOnePause(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		f := newFleet(t, seed, 8)
		away := time.Duration(f.r.IntN(3600)) * time.Second
		f.answer = func() (breaker.Report, time.Duration, bool) {
			if f.now.Before(gateStart.Add(away)) {
				return breaker.Report{Result: breaker.ResultNoAnswer}, time.Second, false
			}
			return breaker.Report{Result: breaker.ResultAnswered}, time.Second, false
		}
		for range 1 + f.r.IntN(50) {
			f.loop(time.Second)
		}
		f.run(away)
		last := f.state()
		// The pause that runs when it returns, or the next if a probe is lost just then; who waits comes at most a quarter late; and a call takes a second.
		pause := time.Duration(1.25 * 1.25 * float64(min(circuit.Default.First<<min(last.Opens, 20), circuit.Default.Longest)))
		limit := away + pause + 15*time.Second
		f.run(limit)
		if !f.state().Closed() {
			t.Errorf("seed %d: away for %v, not closed after %v: %+v", seed, away, limit, f.state())
		}
		count := f.passes
		if f.run(limit + 30*time.Second); f.passes == count {
			t.Errorf("seed %d: closed, and nobody calls", seed)
		}
	}
}

// A store that fails, before or after it did what it was asked, stops nobody for good, and never makes two probes.
func TestGateWithoutStore(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		f := newFleet(t, seed, 8)
		f.strict = false
		gone := false
		f.store.fault = func() (before, after error) {
			switch x := f.r.IntN(100); {
			case gone || x == 0:
				return errors.ErrUnsupported, nil
			case x == 1:
				return nil, errors.ErrUnsupported
			}
			return nil, nil
		}
		f.answer = func() (breaker.Report, time.Duration, bool) {
			if f.r.IntN(4) > 0 {
				return breaker.Report{Result: breaker.ResultNoAnswer}, time.Second, false
			}
			return breaker.Report{Result: breaker.ResultAnswered}, time.Second, false
		}
		for range 20 {
			f.loop(2 * time.Second)
		}
		f.run(10 * time.Minute)
		f.answer = func() (breaker.Report, time.Duration, bool) {
			return breaker.Report{Result: breaker.ResultAnswered}, time.Second, false
		}
		f.run(20 * time.Minute) // whatever was open is closed
		gone = true
		count := f.passes
		f.run(21 * time.Minute)
		if n := f.passes - count; n < 50 || n > 8*62 { // each process once in one to two seconds
			t.Errorf("seed %d: %d calls in a minute without a store", seed, n)
		}
	}
}

// What the process knows of holds goes on to hold while the store is away, and the context's end is the only error.
func TestGateKnowsWithoutStore(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 1, 1)
	g := f.gates[0]
	pass, wait, _, err := g.Allow(t.Context(), "acme", "seller")
	if wait != 0 || err != nil {
		t.Fatal(wait, err)
	}
	f.store.fault = func() (before, after error) { return errors.ErrUnsupported, nil }
	pass.Report(t.Context(), breaker.Report{Result: breaker.ResultRateLimited, RetryAfter: time.Minute})
	if _, wait, reason, err := g.Allow(t.Context(), "acme", "seller"); wait < time.Minute || reason != circuit.BackingOff || err != nil {
		t.Errorf("got %v, %v, %v", wait, reason, err)
	}
	if _, wait, _, err := g.Allow(t.Context(), "acme", "another"); wait != 0 || err != nil {
		t.Errorf("another agent waits %v, %v", wait, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, _, err := g.Allow(ctx, "acme", "third"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	var none *breaker.Breaker
	pass, wait, _, err = none.Allow(t.Context(), "acme", "seller")
	if pass.Report(t.Context(), breaker.Report{Result: breaker.ResultDenied}); wait != 0 || err != nil {
		t.Errorf("no gate: got %v, %v", wait, err)
	}
}

func TestGateForgetsAnUnreadableDocument(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 1, 1)
	if err := f.store.PutCircuit(t.Context(), "acme", "seller", store.Document{Version: 1, Body: []byte(`{"pauses":"x"`)}); err != nil {
		t.Fatal(err)
	}
	if _, wait, _, err := f.gates[0].Allow(t.Context(), "acme", "seller"); wait != 0 || err != nil || f.state().Tokens == 0 {
		t.Errorf("got %v, %v, %+v", wait, err, f.state())
	}
}

// Goroutines of many processes at one moment: no more passes than the bucket holds; and of an open circuit's end one probe.
func TestGateRaces(t *testing.T) {
	t.Parallel()
	now := gateStart
	store := memory.New(func() time.Time { return now })
	var gates []*breaker.Breaker
	for range 8 {
		gates = append(gates, breaker.New(store, circuit.Default, time.Minute, func() time.Time { return now }, rand.Float64))
	}
	rush := func() (passes []breaker.Permit) {
		var wg sync.WaitGroup
		var mu sync.Mutex
		for _, g := range gates {
			for range 8 {
				wg.Go(func() {
					for range 20 {
						pass, wait, _, err := g.Allow(context.Background(), "acme", "seller")
						if err != nil {
							t.Error(err)
						}
						if wait == 0 {
							mu.Lock()
							passes = append(passes, pass)
							mu.Unlock()
						}
					}
				})
			}
		}
		wg.Wait()
		return passes
	}
	passes := rush()
	if p := circuit.Default; float64(len(passes)) > p.Burst-p.Rate*p.Life.Seconds() || len(passes) < 20 {
		t.Errorf("%d passes at once", len(passes))
	}
	var wg sync.WaitGroup
	for _, p := range passes {
		wg.Go(func() { p.Report(context.Background(), breaker.Report{Result: breaker.ResultNoAnswer}) })
	}
	wg.Wait()
	if passes := rush(); len(passes) != 0 {
		t.Errorf("%d calls while open", len(passes))
	}
	now = now.Add(10 * time.Second)
	if passes = rush(); len(passes) != 1 || !passes[0].Probe() {
		t.Fatalf("%d calls when the pause was over", len(passes))
	}
	passes[0].Report(context.Background(), breaker.Report{Result: breaker.ResultAnswered})
	if passes := rush(); len(passes) < 20 {
		t.Errorf("%d calls after closing", len(passes))
	}
}

// What a healthy agent's calls cost. The busier a process, the fewer writes: one that is called seldom pays with one for each call.
func TestGateCostsLittle(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		processes, loops int
		gap              time.Duration
		writes           float64 // at most, for 1,000 calls
	}{
		"one process, 15 calls a second":     {1, 15, 900 * time.Millisecond, 90},
		"one process, 2 calls a second":      {1, 2, 900 * time.Millisecond, 300},
		"8 processes, 15 calls a second":     {8, 15, 900 * time.Millisecond, 500},
		"8 processes, 4 calls a second":      {8, 4, 900 * time.Millisecond, 800},
		"8 processes, a call in ten seconds": {8, 1, 10 * time.Second, 1000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, 1, tc.processes)
			f.answer = func() (breaker.Report, time.Duration, bool) {
				return breaker.Report{Result: breaker.ResultAnswered}, 100 * time.Millisecond, false
			}
			for range tc.loops {
				f.loop(tc.gap)
			}
			f.run(2 * time.Hour)
			per := func(n int64) float64 { return float64(n) * 1000 / float64(f.passes) }
			reads, writes := per(f.store.reads.Load()), per(f.store.writes.Load())
			t.Logf("%d calls: %.0f reads and %.0f writes per 1,000, waits %v", f.passes, reads, writes, f.waits)
			if reads > 1010 || writes > tc.writes || float64(f.waits[circuit.Limited]) > 0.01*float64(f.passes) {
				t.Errorf("%.0f reads, %.0f writes, waits %v", reads, writes, f.waits)
			}
		})
	}
}
