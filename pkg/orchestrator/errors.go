package orchestrator

import (
	"adcp-orchestrator/pkg/operation"
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
