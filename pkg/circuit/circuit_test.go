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
	probing = circuit.State{
		Failures: 5, Opens: 3, Probes: 7, OpenUntil: at(-time.Second), ProbeUntil: at(time.Minute),
	}
	backingOff = circuit.State{BackOffUntil: at(30 * time.Second), TokensAt: at(30 * time.Second)}
)

// The processes find out by comparison whether a state changed.
func TestStoredStateEqualsTheOriginal(t *testing.T) {
	t.Parallel()
	fraction := circuit.State{Tokens: 59.123456789, TokensAt: at(time.Nanosecond), RateLimits: 3}
	for _, s := range []circuit.State{clean, failing, open, probing, backingOff, fraction} {
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

// For all events in any order: a back-off never ends earlier, time and the number of probes never
// go back, only a probe's answer closes the circuit, and the document stays small.
func TestAnyOrderOfEvents(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		var s circuit.State
		now := start
		tickets := []circuit.Ticket{{}}
		for range 300 {
			// The clocks of the processes differ a little.
			now = now.Add(time.Duration(r.Int64N(int64(3*time.Second))) - 100*time.Millisecond)
			ticket, before := tickets[r.IntN(len(tickets))], s
			answered := false
			switch r.IntN(6) {
			case 0, 1, 2:
				var d circuit.Decision
				d, s = p.Decide(s, now, r.Float64(), r.IntN(2), lease)
				if d.Wait < 0 || d.Wait == 0 && mustWait(before, now, d.Ticket) {
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
			if s.BackOffUntil.Before(before.BackOffUntil) || s.TokensAt.Before(before.TokensAt) || s.Probes < before.Probes ||
				s.Tokens < 0 || s.Tokens > p.Burst {
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

// mustWait reports whether a state forbids the call of a ticket.
func mustWait(s circuit.State, now time.Time, ticket circuit.Ticket) bool {
	return now.Before(s.BackOffUntil) ||
		!s.Closed() && (now.Before(s.OpenUntil) || now.Before(s.ProbeUntil) || !ticket.Probe)
}
