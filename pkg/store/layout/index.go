package layout

import "time"

// Index is a sparse index of the table: an item stands in it while it has both attributes. An index
// has keys only, so that a change of an item's other attributes writes nothing to it; what it names
// is read again from the table.
type Index struct{ Name, PK, SK string }

// The indexes of the table.
var (
	// DueIndex has what the reconciler looks at, by shard and time.
	DueIndex = Index{"due", "due_pk", "due_at"}
	// ListIndex has everything that the API lists, by tenant, kind and time.
	ListIndex = Index{"list", "list_pk", "list_sk"}
	// AgentIndex has operations by tenant and agent, open and ended apart.
	AgentIndex = Index{"agent", "agent_pk", "agent_sk"}
	// StateIndex has operations by tenant and state.
	StateIndex = Index{"state", "state_pk", "state_sk"}
	// AttentionIndex has operations that a person should look at, by tenant.
	AttentionIndex = Index{"attention", "attention_pk", "attention_sk"}
)

// Indexes are all indexes of the table.
var Indexes = []Index{DueIndex, ListIndex, AgentIndex, StateIndex, AttentionIndex}

// The kinds of what the API lists.
const (
	KindKeys  = "keys"
	KindAudit = "audit"
)

// ListEntry returns the attributes by which an item is listed. They never change.
func ListEntry(tenant, kind string, at time.Time, id string) Item {
	return Item{ListIndex.PK: ListPartition(tenant, kind), ListIndex.SK: Timestamp(at) + "#" + id}
}

// ListPartition is the partition of the list index that has a tenant's items of a kind.
func ListPartition(tenant, kind string) string { return tenant + "#" + kind }
