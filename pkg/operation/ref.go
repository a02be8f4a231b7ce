package operation

import "context"

// Ref names an operation. It is also the input of a workflow execution.
type Ref struct {
	Tenant      string `json:"tenant"`
	OperationID string `json:"operation_id"`
}

// ByRef adapts a use case to the workflow's input.
func ByRef[T any](run func(ctx context.Context, tenant, id string) (T, error)) func(context.Context, Ref) (T, error) {
	return func(ctx context.Context, r Ref) (T, error) { return run(ctx, r.Tenant, r.OperationID) }
}
