package layout

import (
	"strings"
	"time"

	"adcp-orchestrator/pkg/operation"
)

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
	KindOperations = "ops"
	KindKeys       = "keys"
	KindAudit      = "audit"
	KindAgents     = "agents"
	KindQuarantine = "quarantine"
)

// ListPartition is the partition of the list index that has a tenant's items of a kind.
func ListPartition(tenant, kind string) string { return tenant + "#" + kind }

// OpenPrefix and EndedPrefix begin the sort keys of the agent index.
const (
	OpenPrefix  = "o#"
	EndedPrefix = "e#"
)

// ListEntry is the place of an item in the list index, as attributes of the item: those of one kind
// in the order of their creation. It never changes.
func ListEntry(tenant, kind string, created time.Time, id string) Item {
	return ListIndex.entry(ListPartition(tenant, kind), Position(created, id))
}

// Position is the place of something in a list: it is unique, and sorts by time.
func Position(at time.Time, id string) string { return Timestamp(at) + "#" + id }

func (x Index) entry(pk, sk string) Item { return Item{x.PK: pk, x.SK: sk} }

// operationEntries are the places of an operation in the indexes that the API lists by, as
// attributes of its item. Behind the position each sort key has the type, which never changes, and
// that of the attention index the reason: a list by one of them reads no other operations.
func operationEntries(op operation.Operation) Item {
	t, group := op.Tenant+"#", OpenPrefix
	if op.State.Terminal() {
		group = EndedPrefix
	}
	created := Position(op.CreatedAt, op.ID) + "#" + string(op.Type)
	i := ListIndex.entry(t+KindOperations, created).
		With(AgentIndex.entry(t+op.AgentID, group+created)).
		With(StateIndex.entry(t+string(op.State), created))
	if a := op.Attention; a != nil {
		since := Position(a.Since, op.ID) + "#" + string(op.Type) + "#" + string(a.Reason)
		i = i.With(AttentionIndex.entry(op.Tenant, since))
	}
	return i
}

// Entry is what an index shows of an operation, or a reference by one of its names.
type Entry struct {
	Index Index // without a name for a reference
	// PK and SK are the entry's key.
	PK, SK string
	// Position is the operation's place in the list, ID its id. Type and Reason are empty where the
	// entry does not say them.
	Position, ID, Type, Reason string
}

// ReadEntry reads an entry of an index. ok is false for one that is no operation's.
func ReadEntry(x Index, pk, sk string) (e Entry, ok bool) {
	e = Entry{Index: x, PK: pk, SK: sk}
	rest := strings.TrimPrefix(strings.TrimPrefix(sk, OpenPrefix), EndedPrefix)
	at, rest, ok := strings.Cut(rest, "#")
	if !ok {
		return e, false
	}
	e.ID, rest, _ = strings.Cut(rest, "#")
	e.Type, e.Reason, _ = strings.Cut(rest, "#")
	e.Position = at + "#" + e.ID
	return e, true
}

// Holds reports whether an operation's item is still where the entry says. The index lags behind
// the table.
func (e Entry) Holds(stored Item) bool {
	return stored != nil && (e.Index.Name == "" ||
		stored.Text(e.Index.PK) == e.PK && stored.Text(e.Index.SK) == e.SK)
}

// SamePlace reports whether an operation's item has the place in the list that the entry says,
// whichever part of the index it stands in by now: the place is the same in all of them.
func (e Entry) SamePlace(stored Item) bool {
	if stored == nil || e.Index.Name == "" {
		return stored != nil
	}
	now, ok := ReadEntry(e.Index, stored.Text(e.Index.PK), stored.Text(e.Index.SK))
	return ok && now.Position == e.Position
}
