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
	both := open
	both.BackOffUntil = at(time.Minute)
	empty := circuit.State{Tokens: 0.5, TokensAt: start}
	scarce := circuit.State{Tokens: 6, TokensAt: start}
	ahead := circuit.State{Tokens: 1, TokensAt: at(time.Minute)} // another process's clock
	emptyHalfOpen := halfOpen
	emptyHalfOpen.Tokens, emptyHalfOpen.TokensAt = 0, start
	wait := func(d time.Duration, r circuit.Reason) circuit.Decision {
		return circuit.Decision{Wait: d, Reason: r}
	}
	probe := func(number int64) circuit.Decision {
		return circuit.Decision{Taken: 1, Ticket: circuit.Ticket{Probe: true, Number: number}}
	}
	call := func(number int64) circuit.Decision {
		return circuit.Decision{Ticket: circuit.Ticket{Number: number}}
	}
	for name, tc := range map[string]struct {
		s       circuit.State
		tokens  int
		jitter  float64
		want    circuit.Decision
		changed bool
	}{
		"unknown agent: a batch":               {clean, 0, 0, circuit.Decision{Taken: 15}, true},
		"paid with a token of the process":     {clean, 1, 0, circuit.Decision{}, false},
		"failing, not open":                    {failing, 1, 0, circuit.Decision{}, false},
		"scarce: one token only":               {scarce, 0, 0, circuit.Decision{Taken: 1}, true},
		"no token":                             {empty, 0, 0, wait(25*time.Millisecond, circuit.Limited), false},
		"no token: waits are spread":           {empty, 0, 0.5, wait(2525*time.Millisecond, circuit.Limited), false},
		"another clock is ahead":               {ahead, 0, 0, circuit.Decision{Taken: 1}, true},
		"open":                                 {open, 3, 0, wait(5*time.Second, circuit.Open), false},
		"open: jitter makes the wait longer":   {open, 3, 0.8, wait(6*time.Second, circuit.Open), false},
		"half-open: a probe":                   {halfOpen, 3, 0, probe(1), true},
		"half-open, the bucket is empty":       {emptyHalfOpen, 0, 0, wait(50*time.Millisecond, circuit.Limited), false},
		"a probe is under way":                 {probing, 3, 0, wait(5*time.Second, circuit.Open), false},
		"a probe's lease is over":              {leaseOver, 0, 0, probe(8), true},
		"backing off":                          {backingOff, 3, 0, wait(30*time.Second, circuit.BackingOff), false},
		"backing off and open: the later end":  {both, 3, 0, wait(time.Minute, circuit.BackingOff), false},
		"tickets carry the last probe's count": {circuit.State{Probes: 9}, 1, 0, call(9), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, next := p.Decide(tc.s, start, tc.jitter, tc.tokens, lease)
			if d != tc.want || (next != tc.s) != tc.changed {
				t.Errorf("got %+v, %+v", d, next)
			}
			if d.Ticket.Probe && !next.ProbeUntil.Equal(at(lease)) {
				t.Errorf("the probe's lease ends at %v", next.ProbeUntil)
			}
			if next.TokensAt.Before(tc.s.TokensAt) {
				t.Error("time ran backwards")
			}
		})
	}
}
