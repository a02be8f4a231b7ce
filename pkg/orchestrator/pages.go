package orchestrator

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"adcp-orchestrator/pkg/adcp"
)

const (
	// maxPages ends a list that has no end. Time ends the others: a hundred items to the page.
	maxPages = 100
	// pageTime is how much time has to be left for a page to be asked for. A page that our own clock
	// cuts off would look like an agent which does not answer.
	pageTime = 10 * time.Second
)

// page is a page of a list.
type page struct {
	members map[string]json.RawMessage
	more    bool
	cursor  string
	partial bool // the agent reports errors beside the items
}

// items returns the items of a page. A page without the list is no page: it proves nothing.
func (p page) items(name string) (items []json.RawMessage, err error) {
	if p.members[name] == nil {
		return nil, errors.New("no " + name)
	}
	return items, json.Unmarshal(p.members[name], &items)
}

// bound limits the time for one list. The budget of the run counts as well.
func (l *lookUp) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	bounded, cancel := context.WithTimeout(ctx, pollTimeout)
	if d, _ := bounded.Deadline(); l.until.IsZero() || d.Before(l.until) {
		return bounded, cancel
	}
	cancel()
	return context.WithDeadline(ctx, l.until)
}

// pages calls a listing tool for one page after the other, a hundred items to each (contract G7),
// until read has seen enough, there is none left, or the time is over. Each question has the
// request's account and a fresh key. all is false if it gave up before the last page, or if the
// agent left something out.
func (l *lookUp) pages(ctx context.Context, tool string, arguments map[string]any,
	read func(page) (enough bool, err error)) (all bool, err error) {
	account, err := accountOf(l.request)
	if err != nil {
		return false, err
	}
	if len(account) > 0 {
		arguments["account"] = account
	}
	arguments["adcp_version"] = cmp.Or(l.op.Call.ADCPVersion, adcp.Version)
	pagination := map[string]any{"max_results": 100}
	arguments["pagination"] = pagination
	for _, member := range l.leftOut[tool] {
		delete(arguments, member)
	}
	starting := ctx
	if d, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		starting, cancel = context.WithDeadline(ctx, d.Add(-pageTime))
		defer cancel()
	}
	whole, last := true, ""
	for n := 0; n < maxPages && (n == 0 || starting.Err() == nil); n++ {
		p, err := l.page(ctx, tool, arguments)
		if err != nil {
			return false, err
		}
		enough, err := read(p)
		if err != nil {
			return false, &adcp.CallError{Outcome: adcp.Refused, Cause: errors.New(tool + " could not be read")}
		}
		whole = whole && !p.partial
		if enough || !p.more || p.cursor == "" || p.cursor == last {
			return whole && !p.more, nil
		}
		last = p.cursor
		pagination["cursor"] = p.cursor
	}
	return false, nil
}

// page asks for one page. If the agent refuses a member that a look-up can do without, it is asked
// once more without it. An AdCP error is returned as a *adcp.CallError.
func (l *lookUp) page(ctx context.Context, tool string, arguments map[string]any) (page, error) {
	for {
		arguments["idempotency_key"] = l.newKey()
		raw, err := json.Marshal(arguments)
		if err != nil {
			return page{}, err
		}
		r, err := l.caller.Call(ctx, l.agent, tool, raw)
		if err != nil {
			return page{}, err
		}
		if r.Err == nil {
			p, err := readPage(r.Payload)
			if err != nil {
				err = &adcp.CallError{Outcome: adcp.Refused, Cause: errors.New(tool + " could not be read")}
			}
			return p, err
		}
		member := dispensable(r.Err, arguments)
		if member == "" {
			return page{}, &adcp.CallError{Outcome: adcp.Refused, RetryAfter: r.Err.RetryAfter, Code: r.Err.Code,
				Cause: errors.New(tool + ": " + r.Err.Describe())}
		}
		delete(arguments, member)
		l.leftOut[tool] = append(l.leftOut[tool], member)
	}
}

// dispensable returns the member of a question that an agent refuses and a poll or a look-up can do
// without, "" if there is none. Whether something belongs to the operation is decided by the task's
// id or by the id in its context, so the account adds nothing; real agents that don't filter by
// account refuse it and name no field. An agent without the version of the purchase may choose one
// (contract B31).
func dispensable(e *adcp.Error, arguments map[string]any) string {
	member, _, _ := strings.Cut(strings.TrimLeft(e.Field, "$./"), ".")
	member, _, _ = strings.Cut(member, "[")
	_, named := arguments[member]
	wrong := e.Code == "VALIDATION_ERROR" || e.Code == "INVALID_REQUEST" || e.Code == "UNSUPPORTED_FEATURE"
	switch {
	case e.Code == "VERSION_UNSUPPORTED":
		member = "adcp_version"
	case e.Recovery != adcp.Correctable:
		return ""
	case !named && wrong:
		member = "account"
	case !slices.Contains([]string{"account", "adcp_version", "sort", "status_filter"}, member):
		return ""
	}
	if _, sent := arguments[member]; !sent {
		return ""
	}
	return member
}

func readPage(payload json.RawMessage) (p page, err error) {
	var read struct {
		Pagination struct {
			More   bool   `json:"has_more"`
			Cursor string `json:"cursor"`
		} `json:"pagination"`
		Errors []json.RawMessage `json:"errors"`
	}
	err = errors.Join(json.Unmarshal(payload, &p.members), json.Unmarshal(payload, &read))
	p.more, p.cursor, p.partial = read.Pagination.More, read.Pagination.Cursor, len(read.Errors) > 0
	return p, err
}
