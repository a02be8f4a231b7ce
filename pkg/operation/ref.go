package operation

import (
	"context"
	"time"
)

// Ref names an operation. It is also the input of a workflow execution.
type Ref struct {
	Tenant      string `json:"tenant"`
	OperationID string `json:"operation_id"`
}

// DueList is what the reconciler's index shows at a time.
type DueList struct {
	// Refs are a fair share of what is due: no tenant's backlog hides what is due for another. Each
	// tenant's operations come in the order in which they became due.
	Refs []Ref
	// Total counts all entries that were found due, and OldestAt is where the first of them stands.
	// Both are at least that if the index holds more than one run reads.
	Total    int
	OldestAt time.Time
}

// ByRef adapts a use case to the workflow's input.
func ByRef[T any](run func(ctx context.Context, tenant, id string) (T, error)) func(context.Context, Ref) (T, error) {
	return func(ctx context.Context, r Ref) (T, error) { return run(ctx, r.Tenant, r.OperationID) }
}
