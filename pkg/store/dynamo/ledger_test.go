package dynamo_test

import (
	"slices"
	"sync"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store/layout"
)

// ledger knows what writers have written, are about to write, and what of it a list has to show.
type ledger struct {
	mu      sync.Mutex
	written map[string]operation.Operation // by id, as they were acknowledged
	sent    map[string]operation.Operation // and as they may be stored by now
	place   func(operation.Operation) (place, part string)
	must    map[string]*due // by id, what the list being read has to show
	most    string          // the highest of their places
}

// due is a row that has to be shown at a place. It has moved if it went from one part of the list
// to another meanwhile.
type due struct {
	place, part string
	moved       bool
}

func newLedger() *ledger {
	return &ledger{written: map[string]operation.Operation{}, sent: map[string]operation.Operation{},
		must: map[string]*due{}}
}

// placeIn returns where a list shows an operation, "" for nowhere, and in which of its parts: a
// list of several states is merged from one part for each.
func placeIn(q operation.ListQuery) func(operation.Operation) (place, part string) {
	ranges := layout.Ranges("", q)
	return func(op operation.Operation) (place, part string) {
		switch {
		case !q.Matches(op) || q.Any != "" && !slices.Contains(append(op.Names(), op.ID), q.Any):
			return "", ""
		case q.Attention:
			return layout.Position(op.Attention.Since, op.ID), ""
		case len(ranges) > 1 && ranges[0].Index == layout.StateIndex:
			part = string(op.State)
		}
		return layout.Position(op.CreatedAt, op.ID), part
	}
}

// begin notes what a list has to show that is read from now on.
func (l *ledger) begin(q operation.ListQuery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.place, l.must, l.most = placeIn(q), map[string]*due{}, ""
	for id, op := range l.written {
		at, part := l.place(op)
		if at == "" {
			continue
		}
		l.must[id], l.most = &due{place: at, part: part}, max(l.most, at)
		if sent, ok := l.sent[id]; ok {
			l.leaves(sent)
		}
	}
}

// leaves notes that an operation may not be in its place any more, or not in its part.
func (l *ledger) leaves(op operation.Operation) {
	d, at, part := l.must[op.ID], "", ""
	if d != nil {
		at, part = l.place(op)
	}
	switch {
	case d == nil:
	case at != d.place:
		delete(l.must, op.ID)
	default:
		d.moved = d.moved || part != d.part
	}
}

// sending notes what is about to be written: the list need not show what leaves its place.
func (l *ledger) sending(ops []operation.Operation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, op := range ops {
		l.sent[op.ID] = op
		l.leaves(op)
	}
}

// acknowledged notes what was written.
func (l *ledger) acknowledged(ops []operation.Operation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, op := range ops {
		l.written[op.ID] = op
		delete(l.sent, op.ID)
	}
}

// missing returns how many operations a list had to show, which of them it has not shown, and how
// many of those that have moved from one of its parts to another.
func (l *ledger) missing(shown map[string]int) (must int, ids []string, moved int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, d := range l.must {
		switch {
		case shown[id] > 0:
		case d.moved:
			moved++
		default:
			ids = append(ids, id)
		}
	}
	return len(l.must), ids, moved
}
