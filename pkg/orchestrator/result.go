package orchestrator

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"encoding/json"
	"time"
)

// maxResult is the largest result that is kept: what one transaction of any store can hold.
const maxResult = 3 << 20

// resultOf returns the body to keep at the end of an operation. One that is too large does not keep the operation from ending: a human is told.
func resultOf(op *operation.Operation, a adcp.Answer, v operation.Verdict, now time.Time) json.RawMessage {
	if v != operation.Advanced || !op.State.Terminal() {
		return nil
	}
	if len(a.Value) > maxResult {
		op.Flag(operation.ResultTooLarge, now, "read it at the agent")
		return nil
	}
	return a.Value
}

// attentionOnly is the change that stores newly due attention, and nil if there is none to store.
func attentionOnly(op, planned operation.Operation, now time.Time, step *operation.Decision) *operation.Change {
	if planned.Attention == op.Attention {
		return nil
	}
	planned.BumpVersion(now)
	step.Version = planned.Version
	return &operation.Change{Op: planned}
}
