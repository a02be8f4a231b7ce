package circuit_test

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"adcp-orchestrator/pkg/circuit"
)

var (
	p     = circuit.Default
	start = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
)

const lease = time.Minute

func at(d time.Duration) time.Time { return start.Add(d) }

// The states that transitions begin from.
var (
	clean   = circuit.State{}
	failing = circuit.State{Failures: 4}
	open    = circuit.State{Failures: 5, Opens: 1, OpenUntil: at(5 * time.Second)}
	probing = circuit.State{Failures: 5, Opens: 3, Probes: 7, OpenUntil: at(-time.Second), ProbeUntil: at(time.Minute)}
	held    = circuit.State{HoldUntil: at(30 * time.Second), At: at(30 * time.Second)}
)

func TestDecide(t *testing.T) {
	t.Parallel()
	half := open
	half.OpenUntil = start
	dead := probing
	dead.ProbeUntil = start
	both := open
	both.HoldUntil = at(time.Minute)
	empty := circuit.State{Tokens: 0.5, At: start}
	scarce := circuit.State{Tokens: 6, At: start}
	ahead := circuit.State{Tokens: 1, At: at(time.Minute)} // another process's clock
	brokeHalf := half
	brokeHalf.Tokens, brokeHalf.At = 0, start
	for name, tc := range map[string]struct {
		s       circuit.State
		tokens  int
		jitter  float64
		want    circuit.Decision
		changed bool
	}{
		"nothing known: a batch":               {clean, 0, 0, circuit.Decision{Taken: 15}, true},
		"paid with a token of the process":     {clean, 1, 0, circuit.Decision{}, false},
		"failing, not open":                    {failing, 1, 0, circuit.Decision{}, false},
		"scarce: nobody hoards":                {scarce, 0, 0, circuit.Decision{Taken: 1}, true},
		"no token":                             {empty, 0, 0, circuit.Decision{Wait: 25 * time.Millisecond, Reason: circuit.Limited}, false},
		"no token: a crowd is spread":          {empty, 0, 0.5, circuit.Decision{Wait: 2525 * time.Millisecond, Reason: circuit.Limited}, false},
		"another clock is ahead":               {ahead, 0, 0, circuit.Decision{Taken: 1}, true},
		"open":                                 {open, 3, 0, circuit.Decision{Wait: 5 * time.Second, Reason: circuit.Open}, false},
		"open: waits are longer, not shorter":  {open, 3, 0.8, circuit.Decision{Wait: 6 * time.Second, Reason: circuit.Open}, false},
		"the pause is over: a probe":           {half, 3, 0, circuit.Decision{Taken: 1, Ticket: circuit.Ticket{Probe: true, Number: 1}}, true},
		"the pause is over, the bucket empty":  {brokeHalf, 0, 0, circuit.Decision{Wait: 50 * time.Millisecond, Reason: circuit.Limited}, false},
		"a probe is under way":                 {probing, 3, 0, circuit.Decision{Wait: 5 * time.Second, Reason: circuit.Open}, false},
		"a probe's lease is over":              {dead, 0, 0, circuit.Decision{Taken: 1, Ticket: circuit.Ticket{Probe: true, Number: 8}}, true},
		"held":                                 {held, 3, 0, circuit.Decision{Wait: 30 * time.Second, Reason: circuit.BackingOff}, false},
		"held and open: the later":             {both, 3, 0, circuit.Decision{Wait: time.Minute, Reason: circuit.BackingOff}, false},
		"tickets carry the last probe's count": {circuit.State{Probes: 9}, 1, 0, circuit.Decision{Ticket: circuit.Ticket{Number: 9}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, next := p.Decide(tc.s, start, tc.jitter, tc.tokens, lease)
			if d != tc.want || (next != tc.s) != tc.changed {
				t.Errorf("got %+v, %+v", d, next)
			}
			if d.Ticket.Probe && !next.ProbeUntil.Equal(at(lease)) {
				t.Errorf("the probe has until %v", next.ProbeUntil)
			}
			if next.At.Before(tc.s.At) {
				t.Error("time ran backwards")
			}
		})
	}
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	normal, probe, old := circuit.Ticket{}, circuit.Ticket{Probe: true, Number: 7}, circuit.Ticket{Probe: true, Number: 6}
	late := circuit.Ticket{Number: 6}
	failed := func(s circuit.State, t circuit.Ticket) circuit.State { return p.Failed(s, t, start, 0, 0, false) }
	closed := circuit.State{Probes: 7}
	again := probing
	again.Opens, again.OpenUntil, again.ProbeUntil = 4, at(40*time.Second), time.Time{}
	heldToo := again
	heldToo.HoldUntil, heldToo.At = at(time.Minute), at(time.Minute)
	free := probing
	free.ProbeUntil = time.Time{}
	twice := circuit.State{RateLimits: 1, HoldUntil: at(-time.Second)}
	for name, tc := range map[string]struct{ got, want circuit.State }{
		"an answer, clean":                        {p.Succeeded(clean, normal), clean},
		"an answer forgets failures":              {p.Succeeded(failing, normal), clean},
		"an answer from before the opening":       {p.Succeeded(open, normal), open},
		"a probe's answer closes":                 {p.Succeeded(probing, probe), closed},
		"so does one whose lease was over":        {p.Succeeded(probing, old), closed},
		"a failure":                               {failed(clean, normal), circuit.State{Failures: 1}},
		"the last one opens":                      {failed(failing, normal), open},
		"a refused credential opens at once":      {p.Failed(clean, normal, start, 0, 0, true), circuit.State{Failures: 1, Opens: 1, OpenUntil: at(5 * time.Second)}},
		"a failure while open":                    {failed(open, normal), open},
		"a probe's failure opens for longer":      {failed(probing, probe), again},
		"a probe's failure, the agent wants time": {p.Failed(probing, probe, start, 0, time.Minute, false), heldToo},
		"an old probe's failure":                  {failed(probing, old), probing},
		"a call from before the closing fails":    {failed(closed, late), closed},
		"limited":                                 {p.Limited(clean, normal, start, 0.9, 30*time.Second), held},
		"limited for less than before":            {p.Limited(held, normal, start, 0, time.Second), held},
		"limited, without a time":                 {p.Limited(clean, normal, start, 0, 0), circuit.State{RateLimits: 1, HoldUntil: at(2 * time.Second), At: at(2 * time.Second)}},
		"limited again, without a time":           {p.Limited(twice, normal, start, 0, 0), circuit.State{RateLimits: 2, HoldUntil: at(4 * time.Second), At: at(4 * time.Second)}},
		"limited without a time, held already":    {p.Limited(held, normal, start, 0, 0), held},
		"a limited probe closes":                  {p.Limited(probing, probe, start, 0, 30*time.Second), circuit.State{Probes: 7, HoldUntil: held.HoldUntil, At: held.At}},
		"a probe that told nothing":               {p.Released(probing, probe), free},
		"an old probe that told nothing":          {p.Released(probing, old), probing},
		"a call that told nothing":                {p.Released(failing, normal), failing},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: got %+v, want %+v", name, tc.got, tc.want)
		}
	}
}

func TestPausesGrowToTheLongest(t *testing.T) {
	t.Parallel()
	s, before := failing, time.Duration(0)
	for i, want := range []time.Duration{5, 10, 20, 40, 80, 160, 300, 300} {
		s = p.Failed(s, circuit.Ticket{Probe: s.Probes > 0, Number: s.Probes}, start, 0, 0, false)
		if got := s.OpenUntil.Sub(start); got != want*time.Second || got < before {
			t.Errorf("pause %d takes %v", i, got)
		}
		before = s.OpenUntil.Sub(start)
		s.OpenUntil = start
		_, s = p.Decide(s, start, 0, 0, lease)
	}
	s.Opens = 1 << 40
	if s = p.Failed(s, circuit.Ticket{Probe: true, Number: s.Probes}, start, 1, 0, false); s.OpenUntil.Sub(start) != 375*time.Second {
		t.Errorf("%v", s.OpenUntil)
	}
}

// What comes back from the store is what was stored: whether something changed is told by comparing.
func TestStateSurvivesItsForm(t *testing.T) {
	t.Parallel()
	for _, s := range []circuit.State{clean, failing, open, probing, held, {Tokens: 59.123456789, At: at(time.Nanosecond), RateLimits: 3}} {
		body, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var back circuit.State
		if err := json.Unmarshal(body, &back); err != nil || back != s {
			t.Errorf("%s came back as %+v, %v", body, back, err)
		}
	}
}

// Whatever happens in whatever order: holds never end earlier, time and the count of probes never go back, only a probe's answer closes, and the document
// stays small.
func TestAnyOrderOfEvents(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		var s circuit.State
		now := start
		tickets := []circuit.Ticket{{}}
		for range 300 {
			now = now.Add(time.Duration(r.Int64N(int64(3*time.Second))) - 100*time.Millisecond) // clocks differ a little
			ticket, before := tickets[r.IntN(len(tickets))], s
			answered := false
			switch r.IntN(6) {
			case 0, 1, 2:
				var d circuit.Decision
				d, s = p.Decide(s, now, r.Float64(), r.IntN(2), lease)
				if d.Wait < 0 || d.Wait == 0 && (now.Before(before.HoldUntil) || !before.Closed() && (now.Before(before.OpenUntil) || now.Before(before.ProbeUntil) || !d.Ticket.Probe)) {
					t.Fatalf("seed %d: %+v at %v of %+v", seed, d, now, before)
				}
				if d.Wait == 0 {
					tickets = append(tickets, d.Ticket)
				}
			case 3:
				answered = true
				s = p.Succeeded(s, ticket)
			case 4:
				s = p.Failed(s, ticket, now, r.Float64(), time.Duration(r.IntN(2))*time.Second, r.IntN(20) == 0)
			case 5:
				answered = true
				s = p.Limited(s, ticket, now, r.Float64(), time.Duration(r.IntN(20))*time.Second)
			}
			if s.HoldUntil.Before(before.HoldUntil) || s.At.Before(before.At) || s.Probes < before.Probes || s.Tokens < 0 || s.Tokens > p.Burst {
				t.Fatalf("seed %d: %+v became %+v", seed, before, s)
			}
			if s.Closed() && !before.Closed() && !(answered && ticket.Probe) {
				t.Fatalf("seed %d: %+v closed without a probe's answer", seed, before)
			}
			if body, err := json.Marshal(s); err != nil || len(body) > 400 {
				t.Fatalf("seed %d: %d bytes, %v", seed, len(body), err)
			}
		}
	}
}
