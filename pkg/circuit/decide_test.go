package circuit_test

import (
	"testing"
	"time"

	"adcp-orchestrator/pkg/circuit"
)

func TestDecide(t *testing.T) {
	t.Parallel()
	halfOpen := open
	halfOpen.OpenUntil = start
	leaseOver := probing
	leaseOver.ProbeUntil = start
	both, openLonger := open, open
	both.BackOffUntil = at(time.Minute)
	openLonger.BackOffUntil = at(time.Second)
	dueButBackingOff := halfOpen
	dueButBackingOff.BackOffUntil = at(time.Second)
	wait := func(d time.Duration, r circuit.Reason, number int64) circuit.Decision {
		return circuit.Decision{NotBefore: at(d), Reason: r, Ticket: circuit.Ticket{Number: number}}
	}
	probe := func(number int64) circuit.Decision {
		return circuit.Decision{Ticket: circuit.Ticket{Probe: true, Number: number}}
	}
	call := func(number int64) circuit.Decision {
		return circuit.Decision{Ticket: circuit.Ticket{Number: number}}
	}
	for name, tc := range map[string]struct {
		s       circuit.State
		want    circuit.Decision
		changed bool
	}{
		"unknown agent":                        {clean, call(0), false},
		"failing, not open":                    {failing, call(0), false},
		"open":                                 {open, wait(5*time.Second, circuit.Open, 0), false},
		"open because calls hang":              {hanging, wait(5*time.Second, circuit.Open, 0), false},
		"half-open: a probe":                   {halfOpen, probe(1), true},
		"a probe is under way":                 {probing, wait(time.Minute, circuit.Open, 7), false},
		"a probe's lease is over":              {leaseOver, probe(8), true},
		"backing off":                          {backingOff, wait(30*time.Second, circuit.BackingOff, 0), false},
		"backing off and open: the later end":  {both, wait(time.Minute, circuit.BackingOff, 0), false},
		"open for longer than backing off":     {openLonger, wait(5*time.Second, circuit.Open, 0), false},
		"no probe while backing off":           {dueButBackingOff, wait(time.Second, circuit.BackingOff, 0), false},
		"tickets carry the last probe's count": {circuit.State{Probes: 9}, call(9), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, next := p.Decide(tc.s, start, lease)
			if d != tc.want || (next != tc.s) != tc.changed {
				t.Errorf("got %+v, %+v", d, next)
			}
			if d.Ticket.Probe && !next.ProbeUntil.Equal(at(lease)) {
				t.Errorf("the probe's lease ends at %v", next.ProbeUntil)
			}
		})
	}
}

// A person who says that an agent is back makes the next probe due, and nothing else.
func TestHurryMakesTheProbeDue(t *testing.T) {
	t.Parallel()
	due := open
	due.OpenUntil = start
	openAndBackingOff, dueAndBackingOff := open, due
	openAndBackingOff.BackOffUntil, dueAndBackingOff.BackOffUntil = at(time.Minute), at(time.Minute)
	for name, tc := range map[string]struct{ s, want circuit.State }{
		"closed":                             {failing, failing},
		"open":                               {open, due},
		"a probe is under way":               {probing, probing},
		"what the agent asked for stands":    {openAndBackingOff, dueAndBackingOff},
		"backing off while closed is as was": {backingOff, backingOff},
	} {
		if got := p.Hurry(tc.s, start); got != tc.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if d, _ := p.Decide(p.Hurry(open, start), start, lease); !d.Ticket.Probe {
		t.Errorf("no probe: %+v", d)
	}
}
