package orchestrator

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/validation"
)

// Act is who does something to an operation, and why.
type Act struct {
	Actor operation.Actor
	// Reason is why, in the actor's words; "" if none is given.
	Reason string
	// IfVersion is the version of the operation that the actor has seen, 0 for any.
	IfVersion int64
}

// maxActReason is the longest reason of an act, in characters. AdCP takes as many as the reason of
// a cancellation.
const maxActReason = 500

// VersionMismatchError says that the operation has changed since the actor read it. Nothing was
// stored.
type VersionMismatchError struct {
	Version int64 // the present one
	State   operation.State
}

func (e *VersionMismatchError) Error() string {
	return fmt.Sprintf("the operation has version %d", e.Version)
}

func (by Act) checkVersion(op operation.Operation) error {
	if by.IfVersion != 0 && by.IfVersion != op.Version {
		return &VersionMismatchError{Version: op.Version, State: op.State}
	}
	return nil
}

// signed returns an event with who did it and why.
func (by Act) signed(e operation.Event) operation.Event {
	e.Actor, e.Reason = &by.Actor, by.Reason
	return e
}

// Acts is what a person does to an operation that needs no call of the agent: each act is one write
// with one event, and the same act again changes nothing. Every act returns the operation as it is
// stored then, store.ErrNotFound, a *VersionMismatchError, an *operation.ActRefusedError, or a
// fault after which the same act may be sent again.
type Acts struct {
	Store    operations
	Workflow Waker
	Deps     Deps
	// Buys makes the operations that cancel buys.
	Buys CancelBuys
}

// do stores what decide changes, if it changes anything.
func (a Acts) do(ctx context.Context, tenant, id string, by Act,
	decide func(*operation.Operation, time.Time) (operation.Event, bool, error)) (
	op operation.Operation, changed bool, err error) {
	op, err = update(ctx, a.Store, tenant, id, func(op operation.Operation) (*operation.Change, error) {
		changed = false
		if err := by.checkVersion(op); err != nil {
			return nil, err
		}
		e, ok, err := decide(&op, a.Deps.Now().UTC())
		if err != nil || !ok {
			return nil, err
		}
		changed = true
		return &operation.Change{Op: op, Events: []operation.Event{by.signed(e)}}, nil
	})
	return op, changed, err
}

// wake signals after the store. If it fails nothing is lost: the reconciler looks soon.
func (a Acts) wake(ctx context.Context, op operation.Operation, w Wakeup) {
	if op.TaskToken == "" {
		return
	}
	w.Version = op.Version
	if err := a.Workflow.Wake(ctx, op.TaskToken, w); err != nil {
		opLog(op).WarnContext(ctx, "execution not woken, left to the reconciler", "error", err)
	}
}

// Cancel cancels an operation whose request was not carried out, keeps the wish while the agent
// works on it, and has the buy of a completed purchase canceled by an operation of its own.
func (a Acts) Cancel(ctx context.Context, tenant, id string, by Act, buy operation.BuyWish) (
	operation.Operation, error) {
	op, _, err := a.do(ctx, tenant, id, by,
		func(op *operation.Operation, now time.Time) (operation.Event, bool, error) {
			return op.Cancel(now, by.Actor, by.Reason, buy)
		})
	switch {
	case err != nil:
		return op, err
	case op.CancelDue():
		made, err := a.Buys.Run(ctx, op)
		if err != nil { // stored: the reconciler has it made
			opLog(op).WarnContext(ctx, "the cancellation of the buy is left to the reconciler", "error", err)
			return op, nil
		}
		return made, nil
	case op.Unpublished():
		a.wake(ctx, op, Wakeup{Next: operation.NextSettle})
	}
	return op, nil
}

// Withdraw takes the wish to cancel back, unless the cancellation of a buy is on its way.
func (a Acts) Withdraw(ctx context.Context, tenant, id string, by Act) (operation.Operation, error) {
	op, _, err := a.do(ctx, tenant, id, by,
		func(op *operation.Operation, now time.Time) (operation.Event, bool, error) { return op.Withdraw(now) })
	return op, err
}

// Poll brings the next poll forward: not before the agent's own time, and through the same gates.
func (a Acts) Poll(ctx context.Context, tenant, id string, by Act) (operation.Operation, error) {
	var at time.Time
	op, _, err := a.do(ctx, tenant, id, by,
		func(op *operation.Operation, now time.Time) (e operation.Event, _ bool, err error) {
			e, at, err = op.AskPoll(now)
			return e, true, err
		})
	if err != nil {
		return op, err
	}
	w := Wakeup{Next: operation.NextPoll}
	if wait := at.Sub(a.Deps.Now()); wait > 0 {
		w = Wakeup{Next: operation.NextAwait, Delay: int((wait + time.Second - 1) / time.Second)}
	}
	a.wake(ctx, op, w)
	return op, nil
}

// Pause lets no call leave for the operation. Webhooks are taken all the same.
func (a Acts) Pause(ctx context.Context, tenant, id string, by Act) (operation.Operation, error) {
	op, _, err := a.do(ctx, tenant, id, by,
		func(op *operation.Operation, now time.Time) (operation.Event, bool, error) {
			return op.Pause(now, by.Actor, by.Reason)
		})
	return op, err
}

// Resume ends a pause: what was due is done at once.
func (a Acts) Resume(ctx context.Context, tenant, id string, by Act) (operation.Operation, error) {
	op, _, err := a.do(ctx, tenant, id, by,
		func(op *operation.Operation, now time.Time) (operation.Event, bool, error) { return op.Release(now) })
	if err == nil && op.Signal != "" { // or the first request died before it signaled
		a.wake(ctx, op, Wakeup{Next: op.Signal})
	}
	return op, err
}

// lineOf reads a member that is one line of text, "" if there is none.
func lineOf(c *validation.Checks, members map[string]json.RawMessage, name string, most int, remedy string) (s string) {
	raw, set := members[name]
	if set && (json.Unmarshal(raw, &s) != nil || !validation.Line(s, most)) {
		c.Add(name, validation.InvalidValue, fmt.Sprintf("must be 1 to %d visible characters on one line", most), remedy)
	}
	return s
}
