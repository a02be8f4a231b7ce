package store

import (
	"adcp-orchestrator/pkg/operation"
	"errors"
	"fmt"
)

// NaturalTakenError says that another operation holds the natural key.
type NaturalKeyTakenError struct{ OperationID string }

func (e *NaturalKeyTakenError) Error() string { return "the natural key is held by " + e.OperationID }

// DeliveryTakenError says that a delivery with this key was accepted before.
type DeliveryTakenError struct{ First operation.Delivery }

func (e *DeliveryTakenError) Error() string {
	return fmt.Sprintf("the delivery was accepted before (%s)", e.First.Verdict)
}

// Document is something that a store keeps without reading it.
type Document struct {
	// Version counts the stored changes, 0 for a document that is not stored yet.
	Version int64
	Body    []byte
}

// The errors of a Store. Everything else it returns is a fault of ours: temporary, to be retried, never shown outside.
var (
	ErrNotFound = errors.New("not found")
	// ErrStale: the operation has changed since it was read. Read it again and decide again.
	ErrStale = errors.New("the operation has changed since it was read")
	// ErrKeyTaken: the submission's idempotency key is bound.
	ErrKeyTaken = errors.New("the idempotency key is bound")
	// ErrTaskTaken: the agent's task id is bound to another operation.
	ErrTaskTaken = errors.New("the task id is bound to another operation")
	// ErrNonceSeen: the nonce was claimed before and has not expired.
	ErrNonceSeen = errors.New("the nonce was used before")
	// ErrFull: there is no room for another of its kind.
	ErrFull = errors.New("no room for another")
)
