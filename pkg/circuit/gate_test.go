package circuit_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"adcp-orchestrator/pkg/circuit"
)

func place(id string, began time.Duration) circuit.Lease {
	return circuit.Lease{ID: id, Began: at(began), Until: at(began + lease)}
}

func TestStepHoldsOrChangesNothing(t *testing.T) {
	t.Parallel()
	const interval = 50 * time.Millisecond
	taken := circuit.Gate{Leases: []circuit.Lease{place("a", 0), place("b", 0)}}
	line := circuit.Gate{Line: true}
	ahead := circuit.Gate{Next: at(time.Second), NextPoll: at(2 * time.Second)}
	pace := func(floor time.Duration, ahead bool) circuit.Pace {
		return circuit.Pace{Interval: interval, Floor: at(floor), Ahead: ahead}
	}
	latest := func(d time.Duration) circuit.Pace {
		p := pace(0, true)
		p.Latest = at(d)
		return p
	}
	take := func(limit int) circuit.Step { return circuit.Step{Lease: place("c", 0), Limit: limit} }
	for name, tc := range map[string]struct {
		g    circuit.Gate
		s    circuit.Step
		want string // the leases' ids, Next and NextPoll; "" if the step does not hold
	}{
		"the first lease":                {circuit.Gate{}, take(1), "[c] - -"},
		"no lease of none":               {circuit.Gate{}, take(0), ""},
		"the last lease":                 {taken, take(3), "[a b c] - -"},
		"no lease free":                  {taken, take(2), ""},
		"more leases than the limit":     {taken, take(1), ""},
		"a line, and nothing to take":    {line, circuit.Step{}, ""},
		"a line, and a lease to take":    {line, take(1), ""},
		"a line is jumped":               {line, circuit.Step{Jumps: true}, "[] - -"},
		"an idle gate":                   {circuit.Gate{}, circuit.Step{Call: pace(0, false)}, "[] 50ms -"},
		"an idle gate for polls":         {circuit.Gate{}, circuit.Step{Poll: pace(0, false)}, "[] - 50ms"},
		"the time is ahead":              {ahead, circuit.Step{Call: pace(0, true)}, "[] 1.05s 2s"},
		"both times are ahead":           {ahead, circuit.Step{Call: pace(0, true), Poll: pace(0, true)}, "[] 1.05s 2.05s"},
		"seen ahead, which it is not":    {circuit.Gate{}, circuit.Step{Call: pace(0, true)}, ""},
		"seen behind, and is ahead":      {ahead, circuit.Step{Call: pace(0, false)}, ""},
		"ahead by nothing is behind":     {ahead, circuit.Step{Call: pace(time.Second, false)}, "[] 1.05s 2s"},
		"polls seen behind, are ahead":   {ahead, circuit.Step{Poll: pace(0, false)}, ""},
		"the floor is later":             {ahead, circuit.Step{Call: pace(3*time.Second, false)}, "[] 3.05s 2s"},
		"as late as will do":             {ahead, circuit.Step{Call: latest(time.Second)}, "[] 1.05s 2s"},
		"later than will do":             {ahead, circuit.Step{Call: latest(time.Second - 1)}, ""},
		"the same lease is taken once":   {taken, circuit.Step{Lease: place("a", 0), Limit: 3}, "[a b] - -"},
		"one condition of two holds not": {taken, circuit.Step{Lease: place("c", 0), Limit: 3, Call: pace(0, true)}, ""},
	} {
		before := fmt.Sprint(tc.g)
		after, ok := tc.s.Apply(tc.g)
		if fmt.Sprint(tc.g) != before {
			t.Errorf("%s: the gate changed", name)
		}
		got := ""
		if ok {
			got = show(after)
		}
		if got != tc.want || !ok && fmt.Sprint(after) != before {
			t.Errorf("%s: got %q, %+v, want %q", name, got, after, tc.want)
		}
	}
}

// show is a gate as the table of tests writes it.
func show(g circuit.Gate) string {
	since := func(t time.Time) string {
		if t.IsZero() {
			return "-"
		}
		return t.Sub(start).String()
	}
	ids := []string{}
	for _, l := range g.Leases {
		ids = append(ids, l.ID)
	}
	return fmt.Sprint(ids, " ", since(g.Next), " ", since(g.NextPoll))
}

// In any time t at most Rate*t + Burst calls get slots, whoever reserves and in whatever order
// those who saw the same gate come; no slot is given twice; and an idle gate gives a whole
// burst at once.
func TestSlotsKeepRateAndBurst(t *testing.T) {
	t.Parallel()
	stale := 0
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 2))
		rate := []float64{0.5, 3, 7, 20, 1000}[r.IntN(5)]
		p := circuit.Policy{Rate: rate, Burst: float64(1 + r.IntN(60)), InFlight: 1 << 20}
		var g circuit.Gate
		var at, given []time.Time // when calls are made, and the slots themselves
		now := start
		seen := g // what the next one to decide has seen, which may be old
		for n := range 250 {
			now = now.Add(time.Duration(r.ExpFloat64() * float64(time.Second) / p.Rate / 2))
			if r.IntN(100) == 0 {
				now = now.Add(time.Duration(r.ExpFloat64() * p.Burst / p.Rate * float64(time.Second)))
			}
			notBefore := time.Time{}
			if r.IntN(50) == 0 {
				notBefore = now.Add(time.Duration(r.Int64N(int64(10 * time.Second))))
			}
			step, _ := p.Reserve(seen, now, notBefore)
			enters := r.IntN(2) == 0
			if enters {
				l := circuit.Lease{ID: fmt.Sprint(n), Began: now, Until: now.Add(lease)}
				step, _ = p.Entry(seen, now, notBefore, l, p.InFlight, r.IntN(2) == 0, false)
			}
			after, ok := step.Apply(g)
			if seen = after; !ok {
				stale++
				continue
			}
			slot, _ := step.Slot(after)
			if enters && slot.After(now) == (len(after.Leases) > len(g.Leases)) {
				t.Fatalf("seed %d: a lease for a call at %v, now %v", seed, slot, now)
			}
			if slot.Before(notBefore.Truncate(circuit.Resolution)) {
				t.Fatalf("seed %d: a slot at %v, not before %v", seed, slot, notBefore)
			}
			given = append(given, slot)
			if slot.Before(now) {
				slot = now
			}
			at = append(at, slot)
			if r.IntN(3) > 0 {
				seen = g // as it was before: others decide at the same moment
			}
			g = after
		}
		checkRate(t, seed, p, at)
		slices.SortFunc(given, time.Time.Compare)
		if n := len(slices.CompactFunc(given, time.Time.Equal)); n != len(at) {
			t.Fatalf("seed %d: %d slots for %d", seed, n, len(at))
		}
	}
	if stale == 0 {
		t.Error("nobody saw an old gate")
	}
	var g circuit.Gate
	burst := 0
	for ; ; burst++ {
		step, slot := p.Entry(g, start, time.Time{}, place(fmt.Sprint(burst), 0), 1000, false, false)
		after, ok := step.Apply(g)
		if !ok {
			t.Fatal(step)
		}
		if g = after; slot.After(start) {
			break
		}
	}
	if burst != int(p.Burst) {
		t.Errorf("a burst of %d", burst)
	}
}

// checkRate compares each pair of calls with what may come between them.
func checkRate(t *testing.T, seed uint64, p circuit.Policy, at []time.Time) {
	t.Helper()
	slices.SortFunc(at, time.Time.Compare)
	for i := range at {
		for k := i; k < len(at); k++ {
			// Times are whole microseconds.
			if may := p.Rate*(at[k].Sub(at[i])+time.Microsecond).Seconds() + p.Burst; float64(k-i+1) > may+1e-9 {
				t.Fatalf("seed %d: %d calls in %v, rate %v and burst %v", seed, k-i+1, at[k].Sub(at[i]), p.Rate, p.Burst)
			}
		}
	}
}

func TestEntry(t *testing.T) {
	t.Parallel()
	busy := circuit.Gate{Next: at(time.Second), NextPoll: at(3 * time.Second)}
	for name, tc := range map[string]struct {
		g             circuit.Gate
		notBefore     time.Duration
		poll, hasSlot bool
		want          time.Duration // the slot, from now
		after         string
	}{
		"idle":                         {circuit.Gate{}, 0, false, false, -1950 * time.Millisecond, "[c] -1.9s -"},
		"a poll, idle":                 {circuit.Gate{}, 0, true, false, -1950 * time.Millisecond, "[c] -1.9s 62.5ms"},
		"busy: a slot, and no lease":   {busy, 0, false, false, time.Second, "[] 1.05s 3s"},
		"a poll takes its turn then":   {busy, 0, true, false, time.Second, "[] 1.05s 3s"},
		"the agent asked for time":     {busy, time.Minute, false, false, time.Minute, "[] 1m0.05s 3s"},
		"with a slot":                  {busy, 0, false, true, 0, "[c] 1s 3s"},
		"a poll with a slot":           {busy, 0, true, true, 0, "[c] 1s 3.0625s"},
		"a slot, and the gate is idle": {circuit.Gate{}, 0, false, true, 0, "[c] - -"},
	} {
		notBefore := time.Time{}
		if tc.notBefore > 0 {
			notBefore = at(tc.notBefore)
		}
		step, slot := p.Entry(tc.g, start, notBefore, place("c", 0), 1, tc.poll, tc.hasSlot)
		after, ok := step.Apply(tc.g)
		if !ok || slot.Sub(start) != tc.want || show(after) != tc.after || step.Jumps != tc.hasSlot {
			t.Errorf("%s: %v, %v, %s", name, ok, slot.Sub(start), show(after))
		}
	}
}

func TestSilent(t *testing.T) {
	t.Parallel()
	hung := func(n int, began time.Duration) (g circuit.Gate) {
		for i := range n {
			g.Leases = append(g.Leases, place(fmt.Sprint(i), began))
		}
		return g
	}
	answered := func(g circuit.Gate, d time.Duration) circuit.Gate {
		g.Answered = at(d)
		return g
	}
	never := p
	never.SilentAfter = 0
	for name, tc := range map[string]struct {
		p    circuit.Policy
		g    circuit.Gate
		want bool
	}{
		"idle":                          {p, circuit.Gate{}, false},
		"enough calls hang":             {p, hung(5, -31*time.Second), true},
		"for exactly that long":         {p, hung(5, -30*time.Second), false},
		"too few":                       {p, hung(4, -31*time.Second), false},
		"one was answered meanwhile":    {p, answered(hung(5, -31*time.Second), -29*time.Second), false},
		"one was answered long ago":     {p, answered(hung(5, -31*time.Second), -40*time.Second), true},
		"their processes died long ago": {p, hung(5, -2*time.Minute), false},
		"a policy without that":         {never, hung(50, -31*time.Second), false},
	} {
		if got := tc.p.Silent(tc.g, start); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestExpiredLeasesAreTheOnesThatAreOver(t *testing.T) {
	t.Parallel()
	g := circuit.Gate{Leases: []circuit.Lease{
		place("a", -2*time.Minute), place("b", -time.Minute), place("c", -59*time.Second),
	}}
	if over := g.Expired(start); len(over) != 2 || over[0].ID != "a" || over[1].ID != "b" {
		t.Errorf("%+v", over)
	}
	if n := g.UnderWay(start); n != 1 {
		t.Errorf("%d calls are under way", n)
	}
}

// Places that processes did not give back are no calls that hang: others were answered since,
// however long ago.
func TestPlacesOfDeadProcessesAreNotSilence(t *testing.T) {
	t.Parallel()
	var g circuit.Gate
	for n := range circuit.Default.Failures {
		g.Leases = append(g.Leases, place(fmt.Sprint(n), 0))
	}
	if g.Answered = at(time.Second); circuit.Default.Silent(g, at(lease-1)) {
		t.Error("silent, although the agent answered after these calls began")
	}
	if g.Answered = at(-time.Second); !circuit.Default.Silent(g, at(lease-1)) {
		t.Error("not silent")
	}
}

// A burst fits into the calls that may be under way: else a flood ends up in line, not in slots.
func TestABurstFitsIntoTheCallsUnderWay(t *testing.T) {
	t.Parallel()
	if p := circuit.Default; p.Burst > 0.9*float64(p.InFlight) {
		t.Errorf("a burst of %v, %d under way", p.Burst, p.InFlight)
	}
}
