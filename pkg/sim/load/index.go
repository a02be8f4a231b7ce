package load

import (
	"context"
	"time"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store/layout"
)

// Due reads the index of what is due.
func (t *table) Due(ctx context.Context, now time.Time, limit int) (operation.DueList, error) {
	for n := range layout.MaxDueShards {
		if err := t.request("Query (index)", tries, readUnits(small).of(layout.DueShard(n))); err != nil {
			return operation.DueList{}, err
		}
	}
	return t.Store.Due(ctx, now, limit)
}

// MoveDue moves an operation in the index.
func (t *table) MoveDue(ctx context.Context, op operation.Operation, at time.Time) error {
	if err := t.request("UpdateItem (index)", tries, t.move(op.ID)...); err != nil {
		return err
	}
	return t.Store.MoveDue(ctx, op, at)
}

// QueueStart puts an operation into the queue of starts.
func (t *table) QueueStart(ctx context.Context, op operation.Operation, since time.Time) error {
	if err := t.request("UpdateItem (queue of starts)", tries, t.move(op.ID)...); err != nil {
		return err
	}
	return t.Store.QueueStart(ctx, op, since)
}

// move is what a write of an operation's item costs that only moves it in the index.
func (t *table) move(id string) []load {
	return []load{writeUnits(t.sizes[id]), writeUnits(small), writeUnits(small)}
}

// Queued reads the queue of starts.
func (t *table) Queued(ctx context.Context, limit int) (operation.DueList, error) {
	if err := t.request("Query (queue of starts)", tries, readUnits(small*layout.StartShards)); err != nil {
		return operation.DueList{}, err
	}
	return t.Store.Queued(ctx, limit)
}
