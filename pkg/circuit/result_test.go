package circuit_test

import (
	"testing"
	"time"

	"adcp-orchestrator/pkg/circuit"
)

func TestResultsOfCalls(t *testing.T) {
	t.Parallel()
	call, oldCall := circuit.Ticket{}, circuit.Ticket{Number: 6}
	probe, oldProbe := circuit.Ticket{Probe: true, Number: 7}, circuit.Ticket{Probe: true, Number: 6}
	failed := func(s circuit.State, t circuit.Ticket) circuit.State { return p.Failed(s, t, start, 0, 0, false) }
	limited := func(s circuit.State, t circuit.Ticket, after time.Duration) circuit.State {
		return p.Limited(s, t, start, 0, after)
	}
	closed := circuit.State{Probes: 7}
	longer := probing
	longer.Opens, longer.OpenUntil, longer.ProbeUntil = 4, at(40*time.Second), time.Time{}
	longerAndBackingOff := longer
	longerAndBackingOff.BackOffUntil = at(time.Minute)
	released := probing
	released.ProbeUntil = time.Time{}
	denied := circuit.State{Failures: 1, Opens: 1, OpenUntil: at(5 * time.Second)}
	limitedBefore := circuit.State{RateLimits: 1, BackOffUntil: at(-time.Second)}
	limitedOnce := circuit.State{RateLimits: 1, BackOffUntil: at(2 * time.Second)}
	limitedTwice := circuit.State{RateLimits: 2, BackOffUntil: at(4 * time.Second)}
	hangingAndFailing := hanging
	hangingAndFailing.Failures = 4
	closedBackingOff := backingOff
	closedBackingOff.Probes = 7
	for name, tc := range map[string]struct{ got, want circuit.State }{
		"an answer, clean":                     {p.Succeeded(clean, call), clean},
		"an answer clears the failures":        {p.Succeeded(failing, call), clean},
		"an answer from before the opening":    {p.Succeeded(open, call), open},
		"a probe's answer closes":              {p.Succeeded(probing, probe), closed},
		"so does one whose lease was over":     {p.Succeeded(probing, oldProbe), closed},
		"a failure":                            {failed(clean, call), circuit.State{Failures: 1}},
		"the last failure opens":               {failed(failing, call), open},
		"a refused credential opens at once":   {p.Failed(clean, call, start, 0, 0, true), denied},
		"a failure while open":                 {failed(open, call), open},
		"a probe's failure opens for longer":   {failed(probing, probe), longer},
		"a probe fails, the agent wants time":  {p.Failed(probing, probe, start, 0, time.Minute, false), longerAndBackingOff},
		"an old probe's failure":               {failed(probing, oldProbe), probing},
		"a call from before the closing fails": {failed(closed, oldCall), closed},
		"limited":                              {p.Limited(clean, call, start, 0.9, 30*time.Second), backingOff},
		"limited for less than before":         {limited(backingOff, call, time.Second), backingOff},
		"limited, without a time":              {limited(clean, call, 0), limitedOnce},
		"limited again, without a time":        {limited(limitedBefore, call, 0), limitedTwice},
		"limited without a time, backing off":  {limited(backingOff, call, 0), backingOff},
		"a limited probe closes":               {limited(probing, probe, 30*time.Second), closedBackingOff},
		"a probe without a result":             {p.Released(probing, probe), released},
		"an old probe without a result":        {p.Released(probing, oldProbe), probing},
		"a call without a result":              {p.Released(failing, call), failing},
		"calls hang":                           {p.Silenced(clean, start, 0), hanging},
		"calls hang after failures":            {p.Silenced(failing, start, 0), hangingAndFailing},
		"calls hang while open":                {p.Silenced(open, start, 0), open},
		"any answer closes if calls hung":      {p.Succeeded(hanging, oldCall), clean},
		"so does a limit":                      {limited(hanging, oldCall, 30*time.Second), backingOff},
		"a failed call does not":               {failed(hanging, call), hanging},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: got %+v, want %+v", name, tc.got, tc.want)
		}
	}
}

func TestOpenTimesGrowToTheMaximum(t *testing.T) {
	t.Parallel()
	s, before := failing, time.Duration(0)
	for i, want := range []time.Duration{5, 10, 20, 40, 80, 160, 300, 300} {
		s = p.Failed(s, circuit.Ticket{Probe: s.Probes > 0, Number: s.Probes}, start, 0, 0, false)
		if got := s.OpenUntil.Sub(start); got != want*time.Second || got < before {
			t.Errorf("opening %d lasts %v", i, got)
		}
		before = s.OpenUntil.Sub(start)
		s.OpenUntil = start
		_, s = p.Decide(s, start, lease)
	}
	s.Opens = 1 << 40
	s = p.Failed(s, circuit.Ticket{Probe: true, Number: s.Probes}, start, 1, 0, false)
	if s.OpenUntil.Sub(start) != 375*time.Second {
		t.Errorf("%v", s.OpenUntil)
	}
}
