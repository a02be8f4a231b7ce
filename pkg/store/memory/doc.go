// Package memory stores the orchestrator's state in memory, for tests and simulations. It keeps the
// same promises as package dynamo; package storetest checks both.
package memory
