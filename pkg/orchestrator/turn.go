package orchestrator

import (
	"context"
	"errors"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
)

// Changes of one media buy form a line: each waits for the one before it, and the natural key names
// the last. Whose turn it is, is decided from what is stored when the agent is about to be called,
// so no signal can be lost, and nothing depends on who ended or crashed when.

// firstOpen returns the open operation that stands nearest in line, from op on. ok is false if none
// is open. An operation that ended before its turn leaves its place to the one that it waited for,
// and never expires. One that is not there has expired, so it ended.
func firstOpen(ctx context.Context, s operationReader, op operation.Operation) (
	_ operation.Operation, ok bool, _ error) {
	for op.State.Terminal() {
		if op.WaitsFor == "" {
			return op, false, nil
		}
		next, err := s.Get(ctx, op.Tenant, op.WaitsFor)
		if errors.Is(err, store.ErrNotFound) {
			return op, false, nil
		}
		if err != nil {
			return op, false, err
		}
		op = next
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
	open := false
	if err == nil {
		_, open, err = firstOpen(ctx, d.Store, first)
	}
	if open || err != nil && !errors.Is(err, store.ErrNotFound) { // what is not there has expired
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
