package orchestrator

import (
	"context"
	"errors"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/digest"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
)

// The reasons why a replay is refused although its delivery is kept.
var (
	// ErrAlreadyApplied: the agent has sent the delivery again meanwhile, and that was applied.
	ErrAlreadyApplied = errors.New("the same delivery has been applied since")
	// ErrEnded: the operation has ended, and the delivery says nothing that is kept after an end.
	ErrEnded = errors.New("the operation has ended")
)

// Replay is a kept delivery that a person has applied.
type Replay struct {
	// ID is the quarantined delivery's, Actor who replays it.
	ID    string
	Actor operation.Actor
	// Arrival is what was verified when the delivery came.
	Arrival inbox.Arrival
}

// Replay applies a webhook that came in by registered's callback and was authenticated then: as Run
// does, with the same binding, deduplication and convergence. The timeline names the actor. What it
// contradicts changes nothing, and neither does an observation of what has ended: the verdict says
// so. The replay claims the delivery's own key, in the write that applies it, so that the agent's
// own repetition and another replay change nothing, wherever this one dies: then First is false.
//
// It returns the errors of Run, ErrAlreadyApplied or ErrEnded, each with the verdict if there is
// one.
func (r Receive) Replay(ctx context.Context, registered operation.Operation, w adcp.Webhook, p Replay) (
	ReceiveResult, error) {
	target, o, err := r.observe(ctx, registered, w, p.Arrival.TokenHash)
	if err != nil && !errors.Is(err, ErrTooMany) { // which a person may overrule
		return ReceiveResult{Operation: target}, err
	}
	keyHash := digest.Hex(w.IdempotencyKey)
	got := ReceiveResult{Operation: target, First: true}
	var pollSoon, applies bool
	got.Operation, err = updateFrom(ctx, r.Store, target, func(op operation.Operation) (*operation.Change, error) {
		ended := op.State.Terminal()
		var c *operation.Change
		c, got.Verdict, pollSoon = r.change(op, o, keyHash, p.Arrival.Fingerprint)
		contradicts := got.Verdict == operation.Conflict || got.Verdict == operation.WrongTask
		if applies = !contradicts && (!ended || got.Verdict == operation.News); !applies {
			return nil, nil
		}
		c.Delivery.Replay = p.ID
		for n := range c.Events {
			c.Events[n].Actor = &p.Actor
			c.Events[n].Detail = p.describe(c.Events[n].Detail)
		}
		return c, nil
	})
	var taken *store.DeliveryTakenError
	switch {
	case errors.As(err, &taken):
		return r.replayed(ctx, got, taken.First, p)
	case errors.Is(err, store.ErrTaskTaken):
		return got, ErrConflict
	case errors.Is(err, store.ErrNotFound):
		return ReceiveResult{Operation: target}, ErrUnknownOperation
	case err != nil:
		return got, err
	case applies:
		r.wakeAfter(ctx, got.Operation, pollSoon)
		return got, nil
	}
	// Nothing was stored: an earlier replay, or the agent's own repetition, may be the reason.
	first, err := r.Store.Delivery(ctx, target.Tenant, inbox.SenderID(target.Target), keyHash)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && isConflict(first.Verdict):
	case err != nil:
		return got, err
	default:
		return r.replayed(ctx, got, first, p)
	}
	if isConflict(got.Verdict) && !got.Operation.State.Terminal() {
		return got, ErrConflict
	}
	return got, ErrEnded
}

// replayed is the result where the delivery's key is taken: by this replay's own earlier try, by
// the agent's own delivery, or by another payload.
func (r Receive) replayed(ctx context.Context, got ReceiveResult, first operation.Delivery, p Replay) (
	ReceiveResult, error) {
	if first.Fingerprint != p.Arrival.Fingerprint {
		return got, ErrKeyReused
	}
	got.First, got.Verdict = false, first.Verdict
	if first.Replay != p.ID {
		return got, ErrAlreadyApplied
	}
	r.wakeAfter(ctx, got.Operation, false)
	return got, nil
}

func isConflict(v operation.Verdict) bool { return v == operation.Conflict || v == operation.WrongTask }

// describe is what the timeline says of an event that a replay made.
func (p Replay) describe(detail string) string {
	replay := "replayed from the quarantine (" + p.ID + ")"
	if detail == "" {
		return replay
	}
	return replay + ": " + detail
}
