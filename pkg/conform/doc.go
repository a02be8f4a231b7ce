// Package conform tries a sales agent from outside, as the orchestrator calls it, and says what a
// buyer will suffer from the agent and what the orchestrator does about it. Its scenarios are the
// hazards of real agents, turned round: each one asks for the behavior that the hazard lacks.
package conform
