package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
)

// Dispatch calls the agent for an operation.
type Dispatch struct {
	Store  CallStore
	Agents registry.Caller
	// Roots returns the root secrets that webhook credentials are derived from, the current one first.
	Roots func(ctx context.Context) ([]string, error)
	// Breaker allows calls; nil allows all.
	Breaker *breaker.Breaker
	// Workflow wakes those who wait in line when a call makes room.
	Workflow Waker
	Deps     Deps

	probe bool // the call that is made finds out whether the agent is back
}

// Run sends the frozen bytes to the agent if the operation still waits for that, applies the
// answer, and decides what comes next. It may be repeated at any point: what was stored decides. An
// error is an internal fault; the workflow tries again.
func (d Dispatch) Run(ctx context.Context, tenant, id string) (operation.Decision, error) {
	d.Deps = d.Deps.measured()
	op, err := d.Store.Get(ctx, tenant, id)
	if err != nil {
		return operation.Decision{}, err
	}
	if op, err = d.takeTurn(ctx, op); err != nil {
		return operation.Decision{}, err
	}
	agent := agentOf(op)
	if op.Stale(d.Deps.Now()) || op.Held() {
		return d.hold(ctx, op, agent)
	}
	if now := d.Deps.Now(); !op.NeedsCall() || now.Before(op.NotBefore) || now.Before(op.Admission.Slot) {
		// Answered by another channel, or the agent asked for time (contract D8), or the call's slot has
		// not come: do not even discover it.
		return d.plan(ctx, op, agent)
	}
	known, err := registry.Recall(ctx, d.Store, agent)
	if err != nil {
		return operation.Decision{}, err
	}
	admit := Admit{d.Store, d.Breaker, d.Workflow, d.Deps}
	return line{d.Store, d.Agents, d.Breaker, admit.soon}.reach(ctx, op, known, d.Deps.Now(), false,
		func(c contact, err error) (operation.Decision, error) { return d.dispatch(ctx, op, c, err) })
}

// dispatch calls an agent that was reached, or records why it can't be called. err is reach's.
func (d Dispatch) dispatch(ctx context.Context, op operation.Operation, c contact, err error) (
	operation.Decision, error) {
	d.probe = c.probe
	var ce *adcp.CallError
	switch {
	case errors.As(err, &ce): // nothing has been sent
		return d.skip(ctx, op, c, ce, registry.DescribeCallError(ce))
	case err != nil:
		return operation.Decision{}, err
	case c.waits.reason != "":
		return d.planner(op, c.profile).advance(ctx, op, c.waits.record)
	case unspoken(op, c.profile):
		return d.endUnspoken(ctx, op, c)
	case !c.profile.Offers(op.Type):
		ce := &adcp.CallError{Outcome: adcp.Refused, Cause: errors.New("no such tool")}
		return d.skip(ctx, op, c, ce, "the agent does not offer "+string(op.Type))
	}
	return d.call(ctx, op, c)
}

// call stores that the agent is about to be called, calls it, and stores the answer.
func (d Dispatch) call(ctx context.Context, op operation.Operation, c contact) (operation.Decision, error) {
	frozen, err := d.frozen(ctx, op)
	if err != nil {
		return operation.Decision{}, err
	}
	credential, rootID, err := d.credential(ctx, op, frozen)
	if errors.Is(err, errRootGone) {
		return d.withhold(ctx, op, c)
	}
	if err != nil {
		return operation.Decision{}, err
	}
	if time.Until(budget(ctx, callTimeout)) < minCallTime {
		return operation.Decision{}, errNoTime
	}
	// 1. Store that the agent is about to be called.
	op, began, next, err := d.begin(ctx, op, c.profile, rootID)
	if err != nil || !began {
		return next, err
	}
	request, err := seal(op, frozen, credential)
	if err != nil {
		return operation.Decision{}, err
	}
	// 2. Call it.
	if op.PendingInput() != 0 {
		c.agent.ContinueTask = op.InputRequest.Continuation
	}
	calling, cancel := context.WithDeadline(ctx, budget(ctx, callTimeout))
	defer cancel()
	response, callErr := c.caller.Call(calling, c.agent, string(op.Type), request)
	// 3. Store the answer. A webhook may have been faster.
	return d.conclude(ctx, op, c.profile, response, callErr)
}

// frozen returns the bytes of the call that is due: the request's, or the input's.
func (d Dispatch) frozen(ctx context.Context, op operation.Operation) (json.RawMessage, error) {
	if generation := op.PendingInput(); generation != 0 {
		return d.Store.InputArguments(ctx, op.Tenant, op.ID, generation)
	}
	return d.Store.Request(ctx, op.Tenant, op.ID)
}

// plan decides what comes next for an operation that needs no call now.
func (d Dispatch) plan(ctx context.Context, op operation.Operation, agent registry.Agent) (operation.Decision, error) {
	known, err := registry.Recall(ctx, d.Store, agent)
	if err != nil {
		return operation.Decision{}, err
	}
	_, _, next, err := d.begin(ctx, op, known, "")
	return next, err
}

// hold ends an operation whose request is too old to be sent, or is to be canceled, if nothing of
// it can have been carried out. One that is paused waits.
func (d Dispatch) hold(ctx context.Context, op operation.Operation, agent registry.Agent) (
	operation.Decision, error) {
	known, err := registry.Recall(ctx, d.Store, agent)
	if err != nil {
		return operation.Decision{}, err
	}
	return d.planner(op, known).advance(ctx, op, func(op *operation.Operation, now time.Time) *operation.Change {
		e, ok := op.CancelUnsent(now)
		if !ok && !op.Braked() {
			e, ok = op.Expire(now)
		}
		if !ok {
			return nil
		}
		return recorded(e)
	})
}

// begin stores that a call begins, if one is due now. In the same write as the first call it
// settles the release that the agent is addressed in: from then on each attempt sends the same
// bytes (contract C6).
func (d Dispatch) begin(ctx context.Context, op operation.Operation, p registry.Profile, rootID string) (
	_ operation.Operation, began bool, next operation.Decision, err error) {
	generation := op.PendingInput()
	op, err = updateFrom(ctx, d.Store, op, func(op operation.Operation) (*operation.Change, error) {
		began = false
		now, planned, s := d.Deps.Now().UTC(), op, support(op, p)
		if next = planned.Plan(now, d.Deps.Jitter(), s); next.Next != operation.NextRetry {
			// Ended, answered, or not to be sent again: only newly due attention is worth a write.
			return attentionOnly(op, planned, now, &next), nil
		}
		if op.WaitsFor != "" {
			planned.AwaitTurn(now)
			next.Version = planned.Version
			return &operation.Change{Op: planned}, nil
		}
		if op.PendingInput() != generation {
			return nil, nil // another call is due than the one that was read
		}
		if now.Before(op.NotBefore) || now.Before(op.Admission.Slot) {
			return nil, nil // contract D8: never earlier than the agent asked
		}
		if generation == 0 && op.Call.FirstAt.IsZero() {
			op.Call.ADCPVersion = releaseOf(op, p)
		}
		e, ok := op.StartAttempt(now, s)
		if !ok {
			return nil, nil // another dispatcher holds the lease: the decision waits for its end
		}
		began = true
		if op.Webhook.RootID == "" {
			op.Webhook.RootID = rootID
		}
		return &operation.Change{Op: op, Events: []operation.Event{e}}, nil
	})
	return op, began, next, err
}

// skip records that the agent could not be called, or does not offer the task. Nothing has been
// sent.
func (d Dispatch) skip(ctx context.Context, op operation.Operation, c contact, ce *adcp.CallError, detail string) (
	operation.Decision, error) {
	opLog(op).WarnContext(ctx, "agent not called", "error", ce)
	return d.planner(op, c.profile).advance(ctx, op, func(op *operation.Operation, now time.Time) *operation.Change {
		if op.State.Terminal() {
			return recorded(op.Overtaken(now, operation.ByAnswer, ce.RetryAfter, detail))
		}
		e, ok := op.SkipAttempt(now, outcomeOfCall(ce), ce.RetryAfter, detail)
		if !ok {
			return nil
		}
		flagUnauthorized(op, ce, now)
		return recorded(e)
	})
}

func (d Dispatch) planner(op operation.Operation, p registry.Profile) planner {
	return planner{d.Store, d.Deps, support(op, p), d.probe}
}

// seal turns the frozen bytes into those that go out, in the agreed release: always the same for an
// operation (contract C6).
func seal(op operation.Operation, request json.RawMessage, credential string) (json.RawMessage, error) {
	request, err := inRelease(op, request)
	if err != nil || credential == "" {
		return request, err
	}
	return sealCredential(request, op.ID, credential), nil
}
