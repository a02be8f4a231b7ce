package orchestrator

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"
)

// Dispatch calls the agent for an operation.
type Dispatch struct {
	Store  FollowStore
	Agents registry.Caller
	// Roots returns the root secrets that webhook credentials are derived from, the current one first.
	Roots func(ctx context.Context) ([]string, error)
	// Gate is what calls pass; nil lets all through.
	Breaker *breaker.Breaker
	Deps    Deps
}

// Run sends the frozen bytes to the agent if the operation still waits for that, applies the answer, and says what comes next. It may be
// repeated at any point: what was stored decides. An error is a fault of ours; the workflow tries again.
func (d Dispatch) Run(ctx context.Context, tenant, id string) (operation.Decision, error) {
	op, err := d.Store.Get(ctx, tenant, id)
	if err != nil {
		return operation.Decision{}, err
	}
	if !op.NeedsCall() || d.Deps.Now().Before(op.NotBefore) {
		return d.plan(ctx, op) // answered by another way, or the agent asked for time (contract D8): nobody is to be called, not even to discover
	}
	agent := agentOf(op)
	known, err := registry.Recall(ctx, d.Store, agent)
	if err != nil {
		return operation.Decision{}, err
	}
	agents, done, wait, reason, err := guard(ctx, d.Breaker, agent, d.Agents)
	defer func() { done(ctx) }()
	switch {
	case err != nil:
		return operation.Decision{}, err
	case reason == circuit.Limited: // our own bound: nothing to tell of
		return operation.Decision{Tenant: tenant, OperationID: id, Version: op.Version, Next: operation.NextRetry, Delay: seconds(wait)}, nil
	case wait > 0: // a missed attempt like any other, so that the delays grow and the timeline tells why nothing happens
		ce := &adcp.CallError{Outcome: adcp.Unsent, RetryAfter: wait, Cause: errors.New("circuit " + string(reason))}
		return d.unreached(ctx, op, registry.SupportOf(known), ce, describeCircuit(reason))
	}
	profile, err := registry.Discover2(ctx, d.Store, agents, agent, known, d.Deps.Now())
	means := registry.SupportOf(profile)
	agent.Signing = profile.Capabilities.Requests
	var ce *adcp.CallError
	switch {
	case errors.As(err, &ce): // not reached: nothing has been sent
		return d.unreached(ctx, op, means, ce, registry.DescribeCallError(ce))
	case err != nil:
		return operation.Decision{}, err
	case !profile.Offers(op.Type):
		return d.unreached(ctx, op, means, &adcp.CallError{Outcome: adcp.Refused, Cause: errors.New("no such tool")}, "the agent does not offer "+string(op.Type))
	}
	frozen, err := d.frozen(ctx, op)
	if err != nil {
		return operation.Decision{}, err
	}
	credential, err := d.credential(ctx, op)
	if err != nil {
		return operation.Decision{}, err
	}
	// 1. Store that the agent is about to be called.
	op, began, step, err := d.begin(ctx, op, means, profile.Capabilities.Versions)
	if err != nil || !began {
		return step, err
	}
	request, err := seal(op, frozen, credential)
	if err != nil {
		return operation.Decision{}, err
	}
	// 2. Call it.
	if op.PendingInput() != 0 {
		agent.ContinueTask = op.InputRequest.Continuation
	}
	callCtx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	response, callErr := agents.Call(callCtx, agent, string(op.Type), request)
	// 3. Store what came of it. A webhook may have been faster.
	return d.conclude(ctx, op, profile, response, callErr)
}

// frozen are the bytes of the call that is to be made: the request's, or the resume's.
func (d Dispatch) frozen(ctx context.Context, op operation.Operation) (json.RawMessage, error) {
	if generation := op.PendingInput(); generation != 0 {
		return d.Store.InputArguments(ctx, op.Tenant, op.ID, generation)
	}
	return d.Store.Request(ctx, op.Tenant, op.ID)
}

// plan says what comes next for an operation that is not to be called for.
func (d Dispatch) plan(ctx context.Context, op operation.Operation) (operation.Decision, error) {
	means, err := knownSupport(ctx, d.Store, op)
	if err != nil {
		return operation.Decision{}, err
	}
	_, _, step, err := d.begin(ctx, op, means, nil)
	return step, err
}

// callBudget bounds one call: contract A14's ceiling for an agent that works on an open connection is 300 s, which is the function's own time as well; what
// discovery and our own writes need comes off it.
const callTimeout = 240 * time.Second

// begin stores that a call begins, if one is to be made now. Before the first it is settled which release the agent is spoken to in: from then on each attempt
// sends the same bytes (contract C6).
func (d Dispatch) begin(ctx context.Context, op operation.Operation, m operation.AgentSupport, versions []string) (_ operation.Operation, began bool, step operation.Decision, err error) {
	resume := op.PendingInput()
	op, err = updateFrom(ctx, d.Store, op, func(op operation.Operation) (*operation.Change, error) {
		began = false
		now := d.Deps.Now().UTC()
		planned := op
		if step = planned.Plan(now, d.Deps.Jitter(), m); step.Next != operation.NextRetry {
			// Ended, answered or not to be sent again: only the attention that is due is worth a write.
			return attentionOnly(op, planned, now, &step), nil
		}
		if op.PendingInput() != resume {
			return nil, nil // another call is due than the one that was read
		}
		if now.Before(op.NotBefore) {
			return nil, nil // contract D8: never earlier than the agent asked
		}
		first := resume == 0 && op.Call.FirstAt.IsZero()
		e, ok := op.StartAttempt(now, m)
		if !ok {
			return nil, nil // another dispatcher's lease: the step waits for its end
		}
		began = true
		if v, shared := adcp.Negotiate(versions); shared && first && v != adcp.Version {
			op.Call.ADCPVersion = v
		}
		return &operation.Change{Op: op, Events: []operation.Event{e}}, nil
	})
	return op, began, step, err
}

func (d Dispatch) conclude(ctx context.Context, dialled operation.Operation, profile registry.Profile, r adcp.Response, callErr error) (operation.Decision, error) {
	var step operation.Decision
	m, resume := registry.SupportOf(profile), dialled.PendingInput()
	_, err := updateFrom(ctx, d.Store, dialled, func(op operation.Operation) (*operation.Change, error) {
		now := d.Deps.Now().UTC()
		c := operation.Change{}
		var e operation.Event
		answer, readable := adcp.Answer{}, false
		if callErr == nil {
			answer, readable = adcp.ReadDirect(op.Type, r)
		}
		switch {
		case callErr != nil:
			var ce *adcp.CallError
			if !errors.As(callErr, &ce) {
				ce = &adcp.CallError{Outcome: adcp.Ambiguous, Cause: callErr}
			}
			slog.WarnContext(ctx, "no answer from the agent", "operation", op.ID, "tenant", op.Tenant, "agent", op.AgentID, "error", ce)
			if resume != 0 && ce.Code == adcp.ContinuationLost {
				e = op.RejectInput(now, resume, nil, true, "the agent can't go on from where it asked")
				break
			}
			e = op.FailAttempt(now, resume, outcomeOfCall(ce), ce.RetryAfter, registry.DescribeCallError(ce))
		case !readable:
			e = op.FailAttempt(now, resume, adcp.Ambiguous, 0, "the agent's answer could not be read")
		case answer.Err != nil && resume != 0 && !inputEndsOperation(op, resume, answer.Err, r.WorkFailed || r.Err == nil):
			e = recordInputError(&op, resume, answer.Err, now)
		case answer.Err != nil && resume == 0 && renegotiate(&op, answer.Err):
			e = op.FailAttempt(now, 0, adcp.Unsent, 0, "the agent wants AdCP "+op.Call.ADCPVersion)
		case answer.Err != nil && resume == 0 && !endsOperation(op, answer.Err):
			e = op.FailAttempt(now, 0, outcomeOfError(answer.Err), answer.Err.RetryAfter, "the agent answered "+answer.Err.Code)
			if op.State == operation.CallingAdCP {
				op.Error = answer.Err // for whoever has to decide; the end, when it comes, has its own
				flagUnresolved(&op, answer.Err, profile.Capabilities.Idempotency, now)
			}
		default:
			var verdict operation.Verdict
			bound := op.TaskID
			op, e, verdict = operation.Apply(op, operation.Observation{Channel: operation.ByAnswer, Answer: answer, At: now, InputGeneration: resume})
			c.Result = resultOf(&op, answer, verdict, now)
			c.BindTask = op.TaskID != bound
		}
		step = op.Plan(now, d.Deps.Jitter(), m)
		c.Op, c.Events = op, append(c.Events, e)
		return &c, nil
	})
	if errors.Is(err, store.ErrTaskTaken) {
		return d.clash(ctx, dialled, m)
	}
	return step, err
}

// clash records that the agent named a task that belongs to another operation (contract H3): its outcome for this one is not known.
func (d Dispatch) clash(ctx context.Context, dialled operation.Operation, m operation.AgentSupport) (operation.Decision, error) {
	var step operation.Decision
	_, err := updateFrom(ctx, d.Store, dialled, func(op operation.Operation) (*operation.Change, error) {
		now := d.Deps.Now().UTC()
		e := op.FailAttempt(now, dialled.PendingInput(), adcp.Ambiguous, 0, "the agent named a task of another operation")
		op.Flag(operation.ProtocolClash, now, "the agent named a task of another operation")
		step = op.Plan(now, d.Deps.Jitter(), m)
		return &operation.Change{Op: op, Events: []operation.Event{e}}, nil
	})
	return step, err
}

// unreached records that the agent could not be asked, or does not offer what is asked for. Nothing has been sent.
func (d Dispatch) unreached(ctx context.Context, op operation.Operation, m operation.AgentSupport, ce *adcp.CallError, detail string) (operation.Decision, error) {
	slog.WarnContext(ctx, "agent not called", "operation", op.ID, "tenant", op.Tenant, "agent", op.AgentID, "error", ce)
	var step operation.Decision
	_, err := updateFrom(ctx, d.Store, op, func(op operation.Operation) (*operation.Change, error) {
		now := d.Deps.Now().UTC()
		e, ok := op.SkipAttempt(now, outcomeOfCall(ce), ce.RetryAfter, detail)
		planned := op
		step = planned.Plan(now, d.Deps.Jitter(), m)
		if !ok {
			return attentionOnly(op, planned, now, &step), nil
		}
		return &operation.Change{Op: planned, Events: []operation.Event{e}}, nil
	})
	return step, err
}

// credential is what the agent's webhooks will be authenticated by, empty if that is nothing that we share.
func (d Dispatch) credential(ctx context.Context, op operation.Operation) (string, error) {
	if !op.Webhook.Mode.Shared() {
		return "", nil
	}
	roots, err := d.Roots(ctx)
	if err != nil {
		return "", err
	}
	return inbox.WebhookCredential(roots[0], op.Tenant, op.ID), nil
}

// seal makes what goes out of the frozen bytes: always the same for an operation (contract C6).
func seal(op operation.Operation, request json.RawMessage, credential string) (json.RawMessage, error) {
	if op.Call.ADCPVersion != "" {
		var err error
		if request, err = withVersion(request, op.Call.ADCPVersion); err != nil {
			return nil, err
		}
	}
	if credential == "" {
		return request, nil
	}
	return sealCredential(request, op.ID, credential), nil
}
