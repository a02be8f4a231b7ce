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
	backingOff = circuit.State{BackOffUntil: at(30 * time.Second)}
	hanging    = circuit.State{Opens: 1, OpenUntil: at(5 * time.Second), Silent: true}
)

// The processes find out by comparison whether a state changed.
func TestStoredStateEqualsTheOriginal(t *testing.T) {
	t.Parallel()
	fraction := circuit.State{BackOffUntil: at(time.Nanosecond), RateLimits: 3}
	for _, s := range []circuit.State{clean, failing, open, probing, backingOff, hanging, fraction} {
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

// For all events in any order: a back-off never ends earlier, the number of probes never goes
// back, only a probe's answer closes the circuit, or any answer if calls hung, one probe is
// under way at a time, and the document stays small.
func TestAnyOrderOfEvents(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
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
			switch r.IntN(8) {
			case 0, 1, 2:
				var d circuit.Decision
				d, s = p.Decide(s, now, lease)
				checkDecision(t, d, before, s, now)
				if d.Reason == "" {
					tickets = append(tickets, d.Ticket)
				}
				seen["decided "+string(d.Reason)]++
			case 3:
				answered = true
				s = p.Succeeded(s, ticket)
			case 4:
				s = p.Failed(s, ticket, now, r.Float64(), time.Duration(r.IntN(2))*time.Second, r.IntN(20) == 0)
			case 5:
				answered = true
				s = p.Limited(s, ticket, now, r.Float64(), time.Duration(r.IntN(20))*time.Second)
			case 6:
				s = p.Silenced(s, now, r.Float64())
				if s != before {
					seen["silenced"]++
				}
			case 7:
				s = p.Hurry(s, now)
			}
			if s.BackOffUntil.Before(before.BackOffUntil) || s.Probes < before.Probes || s.Silent && s.Closed() {
				t.Fatalf("seed %d: %+v became %+v", seed, before, s)
			}
			if s.Closed() && !before.Closed() {
				seen["closed"]++
				if !answered || !ticket.Probe && !before.Silent {
					t.Fatalf("seed %d: %+v closed without a probe's answer", seed, before)
				}
			}
			if body, err := json.Marshal(s); err != nil || len(body) > 400 {
				t.Fatalf("seed %d: %d bytes, %v", seed, len(body), err)
			}
		}
	}
	for _, k := range []string{"decided ", "decided open", "decided backing_off", "silenced", "closed"} {
		if seen[k] == 0 {
			t.Errorf("%q never occurred", k)
		}
	}
	t.Log(seen)
}

// checkDecision fails the test if a state forbids what was decided in it.
func checkDecision(t *testing.T, d circuit.Decision, before, after circuit.State, now time.Time) {
	t.Helper()
	backsOff := now.Before(before.BackOffUntil)
	shut := !before.Closed() && (now.Before(before.OpenUntil) || now.Before(before.ProbeUntil))
	switch {
	case (d.Reason == "") != d.NotBefore.IsZero(), d.Reason != "" && !d.NotBefore.After(now),
		d.Ticket.Probe != (after != before), d.Ticket.Probe && d.Reason != "",
		d.Reason == "" && (backsOff || shut || !before.Closed() && !d.Ticket.Probe),
		d.Reason != "" && !backsOff && !shut,
		d.NotBefore.Before(before.BackOffUntil) && backsOff:
		t.Fatalf("%+v at %v of %+v", d, now, before)
	}
}
