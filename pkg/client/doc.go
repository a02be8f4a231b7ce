// Package client is a typed client of the orchestrator's HTTP API. It has types of its own, so that
// a program which imports it gets net/http and nothing else of the orchestrator; a test compares
// them with what the handlers answer. Every document keeps the bytes that the API sent, because a
// later version may add members that this package does not know.
//
// Requests that were told to come later (429) or met a fault (502, 503, 504, or no answer) are sent
// again, three times in all. That is safe: the API's acts are idempotent by state, and what creates
// something takes an Idempotency-Key.
package client
