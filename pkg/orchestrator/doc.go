// Package orchestrator holds the use cases of operations: Submit, Dispatch, Poll, Receive,
// SendInput, Settle, Redrive and Reconcile, with the interfaces that they need. Each one stores
// first and signals afterwards: a process that dies between two lines loses nothing, because the
// next run finds what was stored and continues from there. Every change of an operation passes
// through update.go.
package orchestrator

import "time"

// Deps are the clock and the randomness of use cases.
type Deps struct {
	Now    func() time.Time
	Jitter func() float64 // in [0,1)
}
