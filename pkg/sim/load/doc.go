// Package load runs many operations at once on a virtual clock, within AWS's quotas: the real use
// cases on the in-memory store, each with its breaker, and the state machine's own definition.
// Functions take time, wait for each other's writes and hold places of the account's concurrency. A
// request beyond a quota gets that service's throttling error, so that a load shows which quota is
// met first, what the orchestrator does about it, and what all that costs.
package load
