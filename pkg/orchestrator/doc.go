// Package orchestrator holds the use cases and the ports they need. Each use case stores first and signals afterwards: a process that dies between
// two lines loses nothing, because whoever comes next finds what was stored and goes on from there.
package orchestrator

import "time"

// Deps are what use cases take from outside instead of asking the machine.
type Deps struct {
	Now    func() time.Time
	Jitter func() float64 // in [0,1)
}
