package operation

import "adcp-orchestrator/pkg/adcp"

// SchemaVersion is the latest form of an operation's document that this code knows. It grows when
// older code would do harm by changing a newer document, though it keeps the members that it does
// not know. Older code may read such a document and must not write over it: stores refuse that with
// store.ErrNewerSchema.
const SchemaVersion = 3

// WrittenSchema is the schema of the operation's document.
//
// Code that knows schema 2 would call the agent of an operation that is paused, and would end one
// that is to be canceled without making the cancellation. When neither stands any more, it may go
// on.
//
// Code that knows schema 1 only knows these tasks. Of any other it would not know that it buys: it
// would send it again to an agent that does not deduplicate, or free its natural key.
func (op *Operation) WrittenSchema() int {
	if op.Braked() || op.Cancellation.stands() {
		return 3
	}
	switch op.Type {
	case adcp.CreateMediaBuy, adcp.UpdateMediaBuy, adcp.SyncCreatives, adcp.BuildCreative, adcp.GetProducts,
		adcp.GetSignals, adcp.ActivateSignal, adcp.SyncCatalogs, adcp.SyncAccounts, adcp.SyncAudiences:
		return 1
	}
	return 2
}
