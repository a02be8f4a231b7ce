package layout

import (
	"time"

	"adcp-orchestrator/pkg/digest"
	"adcp-orchestrator/pkg/operation"
)

// Range is a stretch of one partition of an index, or of the references by one name. Both ends
// belong to it.
type Range struct {
	Index      Index // without a name for references, which are items of the table
	PK, Lo, Hi string
	prefix     string // of the sort keys, before the position
}

// The first and the last text that a position can begin with: positions are printable ASCII.
const (
	firstPosition = "0"
	lastPosition  = "~"
)

// justBehind sorts after every sort key of a position, which may go on with '#', and before all
// that follow. justBefore sorts before them, and after all others: DynamoDB has no range without
// its ends.
func justBehind(position string) string { return position + "$" }
func justBefore(position string) string {
	last := len(position) - 1
	return position[:last] + string(position[last]-1) + lastPosition
}

// Ranges are the stretches that a list reads, merged in the order of positions: of the most
// selective index. What it does not select by is left to ListQuery.Matches.
func Ranges(tenant string, q operation.ListQuery) (ranges []Range) {
	add := func(x Index, pk, prefix string, byCreation bool) {
		r := Range{Index: x, PK: pk, Lo: prefix + firstPosition, Hi: prefix + lastPosition, prefix: prefix}
		if byCreation && !q.CreatedAfter.IsZero() {
			r.Lo = prefix + Timestamp(q.CreatedAfter.Truncate(time.Millisecond).Add(time.Millisecond))
		}
		if byCreation && !q.CreatedBefore.IsZero() {
			r.Hi = prefix + Timestamp(q.CreatedBefore.Truncate(time.Millisecond))
		}
		if q.After != "" {
			r = r.Behind(q.After, q.Ascending)
		}
		if r.Lo <= r.Hi { // the table refuses any other
			ranges = append(ranges, r)
		}
	}
	t := tenant + "#"
	switch name := nameOf(q); {
	case name != "":
		add(Index{}, RefKey(tenant, name).Text("pk"), "", true)
	case q.Attention:
		add(AttentionIndex, tenant, "", false)
	case q.AgentID != "":
		for _, group := range []string{OpenPrefix, EndedPrefix} {
			if inGroup(q.States, group == EndedPrefix) {
				add(AgentIndex, t+q.AgentID, group, true)
			}
		}
	case len(q.States) > 0:
		for _, s := range q.States {
			add(StateIndex, t+string(s), "", true)
		}
	default:
		add(ListIndex, t+KindOperations, "", true)
	}
	return ranges
}

// inGroup reports whether a list of those states shows ended operations, or open ones.
func inGroup(states []operation.State, ended bool) bool {
	for _, s := range states {
		if s.Terminal() == ended {
			return true
		}
	}
	return len(states) == 0
}

func nameOf(q operation.ListQuery) string {
	for _, name := range []string{q.MediaBuyID, q.TaskID, q.PONumber, q.Any} {
		if name != "" {
			return name
		}
	}
	return ""
}

// Behind is the rest of a range behind a position, which is not empty.
func (r Range) Behind(position string, ascending bool) Range {
	if ascending {
		r.Lo = max(r.Lo, r.prefix+justBehind(position))
	} else {
		r.Hi = min(r.Hi, r.prefix+justBefore(position))
	}
	return r
}

// StateRange is the whole partition of a state, AttentionRange that of what needs a person.
func StateRange(tenant string, s operation.State) Range {
	return Ranges(tenant, operation.ListQuery{States: []operation.State{s}})[0]
}

// AttentionRange is the whole partition of what needs a person.
func AttentionRange(tenant string) Range {
	return Ranges(tenant, operation.ListQuery{Attention: true})[0]
}

// RefKey is the key of the references by a name: the name itself is not in it, so that it may have
// any length and form.
func RefKey(tenant, name string) Item { return Key(tenant, "ref", digest.Hex(name), SKOnly) }

// RefItem is the item by which an operation is found under a name. It expires with the operation.
func RefItem(op operation.Operation, name string) Item {
	i := RefKey(op.Tenant, name).With(Item{"sk": Position(op.CreatedAt, op.ID)})
	return expire(i, op.ExpiresAt)
}

// RefItems are the references that a change writes. One by a name that the operation has no longer
// is left to the table to delete.
func RefItems(c operation.Change) (items []Item) {
	for _, name := range c.Names {
		items = append(items, RefItem(c.Op, name))
	}
	for _, name := range c.FormerNames {
		items = append(items, RefItem(c.Op, name).Until(c.Op.UpdatedAt))
	}
	return items
}
