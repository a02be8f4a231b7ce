// Package circuit decides whether an agent may be called. It holds a circuit breaker and a token
// bucket for one tenant and agent, which all processes share through one small document (contract
// M4, C21). The package is pure: time and randomness come in as values. A decision is either "call
// now" or "wait"; an open circuit never fails an operation (contract M4). Package breaker stores
// the document and makes the decisions concurrently.
package circuit
