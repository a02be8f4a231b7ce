package orchestrator

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

const (
	// maxPages ends a list that has no end. Time ends the others: a hundred items to the page.
	maxPages = 100
	// pageTime is how much time has to be left for a page to be asked for. A page that our own clock
	// cuts off would look like an agent which does not answer.
	pageTime = 10 * time.Second
)

// bound limits the time for one list. The budget of the run counts as well.
func (l *lookUp) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	bounded, cancel := context.WithTimeout(ctx, pollTimeout)
	if d, _ := bounded.Deadline(); l.until.IsZero() || d.Before(l.until) {
		return bounded, cancel
	}
	cancel()
	return context.WithDeadline(ctx, l.until)
}

// extent is how much of a list was read.
type extent struct {
	// all: as far as one can tell, it was read to its end, and the agent left nothing out.
	all bool
	// proven: the agent says itself that this is all.
	proven bool
}

// pages calls a listing tool for one page after the other, a hundred items to each (contract G7),
// until read has seen enough, there is none left, or the time is over. The items are in the member
// list. Each question has the request's account and,
// in the releases that want one, a fresh key.
func (l *lookUp) pages(ctx context.Context, tool, list string, arguments map[string]any,
	read func(item json.RawMessage) (enough bool)) (extent, error) {
	account, err := accountOf(l.request)
	if err != nil {
		return extent{}, err
	}
	if len(account) > 0 {
		arguments["account"] = account
	}
	maps.Copy(arguments, askIn(releaseOf(l.op, l.profile), tool))
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
	whole, last, seen := true, "", 0
	for n := 0; n < maxPages && (n == 0 || starting.Err() == nil); n++ {
		p, err := l.page(ctx, starting, tool, list, arguments)
		if err != nil {
			return extent{}, err
		}
		enough := slices.ContainsFunc(p.items, read)
		whole, seen = whole && p.success, seen+len(p.items)
		if enough || !p.more || p.cursor == "" || p.cursor == last {
			all := whole && !p.more
			return extent{all, all && p.last && p.total <= seen}, nil
		}
		last = p.cursor
		pagination["cursor"] = p.cursor
	}
	return extent{}, nil
}
