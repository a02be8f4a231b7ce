// Package audit describes who did what with the API: acts that changed something, acts that were
// refused, and reads of results. An event is written once and never changed.
package audit

import (
	"context"
	"strings"
	"time"
)

// KeepFor is how long an event is kept.
const KeepFor = 400 * 24 * time.Hour

// Actor is who did something: by the credential of the request.
type Actor struct {
	Type    string `json:"type"`
	ID      string `json:"id"`
	Name    string `json:"name,omitempty"`
	Unknown string `json:"-" document:"unknown"`
}

// Event is one act.
type Event struct {
	ID     string    `json:"id"`
	Tenant string    `json:"tenant"`
	At     time.Time `json:"at"`
	Actor  Actor     `json:"actor"`
	// Action is what was asked for, as "operation.cancel".
	Action string `json:"action"`
	// Resource is what it was asked of, as "operations/op_1".
	Resource  string  `json:"resource"`
	Outcome   Outcome `json:"outcome"`
	RequestID string  `json:"request_id"`
	// SourceIP is the address that the request came from.
	SourceIP string `json:"source_ip,omitempty"`
	// OnBehalfOf is the person that the request says it is sent for: a claim.
	OnBehalfOf string `json:"on_behalf_of,omitempty"`
	Unknown    string `json:"-" document:"unknown"`
}

// Outcome is what became of an act.
type Outcome string

// The outcomes. Refused and Failed are followed by the code of the problem.
const (
	Taken Outcome = "taken"
	// Repeated: the act was taken before, and changed nothing now.
	Repeated Outcome = "repeated"
	// Shown: a result was read.
	Shown   Outcome = "shown"
	Refused Outcome = "refused:"
	// Failed: whether the act was taken is not known.
	Failed Outcome = "failed:"
)

// Query selects events, the newest first. Empty fields select all.
type Query struct {
	ActorID, Action string
	// Resource is a resource, or what it begins with up to a slash: "operations" has all operations.
	Resource string
	// From is the first time, To the end, which is not included.
	From, To time.Time
	// After is an earlier page's next.
	After string
	Limit int
}

// Has reports whether an event is selected, as far as its own members say.
func (q Query) Has(e Event) bool {
	return (q.ActorID == "" || q.ActorID == e.Actor.ID) && (q.Action == "" || q.Action == e.Action) &&
		(q.Resource == "" || q.Resource == e.Resource || strings.HasPrefix(e.Resource, q.Resource+"/"))
}

// MaxLooked is how many events one page looks at: a page of rare events can be short, or empty,
// and have a next one all the same.
const MaxLooked = 500

// Page calls read for parts of the log until it has a page of selected events, or has looked at
// MaxLooked. read returns at most n events after a position, and the position of the next part.
func (q Query) Page(read func(after string, n int) (part []Event, next string, err error)) (
	page []Event, next string, err error) {
	next = q.After
	for looked := 0; looked < MaxLooked && len(page) < q.Limit; {
		var part []Event
		n := q.Limit - len(page) // what is read is shown, so that next is a position of the log
		if q.filters() {
			n = MaxLooked / 5
		}
		after := next
		if part, next, err = read(after, n); err != nil {
			return nil, "", err
		}
		looked += n
		for i, e := range part {
			if !q.Has(e) {
				continue
			}
			if page = append(page, e); len(page) == q.Limit && i < len(part)-1 {
				return page, Position(e), nil
			}
		}
		if next == "" {
			break
		}
	}
	return page, next, nil
}

func (q Query) filters() bool { return q.ActorID != "" || q.Action != "" || q.Resource != "" }

// positionForm is that of the list index.
const positionForm = "2006-01-02T15:04:05.000Z"

// Position is where an event stands in the log.
func Position(e Event) string { return e.At.UTC().Format(positionForm) + "#" + e.ID }

// Store keeps events.
type Store interface {
	Log
	// AuditEvents lists a page. An event of the last moment can be missing.
	AuditEvents(ctx context.Context, tenant string, q Query) (page []Event, next string, err error)
}

// Log is where events are written.
type Log interface {
	// AddAuditEvent stores an event once: one with an id that is stored changes nothing.
	AddAuditEvent(ctx context.Context, e Event) error
}
