package operation

import (
	"slices"
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// ListQuery says which operations of a tenant a list shows, and which page of it. An empty member
// filters nothing; an operation has to fit all others. Times count to the millisecond.
type ListQuery struct {
	States []State
	// Attention: only those that need a person, for Reason if that is not empty. Such a list is in the
	// order in which attention was raised; every other one in the order of creation.
	Attention bool
	Reason    Reason
	AgentID   string
	Type      adcp.Task
	// Created and updated strictly after, and strictly before.
	CreatedAfter, CreatedBefore, UpdatedAfter, UpdatedBefore time.Time
	// The exact names. Any is one of them, the operation's id, or its Idempotency-Key.
	PONumber, TaskID, MediaBuyID, Any string
	// Ascending: the oldest come first.
	Ascending bool
	// After is the place behind which the page begins: Next of the page before, "" for the first one.
	After string
	// Limit is how many operations a page has at most.
	Limit int
}

// ListPage is a page of a list. It may be short, or empty, although others follow.
type ListPage struct {
	Items []Operation
	// Places are those of the items: a page may begin behind each.
	Places []string
	// Next is the place where the next page begins, "" if there is none.
	Next string
}

// Matches reports whether an operation fits, apart from Any.
func (q *ListQuery) Matches(op Operation) bool {
	return (len(q.States) == 0 || slices.Contains(q.States, op.State)) &&
		(!q.Attention || op.Attention != nil && (q.Reason == "" || op.Attention.Reason == q.Reason)) &&
		matches(q.AgentID, op.AgentID) && matches(q.Type, op.Type) && matches(q.PONumber, op.PONumber) &&
		matches(q.TaskID, op.TaskID) && matches(q.MediaBuyID, op.MediaBuyID) &&
		between(q.CreatedAfter, op.CreatedAt, q.CreatedBefore) && between(q.UpdatedAfter, op.UpdatedAt, q.UpdatedBefore)
}

func matches[T comparable](wanted, is T) bool {
	var any T
	return wanted == any || wanted == is
}

func between(after, at, before time.Time) bool {
	at = at.Truncate(time.Millisecond)
	return (after.IsZero() || at.After(after.Truncate(time.Millisecond))) &&
		(before.IsZero() || at.Before(before.Truncate(time.Millisecond)))
}

// OpenStates are the states of operations that have not ended, EndStates those of the others.
func OpenStates() []State { return slices.DeleteFunc(States(), State.Terminal) }

// EndStates are the states of operations that have ended.
func EndStates() []State { return slices.Clone(ends) }

// Names are the texts by which an operation is found, beside its id and its idempotency keys.
func (op *Operation) Names() (names []string) {
	for _, name := range []string{op.PONumber, op.TaskID, op.MediaBuyID} {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// Renamed returns the names that an operation has and did not have before, and those that it has no
// longer.
func (op *Operation) Renamed(before Operation) (gained, lost []string) {
	is, was := op.Names(), before.Names()
	for _, name := range is {
		if !slices.Contains(was, name) {
			gained = append(gained, name)
		}
	}
	for _, name := range was {
		if !slices.Contains(is, name) {
			lost = append(lost, name)
		}
	}
	return gained, lost
}

// Count is how many operations were counted; More says that there are more than were looked at.
type Count struct {
	N    int
	More bool
}

// Counts are how many operations of a tenant are in each state, and how many need a person.
type Counts struct {
	States    map[State]Count
	Attention Count
}

// How far operations are counted: what a count costs does not grow with what is stored.
const (
	MaxStateCount     = 1000
	MaxAttentionCount = 200
)
