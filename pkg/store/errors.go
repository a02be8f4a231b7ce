package store

import (
	"errors"
	"fmt"

	"adcp-orchestrator/pkg/operation"
)

// The errors of a store. Every other error is our own fault: temporary, to be retried, and never
// shown to clients.
var (
	ErrNotFound = errors.New("not found")
	// ErrStale: the record changed after it was read. The caller has to read and decide again.
	ErrStale = errors.New("the record has changed since it was read")
	// ErrKeyTaken: the idempotency key is already bound.
	ErrKeyTaken = errors.New("the idempotency key is bound")
	// ErrTaskTaken: the agent's task id is bound to another operation.
	ErrTaskTaken = errors.New("the task id is bound to another operation")
	// ErrNonceSeen: the nonce was claimed before and has not expired.
	ErrNonceSeen = errors.New("the nonce was used before")
	// ErrNewerSchema: newer code has written the record in a form that this code may read but must not
	// write over. Newer code has to try again.
	ErrNewerSchema = errors.New("the record has a newer schema than this code knows")
	// ErrFull: there is no room for another record of this kind.
	ErrFull = errors.New("no room for another")
	// ErrAgentDeleted: the agent that an operation is for has been deleted.
	ErrAgentDeleted = errors.New("the agent has been deleted")
	// ErrThrottled: the store works, but has no capacity left at present for what many use at once.
	ErrThrottled = errors.New("the record has no capacity left at present")
)

// NaturalKeyTakenError reports that another operation holds a natural key, the fingerprint that the
// key was taken with, and the hash of the key.
type NaturalKeyTakenError struct{ OperationID, Fingerprint, Key string }

func (e *NaturalKeyTakenError) Error() string { return "a natural key is held by " + e.OperationID }

// AgentBusyError reports that operations of an agent are open.
type AgentBusyError struct{ Open int }

func (e *AgentBusyError) Error() string {
	return fmt.Sprintf("the agent has %d open operations", e.Open)
}

// DeliveryTakenError reports that a delivery with this key was accepted before.
type DeliveryTakenError struct{ First operation.Delivery }

func (e *DeliveryTakenError) Error() string {
	return fmt.Sprintf("the delivery was accepted before (%s)", e.First.Verdict)
}
