// Package gates builds the breaker of production, for functions that need nothing else of package
// wire: what a function links costs it at each cold start.
package gates

import (
	"math/rand/v2"
	"strconv"
	"time"

	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/circuit"
)

// Breaker returns the breaker for calls that take at most lease. lease has to be longer than the
// function's timeout.
func Breaker(s breaker.Store, lease time.Duration) *breaker.Breaker {
	return breaker.New(s, breaker.Options{
		Policy: circuit.Default,
		Bounds: breaker.DefaultBounds,
		Lease:  lease,
		Now:    time.Now,
		Jitter: rand.Float64,
		NewID:  func() string { return strconv.FormatUint(uint64(rand.Uint32()), 36) },
	})
}
