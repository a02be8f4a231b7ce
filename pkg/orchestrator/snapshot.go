package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
)

// readBuy reads the buy of a settled operation of which there is news: what is true of a buy is
// what get_media_buys shows (contract G13). It goes through the same gate as a poll. What it finds
// changes neither the operation's end nor its publication. err is reach's.
func (p Poll) readBuy(ctx context.Context, op operation.Operation, c contact, err error) (
	operation.Decision, error) {
	switch {
	case err != nil:
		return p.putOffBuy(ctx, op, c.profile, err)
	case c.waits.reason != "":
		wait := c.waits.slot.Sub(p.Deps.Now())
		return p.putOffFor(ctx, op, c.profile, wait, notRead, c.waits.describe())
	case c.late():
		return p.putOffFor(ctx, op, c.profile, 0, notRead, "no time was left to ask the agent")
	case !hasBuysTool(c.profile):
		return p.noSnapshot(ctx, op, c.profile)
	}
	request, err := p.Store.Request(ctx, op.Tenant, op.ID)
	if err != nil {
		return operation.Decision{}, err
	}
	id := op.BuyID()
	if id == "" {
		id = adcp.ReadBuyFacts(request).MediaBuyID // of a change, whose news named no buy
	}
	if id == "" {
		return p.noSnapshot(ctx, op, c.profile)
	}
	c.agent.Secrets = adcp.SecretsOf(request)
	seen, err := newLookUp(c, request, op, p.NewKey).standing(ctx, id)
	if err != nil {
		return p.putOffBuy(ctx, op, c.profile, err)
	}
	wanted := op.News.Read.Wanted
	return p.settled(ctx, op, c.profile, readAnswered,
		func(op *operation.Operation, now time.Time) (operation.Event, bool) {
			return op.TakeSnapshot(now, wanted, seen)
		})
}

// readOutcome is how a read of the buy went.
type readOutcome int

const (
	notRead      readOutcome = iota // the agent was not asked
	readAnswered                    // with a usable answer
	readFailed
)

// noSnapshot ends a read that nothing can answer.
func (p Poll) noSnapshot(ctx context.Context, op operation.Operation, known registry.Profile) (
	operation.Decision, error) {
	return p.settled(ctx, op, known, notRead, func(op *operation.Operation, now time.Time) (operation.Event, bool) {
		op.NoSnapshot(now)
		return operation.Event{}, false
	})
}

// putOffBuy tries a read later that has failed. An internal fault is returned: the workflow tries
// again.
func (p Poll) putOffBuy(ctx context.Context, op operation.Operation, known registry.Profile, cause error) (
	operation.Decision, error) {
	var ce *adcp.CallError
	if !errors.As(cause, &ce) {
		return operation.Decision{}, cause
	}
	opLog(op).WarnContext(ctx, "the buy could not be read", "error", ce)
	return p.putOffFor(ctx, op, known, ce.RetryAfter, readFailed, registry.DescribeCallError(ce))
}

func (p Poll) putOffFor(ctx context.Context, op operation.Operation, known registry.Profile, wait time.Duration,
	outcome readOutcome, detail string) (operation.Decision, error) {
	return p.settled(ctx, op, known, outcome, func(op *operation.Operation, now time.Time) (operation.Event, bool) {
		return op.PutOffSnapshot(now, wait, outcome == readFailed, detail)
	})
}

// settled stores what a read decides about a settled operation. Another run may have read the buy
// meanwhile: then nothing is due any more, and the outcome of this one counts all the same.
func (p Poll) settled(ctx context.Context, op operation.Operation, known registry.Profile, outcome readOutcome,
	decide func(*operation.Operation, time.Time) (operation.Event, bool)) (operation.Decision, error) {
	began := op.News.Read
	return p.planner(op, known).advance(ctx, op, func(op *operation.Operation, now time.Time) *operation.Change {
		if r := op.News.Read; !op.AwaitsSnapshot() || r.Done != began.Done || r.Failures != began.Failures {
			if outcome == notRead {
				return nil
			}
			op.OvertakenRead(now, outcome == readAnswered)
			return &operation.Change{}
		}
		c := &operation.Change{}
		if e, tell := decide(op, now); tell {
			c.Events = []operation.Event{e}
		}
		return c
	})
}

// standing reads one buy: by its id, and if the agent does not show it so, in the list of all
// statuses. Agents were seen that ignore ids and list active buys only, and that know neither
// member.
func (l *lookUp) standing(ctx context.Context, id string) (operation.BuySeen, error) {
	ctx, cancel := l.bound(ctx)
	defer cancel()
	var seen operation.BuySeen
	shown := 0
	read := func(raw json.RawMessage) (enough bool) {
		b := readBuy(raw)
		shown++
		if b == nil || b.ID != id {
			return false
		}
		seen.Found, seen.Facts = true, adcp.ReadBuyFacts(raw)
		seen.Unconfirmed = textOf(b.ConfirmedAt) == ""
		seen.Ours = carriesID(b.Context, l.op.ID)
		return true
	}
	_, err := l.pages(ctx, buysTool, "media_buys", map[string]any{"media_buy_ids": []string{id}}, read)
	if seen.Found || err != nil && !answered(err) && !knowsNoBuy(err) {
		return seen, err
	}
	shown = 0
	list, err := l.pages(ctx, buysTool, "media_buys", map[string]any{"status_filter": buyStatuses}, read)
	if err != nil || seen.Found {
		return seen, err
	}
	left := l.leftOut[buysTool]
	seen.Gone = list.proven && shown > 0 && !slices.Contains(left, "status_filter") && !slices.Contains(left, "account")
	return seen, nil
}

// knowsNoBuy reports whether the agent answers that it knows no buy of the id.
func knowsNoBuy(err error) bool {
	var ce *adcp.CallError
	return errors.As(err, &ce) && (ce.Code == "MEDIA_BUY_NOT_FOUND" || ce.Code == "REFERENCE_NOT_FOUND")
}
