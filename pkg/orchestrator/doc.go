// Package orchestrator holds the use cases of operations: Submit, Dispatch, Poll, Receive,
// SendInput, Settle, Redrive and Reconcile, with the interfaces that they need. Each one stores
// first and signals afterwards: a process that dies between two lines loses nothing, because the
// next run finds what was stored and continues from there. Every change of an operation passes
// through update.go.
package orchestrator

import (
	"time"

	"adcp-orchestrator/pkg/operation"
)

// Deps are the clock and the randomness of use cases.
type Deps struct {
	Now    func() time.Time
	Jitter func() float64 // in [0,1)
	// watch measures the run of a function; nil measures nothing.
	watch *stopwatch
}

// stopwatch measures how long a run of a function works on an operation.
type stopwatch struct{ from time.Time }

// measured returns deps for a run that begins now.
func (d Deps) measured() Deps {
	d.watch = &stopwatch{d.Now()}
	return d
}

// worked adds to an operation what the run has taken since the last time that was stored.
func (d Deps) worked(op *operation.Operation, now time.Time) {
	if d.watch != nil {
		op.Worked(now.Sub(d.watch.from))
	}
}

// stored notes that the time until then is stored.
func (d Deps) stored(now time.Time) {
	if d.watch != nil && now.After(d.watch.from) {
		d.watch.from = now
	}
}
