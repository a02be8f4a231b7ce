package orchestrator

import (
	"context"

	"adcp-orchestrator/pkg/operation"
)

// Changes of one media buy form a line: each waits for the one before it, and the natural key names
// the last. Whose turn it is, is decided from what is stored when the agent is about to be called,
// so no signal can be lost, and nothing depends on who ended or crashed when.

// firstOpen returns the open operation that stands nearest in line, from op on. ok is false if none
// is open. An operation that ended before its turn leaves its place to the one that it waited for.
func firstOpen(ctx context.Context, s operationReader, op operation.Operation) (
	_ operation.Operation, ok bool, err error) {
	for op.State.Terminal() {
		if op.WaitsFor == "" {
			return op, false, nil
		}
		if op, err = s.Get(ctx, op.Tenant, op.WaitsFor); err != nil {
			return op, false, err
		}
	}
	return op, true, nil
}

// takeTurn lets an operation go on if it waits for another one and that has ended. It returns the
// operation as stored.
func (d Dispatch) takeTurn(ctx context.Context, op operation.Operation) (operation.Operation, error) {
	if op.WaitsFor == "" || op.State.Terminal() {
		return op, nil
	}
	first, err := d.Store.Get(ctx, op.Tenant, op.WaitsFor)
	if err != nil {
		return op, err
	}
	if _, open, err := firstOpen(ctx, d.Store, first); open || err != nil {
		return op, err
	}
	return updateFrom(ctx, d.Store, op, func(op operation.Operation) (*operation.Change, error) {
		if op.WaitsFor == "" || op.State.Terminal() {
			return nil, nil
		}
		e := op.TakeTurn(d.Deps.Now().UTC())
		return &operation.Change{Op: op, Events: []operation.Event{e}}, nil
	})
}
