package orchestrator

import (
	"context"
	"errors"
	"net/http"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
)

// conclude stores how a call ended, and decides what comes next. called is the operation as it
// stood when the call began.
func (d Dispatch) conclude(ctx context.Context, called operation.Operation, profile registry.Profile,
	r adcp.Response, callErr error) (operation.Decision, error) {
	if callErr != nil {
		opLog(called).WarnContext(ctx, "no answer from the agent", "error", callErr)
	}
	end := callEnd{generation: called.PendingInput(), response: r, err: callErr,
		idempotency: profile.Capabilities.Idempotency, versions: profile.Capabilities.Versions,
		support: support(called, profile)}
	next, err := d.planner(called, profile).advance(ctx, called, end.record)
	if errors.Is(err, store.ErrTaskTaken) {
		return d.clash(ctx, called, profile)
	}
	return next, err
}

// clash records that the agent named a task of another operation (contract H3): what it did for
// this one is not known.
func (d Dispatch) clash(ctx context.Context, called operation.Operation, profile registry.Profile) (
	operation.Decision, error) {
	const detail = "the agent named a task of another operation"
	return d.planner(called, profile).advance(ctx, called, func(op *operation.Operation, now time.Time) *operation.Change {
		e := op.FailAttempt(now, called.PendingInput(), adcp.Ambiguous, 0, detail)
		op.Flag(operation.ProtocolClash, now, detail)
		return recorded(e)
	})
}

// callEnd is how a call ended: the call of the request, or of the input of that generation.
type callEnd struct {
	generation  int
	response    adcp.Response
	err         error
	idempotency adcp.IdempotencyOffer
	versions    []string // that the agent offered
	support     operation.AgentSupport
}

// record changes the operation by the end of a call.
func (c callEnd) record(op *operation.Operation, now time.Time) *operation.Change {
	if c.err != nil {
		return recorded(c.recordFailure(op, now))
	}
	answer, readable := adcp.ReadDirect(op.Type, c.response)
	answer.Err = failureIn(op, answer)
	switch {
	case !readable:
		return recorded(op.Unreadable(now, c.generation, answer))
	case answer.Err != nil && c.generation != 0:
		workFailed := c.response.WorkFailed || c.response.Err == nil
		if !inputEndsOperation(*op, c.generation, answer.Err, workFailed) {
			return recorded(recordInputError(op, c.generation, answer.Err, now))
		}
	case answer.Err != nil && renegotiate(op, answer.Err, c.versions):
		return recorded(op.FailAttempt(now, 0, adcp.Unsent, 0, "the agent wants AdCP "+op.Call.ADCPVersion))
	case answer.Err != nil && !endsOperation(*op, answer.Err):
		return recorded(c.recordError(op, answer.Err, now))
	}
	after, e, verdict := operation.Apply(*op, operation.Observation{Channel: operation.ByAnswer, Answer: answer,
		At: now, InputGeneration: c.generation})
	*op = after
	return &operation.Change{Events: []operation.Event{e}, Result: resultOf(op, answer, verdict, now)}
}

// recordFailure records a call without an AdCP answer.
func (c callEnd) recordFailure(op *operation.Operation, now time.Time) operation.Event {
	var ce *adcp.CallError
	if !errors.As(c.err, &ce) {
		ce = &adcp.CallError{Outcome: adcp.Ambiguous, Cause: c.err}
	}
	if c.generation != 0 && ce.Code == adcp.ContinuationLost {
		return op.RejectInput(now, c.generation, nil, true, "the agent can't go on from where it asked")
	}
	detail := registry.DescribeCallError(ce)
	e := op.FailAttempt(now, c.generation, proofOf(op, c.generation, c.support).ofFailure(ce), ce.RetryAfter, detail)
	if ce.RPCCode != 0 || ce.Status == http.StatusOK { // an answer, though not one of AdCP
		op.NoteAnswer(c.generation, detail)
	}
	// MCP's 404 says that the session is gone and nothing was done, and a gateway's says nothing.
	if c.generation == 0 && (ce.Outcome == adcp.Refused || ce.Status == http.StatusNotFound) {
		op.LookUpBeforeRetry(now, 0, c.support)
	}
	flagUnauthorized(op, ce, now)
	denied := ce.Status == http.StatusUnauthorized || ce.Status == http.StatusForbidden
	if denied && op.State == operation.CallingAdCP && op.NeedsCleanLookUp() { // which needs the credential too
		op.Flag(operation.AgentRefuses, now, detail)
	}
	return e
}

// flagUnauthorized raises attention if the agent's authorization server gives no token, and will
// not by itself (contract L27).
func flagUnauthorized(op *operation.Operation, ce *adcp.CallError, now time.Time) {
	if ce.Authorization != "" && !ce.AuthorizationWaits && op.NeedsCall() {
		op.Flag(operation.AgentRefuses, now, registry.DescribeCallError(ce))
	}
}

// recordError records an AdCP error that answers the request and does not end the operation.
func (c callEnd) recordError(op *operation.Operation, agentErr *adcp.Error, now time.Time) operation.Event {
	p := proofOf(op, 0, c.support)
	e := op.FailAttempt(now, 0, p.ofError(agentErr), agentErr.RetryAfter, agentErr.Describe())
	e.AgentMessage = adcp.Words(agentErr.Message)
	op.NoteAnswer(0, agentErr.Describe())
	op.CountError(now, 0, p.errorLimit(*op, agentErr))
	if _, known := adcp.PolicyOf(agentErr.Code); known && reactionTo(*op, agentErr) == adcp.Resend {
		op.LookUpBeforeRetry(now, 0, c.support)
	}
	if op.State == operation.CallingAdCP {
		op.Error = agentErr // for the person who has to decide; the end, when it comes, has its own
		flagUnresolved(op, agentErr, c.idempotency, now)
	}
	return e
}
