// Package hazard has no code, only tests. They run the orchestrator with its real client and its
// real webhook receiver, on a virtual clock, against a sales agent over HTTP that misbehaves like
// real agents. A scenario is one such behavior: it states how the operation must end, and every
// scenario checks that nothing was bought twice.
package hazard
