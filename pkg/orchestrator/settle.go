package orchestrator

import (
	"context"

	"adcp-orchestrator/pkg/operation"
)

// SettleStore is what Settle needs of the store.
type SettleStore interface {
	operationReader
	committer
}

// Settle does what must happen once after the end: it takes the operation from the sweeper's hands.
type Settle struct {
	Store SettleStore
	Deps  Deps
}

// Settled is Settle's answer to the workflow.
type Settled struct {
	Tenant string          `json:"tenant"`
	ID     string          `json:"id"`
	State  operation.State `json:"state"`
}

// Run settles an ended operation. Settling it again changes nothing.
func (s Settle) Run(ctx context.Context, tenant, id string) (Settled, error) {
	op, err := persist(ctx, s.Store, tenant, id, func(op operation.Operation) (*operation.Change, error) {
		e, ok := op.Finish(s.Deps.Now().UTC())
		if !ok {
			return nil, nil
		}
		return &operation.Change{Op: op, Events: []operation.Event{e}}, nil
	})
	return Settled{Tenant: tenant, ID: id, State: op.State}, err
}
