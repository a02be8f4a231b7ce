package operation

// Ref names an operation.
type Ref struct {
	Tenant      string `json:"tenant"`
	OperationID string `json:"operation_id"`
}
