// Package hazard holds no code but its tests: a sales agent that can be scripted to misbehave in every way in which real ones were seen to, over HTTP, and the
// orchestrator in front of it, whole and on a virtual clock. Each hazard is one scenario: what the operation comes to, and that nothing was bought twice.
package hazard
