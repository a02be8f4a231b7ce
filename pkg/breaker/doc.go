// Package breaker controls the calls of agents. A Breaker applies the circuit breaker and the
// gates of package circuit; all processes share the state through a store (contract M4, C21). A
// caller gets a Permit before a call and passes a Report of the result back, or is told how to
// wait: until a slot, or in the line of a gate.
//
// The breaker protects agents; correctness does not depend on it. So a failing store does not stop
// a purchase: the process keeps to the back-offs and open circuits that it knows, and otherwise
// calls each agent once per fallbackInterval. A probe is the exception: if it may not have been
// stored, it is not sent.
package breaker
