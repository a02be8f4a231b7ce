package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/validation"
)

const operationsPath = "/v1/operations"

// The groups of states that a list can be filtered by.
const (
	stateOpen  = "open"
	stateEnded = "ended"
)

// ListOperations serves GET /v1/operations: a page of the tenant's operations, the newest first. It
// may be short, or empty, although there is a next one: what a page costs is bounded, whatever is
// stored.
func (a API) ListOperations(s orchestrator.OperationReader) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		q, err := readListQuery(r)
		if err != nil {
			return Response{}, err
		}
		found, err := s.List(ctx, r.Principal.Tenant, q)
		if err != nil {
			return Response{}, err
		}
		p := page[json.RawMessage]{Self: a.pageURL(operationsPath, r, "")}
		var next string
		if p.Items, next, err = a.fitting(found); err != nil {
			return Response{}, err
		}
		if next != "" {
			p.Next = a.pageURL(operationsPath, r, next)
		}
		return Response{Status: http.StatusOK, Body: p}, nil
	}
}

// fitting writes those operations of a page that an answer can be delivered with. The others are on
// the next one, which begins at next: what agents say has no size that would fit a whole page.
func (a API) fitting(found operation.ListPage) (items []json.RawMessage, next string, err error) {
	items = []json.RawMessage{}
	room := maxAnswer
	for n, op := range found.Items {
		text, err := json.Marshal(a.View(op))
		if err != nil {
			return nil, "", err
		}
		if room -= lambdaSize(text) + 1; room < 0 && n > 0 {
			return items, found.Places[n-1], nil
		}
		items = append(items, text)
	}
	return items, found.Next, nil
}

func readListQuery(r Request) (q operation.ListQuery, err error) {
	p := r.params()
	attention := p.oneOf("needs_attention", append([]string{"true"}, names(operation.Reasons())...)...)
	if attention != "" && attention != "true" {
		q.Reason = operation.Reason(attention)
	}
	q = operation.ListQuery{
		States:        statesOf(p.oneOf("state", append([]string{stateOpen, stateEnded}, names(operation.States())...)...)),
		Attention:     attention != "",
		Reason:        q.Reason,
		AgentID:       p.text("agent_id"),
		Type:          adcp.Task(p.oneOf("type", names(adcp.Tasks())...)),
		CreatedAfter:  p.time("created_after"),
		CreatedBefore: p.time("created_before"),
		UpdatedAfter:  p.time("updated_after"),
		UpdatedBefore: p.time("updated_before"),
		PONumber:      p.text("po_number"),
		MediaBuyID:    p.text("media_buy_id"),
		TaskID:        p.text("task_id"),
		Any:           p.text("q"),
		Ascending:     p.oneOf("sort", "-created_at", "created_at") == "created_at",
		Limit:         p.limit(),
	}
	if q.AgentID != "" && !registry.AgentIDForm().MatchString(q.AgentID) {
		p.checks.Add("agent_id", validation.InvalidValue, "must match "+registry.AgentIDForm().String(),
			"send the id of an agent")
	}
	if err := p.err(); err != nil {
		return q, err
	}
	q.After, err = readCursor(r)
	return q, err
}

func names[T ~string](values []T) (names []string) {
	for _, v := range values {
		names = append(names, string(v))
	}
	return names
}

func statesOf(state string) []operation.State {
	switch state {
	case "":
		return nil
	case stateOpen:
		return operation.OpenStates()
	case stateEnded:
		return operation.EndStates()
	}
	return []operation.State{operation.State(state)}
}

// count is how many there are; more: there are more than were counted.
type count struct {
	Count int  `json:"count"`
	More  bool `json:"more,omitempty"`
}

func (c *count) add(o operation.Count) { c.Count, c.More = c.Count+o.N, c.More || o.More }

// operationCounts is the answer to GET /v1/operations/counts.
type operationCounts struct {
	States         map[operation.State]count `json:"states"`
	Open           count                     `json:"open"`
	Ended          count                     `json:"ended"`
	NeedsAttention count                     `json:"needs_attention"`
}

// CountOperations serves GET /v1/operations/counts: how many operations the tenant has in each
// state, and how many need a person. Counting is bounded: beyond it the answer says that there are
// more.
func (a API) CountOperations(s orchestrator.OperationReader) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		found, err := s.Counts(ctx, r.Principal.Tenant)
		if err != nil {
			return Response{}, err
		}
		v := operationCounts{States: map[operation.State]count{}}
		for state, c := range found.States {
			v.States[state] = count{c.N, c.More}
			if state.Terminal() {
				v.Ended.add(c)
			} else {
				v.Open.add(c)
			}
		}
		v.NeedsAttention.add(found.Attention)
		return Response{Status: http.StatusOK, Body: v}, nil
	}
}

// acceptsText reports whether a client wants text to read, and no JSON before it.
func (r Request) acceptsText() bool {
	for _, part := range strings.Split(strings.Join(r.Header.Values("Accept"), ","), ",") {
		media, _, _ := strings.Cut(part, ";")
		switch media = strings.ToLower(strings.TrimSpace(media)); {
		case media == "text/plain":
			return true
		case slices.Contains([]string{"application/json", "application/*"}, media):
			return false
		}
	}
	return false
}

// textHeader are the headers of an answer in text.
func textHeader() map[string]string {
	return map[string]string{"Content-Type": "text/plain; charset=utf-8", "Vary": "Accept"}
}
