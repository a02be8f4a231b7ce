package sim

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
)

// faults is everything that goes wrong in one world, drawn from its seed, and the invariants of
// every step. It carries the calls from the orchestrator to the sellers.
type faults struct {
	rng *rand.Rand
	// tableRNG draws what the table does. It is a source of its own, so that the other draws of a seed
	// do not depend on how often a write is tried.
	tableRNG *rand.Rand
	// newsRNG draws what sellers tell about their buys.
	newsRNG *rand.Rand
	w       *World
	// How often a call, a webhook and a write go wrong, and how often a process dies; until when.
	callRate, webhookRate, writeRate, deathRate float64
	until                                       time.Time
	sellers                                     behavior
	traits                                      traits
	// clocksDiffer: our processes' clocks are apart.
	clocksDiffer bool

	log        []string       // what went wrong, with virtual times, in order
	counts     map[string]int // by kind
	violations []string

	firstBytes    map[string][]byte          // of a request, by operation and continuation
	ended         map[string]operation.State // the ends of operations
	lastState     map[string]operation.State // as last stored, by operation
	refusedInputs map[string]bool            // idempotency keys of inputs that the seller has refused
	refusedKeys   map[string]bool            // idempotency keys that the seller has refused for good
	retryAfter    map[string]retryAfter      // by tool and operation
	calls         map[string]int             // by tool and operation
	lostRuns      map[int]bool               // runs in which our own fault may have lost the seller's answer
	pollKeys      map[string]bool            // idempotency keys of polls
	answerable    map[string]bool            // operations whose input request people have seen
	evidence      map[string]*evidence       // by operation
}

// behavior is how the sellers of a world behave.
type behavior struct {
	// requestInput: they request input before they buy. hideIdempotency: they do not say whether they
	// deduplicate. flap: their unfinished tasks change back and forth. renameRejected: a poll shows
	// failed for what was rejected.
	requestInput, hideIdempotency, flap, renameRejected bool
	// Between these times they do not know their own tasks.
	forgetAt, rememberAt time.Time
}

// retryAfter is a time before which the seller wants no call, as it was answered in a run of a
// function.
type retryAfter struct {
	until time.Time
	run   int
}

func newFaults(rng *rand.Rand, w *World) *faults {
	return &faults{
		rng:           rng,
		w:             w,
		counts:        map[string]int{},
		firstBytes:    map[string][]byte{},
		ended:         map[string]operation.State{},
		lastState:     map[string]operation.State{},
		refusedInputs: map[string]bool{},
		refusedKeys:   map[string]bool{},
		retryAfter:    map[string]retryAfter{},
		calls:         map[string]int{},
		lostRuns:      map[int]bool{},
		pollKeys:      map[string]bool{},
		answerable:    map[string]bool{},
		evidence:      map[string]*evidence{},
	}
}

var _ registry.Caller = (*faults)(nil)

func pick[T any](rng *rand.Rand, from ...T) T { return from[rng.IntN(len(from))] }

// upTo is a random duration below d.
func (f *faults) upTo(d time.Duration) time.Duration { return time.Duration(f.rng.Int64N(int64(d))) }

func (f *faults) happens(p float64) bool { return f.rng.Float64() < p && f.w.now.Before(f.until) }

// note records that something went wrong, and returns its kind.
func (f *faults) note(where, kind string) string {
	f.counts[kind]++
	f.log = append(f.log, fmt.Sprintf("%14s  %.9s  %s: %s", f.w.now.Sub(epoch), f.w.running, where, kind))
	return kind
}

// violated records that something does not hold.
func (f *faults) violated(format string, a ...any) {
	f.violations = append(f.violations, fmt.Sprintf("%s  ", f.w.now.Sub(epoch))+fmt.Sprintf(format, a...))
}

// effect draws what goes wrong with an effect of a process.
func (f *faults) effect(name string) Fault {
	fault := NoFault
	switch {
	case name != "AwaitUpdate" && f.happens(f.deathRate): // the state machine does not die
		fault = pick(f.rng, DiesBefore, DiesAfter)
	case strings.HasPrefix(name, "Call "): // calls have faults of their own
	case f.happens(f.writeRate):
		fault = pick(f.rng, FailsBefore, FailsAfter)
		twice := pick(f.rng, true, false, false)
		if twice && (strings.HasPrefix(name, "Commit") || name == "Create" || name == "Bind") {
			fault = MadeTwice
		}
	}
	if fault == NoFault {
		return fault
	}
	f.note(name, string(fault))
	f.of(f.w.running).ownFaults++
	if fault == DiesBefore || fault == FailsBefore || fault == DiesAfter && strings.HasPrefix(name, "Call ") {
		f.lostRuns[f.w.runs] = true
	}
	return fault
}

// conflict draws whether another transaction is under way on what a write writes.
func (f *faults) conflict(write string) bool {
	return f.tableRNG.Float64() < f.writeRate && f.w.now.Before(f.until) && f.note(write, "transaction conflict") != ""
}

// invokedTwice draws whether a function is invoked twice for one call.
func (f *faults) invokedTwice(function string) bool {
	return f.happens(f.deathRate) && f.note(function, "invoked twice") != ""
}

// maxSkew is how far apart the clocks of our processes are at most.
const maxSkew = 2 * time.Second

func (f *faults) skew() time.Duration {
	if !f.clocksDiffer {
		return 0
	}
	return f.upTo(maxSkew) - maxSkew/2
}

// abortExecution aborts an execution without the orchestrator's knowledge.
func (f *faults) abortExecution() {
	for _, name := range slices.Sorted(maps.Keys(f.w.executions)) {
		e := f.w.executions[name]
		if done, _ := e.Done(); !done && pick(f.rng, true, false) {
			f.note(name[:9], "execution aborted")
			e.Abort()
			return
		}
	}
}

// gateway refuses a delivery now and then before the receiver sees it.
func (f *faults) gateway() int {
	if !f.happens(f.webhookRate / 2) {
		return 0
	}
	f.note("webhook", "503")
	return 503
}
