// Package circuit decides whether an agent may be called, and how a call that may not be made
// waits. A circuit breaker for one tenant and agent is one small document that all processes
// share (contract M4). A gate bounds the rate of calls and how many are under way (contract
// C21); a change of a gate is a Step, which a store makes as one conditional write. The package
// is pure: time and randomness come in as values. To wait is never a failure of an operation
// (contract M4). Package breaker stores the documents and the gates, and makes the decisions
// concurrently.
package circuit
