package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/store"
)

// gates are one gate of each kind, and another of the same tenant, that only this test uses.
func (s *suite) gates() []circuit.GateID {
	return []circuit.GateID{
		{Kind: circuit.AgentGate, Tenant: s.tenant, Name: "seller"},
		{Kind: circuit.AgentGate, Tenant: s.tenant, Name: "https://a.example/mcp#1 other"},
		{Kind: circuit.TenantGate, Tenant: s.tenant},
		{Kind: circuit.OriginGate, Name: "https://" + s.tenant + ".example"},
	}
}

func (s *suite) agentGate() circuit.GateID { return s.gates()[0] }

func lease(id string, began time.Time) circuit.Lease {
	return circuit.Lease{ID: id, Began: began, Until: began.Add(time.Minute)}
}

// showGate is all that a gate says, with the leases in one order.
func showGate(g circuit.Gate) string {
	micros := func(t time.Time) string {
		if t.IsZero() {
			return "-"
		}
		return t.Sub(Start).String()
	}
	leases := []string{}
	for _, l := range g.Leases {
		leases = append(leases, l.ID+" "+micros(l.Began)+" to "+micros(l.Until))
	}
	slices.Sort(leases)
	return fmt.Sprintf("next %s, next poll %s, answered %s, line %v, leases %q",
		micros(g.Next), micros(g.NextPoll), micros(g.Answered), g.Line, leases)
}

// gateModel is what a gate's record has to mean.
type gateModel struct {
	gate    circuit.Gate
	waiting map[string]circuit.Waiter // by their place
	lookAt  time.Time                 // zero if the gate is not listed
}

func (m *gateModel) line(limit int) (all []circuit.Waiter) {
	places := []string{}
	for place := range m.waiting {
		places = append(places, place)
	}
	slices.Sort(places)
	for _, place := range places[:min(limit, len(places))] {
		all = append(all, m.waiting[place])
	}
	return all
}

func (m *gateModel) listed(now time.Time) bool { return !m.lookAt.IsZero() && m.lookAt.Before(now) }

func placeOf(w circuit.Waiter) string { return w.Created.Format("05.000") + w.OperationID }

// gatesMeanTheSame: after any sequence of changes a gate is as circuit.Step.Apply and a plain
// line say.
func gatesMeanTheSame(t *testing.T, s *suite) {
	const steps = 250
	past := Start.AddDate(-1, 0, 0)
	for n, id := range s.gates() {
		r := rand.New(rand.NewPCG(uint64(n), 3))
		m := gateModel{waiting: map[string]circuit.Waiter{}}
		held, refused := 0, 0
		for i := range steps {
			var did string
			var got, want circuit.Gate
			w := circuit.Waiter{Tenant: s.tenant, OperationID: fmt.Sprint("op_", r.IntN(3)),
				Created: Start.Add(time.Duration(r.IntN(3)) * time.Millisecond)}
			at := past.Add(time.Duration(r.IntN(3)) * time.Second)
			switch r.IntN(12) {
			default:
				step := randomStep(r, m.gate)
				did = fmt.Sprintf("%+v", step)
				after, ok := step.Apply(m.gate)
				m.gate, want = after, after
				var err error
				if got, err = s.StepGate(t.Context(), id, step); ok != (err == nil) || err != nil && !isStale(err) {
					t.Fatalf("gate %d, step %d: %s: got %v, want ok %v", n, i, did, err, ok)
				}
				if held++; !ok {
					refused++
				}
			case 0, 1:
				over, answered := randomLeases(r), time.Time{}
				if r.IntN(2) == 0 {
					answered = Start.Add(time.Duration(r.Int64N(int64(time.Second))))
					m.gate.Answered = answered.Truncate(circuit.Resolution)
				}
				did = fmt.Sprintf("leave %v %v", over, answered)
				m.gate.Leases = slices.DeleteFunc(slices.Clone(m.gate.Leases), func(l circuit.Lease) bool {
					return slices.ContainsFunc(over, func(o circuit.Lease) bool { return o.ID == l.ID })
				})
				var err error
				got, err = s.LeaveGate(t.Context(), id, over, answered)
				must(t, err)
				want = m.gate
			case 2:
				did = "join"
				g, first, err := s.JoinLine(t.Context(), id, w, at)
				must(t, err)
				if got = g; first == m.gate.Line {
					t.Fatalf("gate %d, step %d: first %v", n, i, first)
				}
				if m.waiting[placeOf(w)] = w; first {
					m.lookAt = at
				}
				m.gate.Line = true
				want = m.gate
			case 3:
				did = "leave line"
				must(t, s.LeaveLine(t.Context(), id, w))
				delete(m.waiting, placeOf(w))
			case 4:
				did = "close"
				must(t, s.CloseLine(t.Context(), id))
				m.gate.Line = false
			case 5:
				did = "unlist"
				must(t, s.UnlistLine(t.Context(), id))
				if !m.gate.Line {
					m.lookAt = time.Time{}
				}
			case 6:
				did = "look at"
				must(t, s.LookAtLine(t.Context(), id, at))
				m.gate.Line, m.lookAt = true, at
			}
			if showGate(got) != showGate(want) {
				t.Fatalf("gate %d, step %d: %s:\n got %s\nwant %s", n, i, did, showGate(got), showGate(want))
			}
			s.checkLine(t, id, &m, past.Add(time.Duration(r.IntN(4))*time.Second), 1+r.IntN(4))
		}
		if held-refused < steps/10 || refused < steps/10 {
			t.Errorf("%d steps, %d refused", held, refused)
		}
		must(t, s.CloseLine(t.Context(), id))
		must(t, s.UnlistLine(t.Context(), id))
	}
}

// checkLine compares what a store says of a line with the model.
func (s *suite) checkLine(t *testing.T, id circuit.GateID, m *gateModel, now time.Time, limit int) {
	t.Helper()
	g, err := s.LeaveGate(t.Context(), id, nil, time.Time{}) // only reads
	must(t, err)
	line, err := s.Line(t.Context(), id, limit)
	must(t, err)
	if showGate(g) != showGate(m.gate) || fmt.Sprint(line) != fmt.Sprint(m.line(limit)) {
		t.Fatalf("got %s and %v, want %s and %v", showGate(g), line, showGate(m.gate), m.line(limit))
	}
	if due := s.due(t, now, 1000); slices.Contains(due, id) != m.listed(now) {
		t.Fatalf("due %v at %v, listed for %v", due, now, m.lookAt)
	}
}

// due are the gates of this test whose lines are to be looked at.
func (s *suite) due(t *testing.T, now time.Time, limit int) []circuit.GateID {
	t.Helper()
	due, err := s.LinesDue(t.Context(), now, limit)
	must(t, err)
	return slices.DeleteFunc(due, func(id circuit.GateID) bool { return !slices.Contains(s.gates(), id) })
}

// randomStep is a step that holds as often as not.
func randomStep(r *rand.Rand, g circuit.Gate) (s circuit.Step) {
	if r.IntN(3) > 0 {
		s.Lease, s.Limit = randomLeases(r)[0], r.IntN(5)
	}
	s.Jumps = r.IntN(3) > 0
	if r.IntN(2) == 0 {
		s.Call = randomPace(r, g.Next)
	}
	if r.IntN(2) == 0 {
		s.Poll = randomPace(r, g.NextPoll)
		s.Poll.Latest = time.Time{}
	}
	return s
}

// randomPace has its times around that of the gate, also between two microseconds.
func randomPace(r *rand.Rand, next time.Time) circuit.Pace {
	if next.IsZero() {
		next = Start
	}
	near := func() time.Time {
		return next.Add(time.Duration(r.IntN(5)-2)*time.Microsecond + time.Duration(r.IntN(3)*400))
	}
	p := circuit.Pace{Interval: []time.Duration{time.Microsecond, 50 * time.Millisecond}[r.IntN(2)], Floor: near()}
	p.Ahead = next.After(p.Floor) == (r.IntN(4) > 0)
	if r.IntN(2) == 0 {
		p.Latest = near()
	}
	return p
}

func randomLeases(r *rand.Rand) (all []circuit.Lease) {
	for range 1 + r.IntN(2) {
		n := r.IntN(6) // each has a time of its own
		all = append(all, lease(fmt.Sprint("l.", n), Start.Add(time.Duration(n)*1_234_567)))
	}
	if len(all) == 2 && all[0].ID == all[1].ID {
		return all[:1]
	}
	return all
}

// leasesHaveALimit: however many writers enter and leave a gate at once, never more than its
// limit are in it, and none of them is lost.
func leasesHaveALimit(t *testing.T, s *suite) {
	const writers, limit, times = 12, 3, 6
	for _, id := range s.gates() {
		var inside, most atomic.Int64
		enter := func(name string) (circuit.Lease, error) {
			l := lease(name, Start)
			_, err := s.StepGate(background, id, circuit.Step{Lease: l, Limit: limit})
			return l, err
		}
		entered := race(t, writers, func(i int) error {
			l, err := enter(fmt.Sprint("first-", i))
			if err == nil {
				_, _, err = s.JoinLine(background, id, circuit.Waiter{Tenant: s.tenant, OperationID: l.ID, Created: Start}, Start)
			}
			return err
		}, isStale)
		g, err := s.LeaveGate(t.Context(), id, nil, time.Time{})
		must(t, err)
		if entered > limit || len(g.Leases) != entered || !g.Line {
			t.Fatalf("%d entered a gate for %d: %s", entered, limit, showGate(g))
		}
		_, err = s.LeaveGate(t.Context(), id, g.Leases, Start)
		must(t, err)
		must(t, s.CloseLine(t.Context(), id))
		must(t, s.UnlistLine(t.Context(), id))
		succeeded := race(t, writers, func(i int) error {
			for done := 0; done < times; {
				l, err := enter(fmt.Sprint(i, "-", done))
				if isStale(err) {
					continue
				}
				if err != nil {
					return err
				}
				n := inside.Add(1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				inside.Add(-1)
				if _, err := s.LeaveGate(background, id, []circuit.Lease{l}, time.Time{}); err != nil {
					return err
				}
				done++
			}
			return nil
		}, noError)
		g, err = s.LeaveGate(t.Context(), id, nil, time.Time{})
		must(t, err)
		if succeeded != writers || most.Load() > limit || len(g.Leases) != 0 {
			t.Errorf("%d writers, %d at once, left %s", succeeded, most.Load(), showGate(g))
		}
	}
}

// slotsAreGivenOnce: many who reserve at one moment get slots one interval apart, none of them
// twice and none left out.
func slotsAreGivenOnce(t *testing.T, s *suite) {
	const writers, times = 10, 5
	p := circuit.Policy{Rate: 20, Burst: 11}
	for _, id := range s.gates() {
		var mu sync.Mutex
		var slots []time.Time
		race(t, writers, func(int) error {
			var g circuit.Gate
			for done := 0; done < times; {
				step, _ := p.Reserve(g, Start, time.Time{})
				after, err := s.StepGate(background, id, step)
				switch g = after; {
				case isStale(err):
					continue
				case err != nil:
					return err
				}
				slot, _ := step.Slot(after)
				mu.Lock()
				slots = append(slots, slot)
				mu.Unlock()
				done++
			}
			return nil
		}, noError)
		slices.SortFunc(slots, time.Time.Compare)
		for n, slot := range slots {
			if want := Start.Add(time.Duration(n-10) * 50 * time.Millisecond); !slot.Equal(want) {
				t.Fatalf("slot %d is %v, want %v", n, slot, want)
			}
		}
	}
}

// expiredLeasesStay: a lease that is over still counts until somebody ends it, and ending it
// twice, or one that is not there, changes nothing.
func expiredLeasesStay(t *testing.T, s *suite) {
	for _, id := range s.gates() {
		old, fresh := lease("old", Start), lease("new", Start.Add(2*time.Minute))
		_, err := s.StepGate(t.Context(), id, circuit.Step{Lease: old, Limit: 1})
		must(t, err)
		s.at.Store(Start.Add(time.Hour).UnixNano())
		g, err := s.StepGate(t.Context(), id, circuit.Step{Lease: fresh, Limit: 1})
		want(t, err, store.ErrStale)
		if over := g.Expired(Start.Add(time.Hour)); len(over) != 1 || over[0] != old {
			t.Fatalf("got %s", showGate(g))
		}
		for range 2 {
			g, err = s.LeaveGate(t.Context(), id, []circuit.Lease{old, lease("unknown", Start)}, time.Time{})
			must(t, err)
			if len(g.Leases) != 0 || !g.Answered.IsZero() {
				t.Fatalf("got %s", showGate(g))
			}
		}
		_, err = s.StepGate(t.Context(), id, circuit.Step{Lease: fresh, Limit: 1})
		must(t, err)
		g, err = s.LeaveGate(t.Context(), id, []circuit.Lease{old}, time.Time{}) // late: not that of another
		must(t, err)
		if len(g.Leases) != 1 || g.Leases[0] != fresh {
			t.Errorf("got %s", showGate(g))
		}
	}
}
