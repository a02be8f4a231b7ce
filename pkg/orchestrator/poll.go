package orchestrator

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"time"
)

// Poll asks the agent how an operation's task stands.
type Poll struct {
	Store  FollowStore
	Agents registry.Caller
	// NewKey yields a fresh idempotency key: a poll that reused one would be answered from the agent's cache (contract C5).
	NewKey func() string
	// Gate is what calls pass; nil lets all through.
	Breaker *breaker.Breaker
	Deps    Deps
}

// Run reads what is stored, asks the agent if the operation is still open, applies the answer, and says what comes next. A poll's failure is never
// the operation's (contract A28). An error is a fault of ours; the workflow tries again.
func (p Poll) Run(ctx context.Context, tenant, id string) (operation.Decision, error) {
	op, err := p.Store.Get(ctx, tenant, id)
	if err != nil {
		return operation.Decision{}, err
	}
	agent := agentOf(op)
	now := p.Deps.Now()
	known, err := registry.Recall(ctx, p.Store, agent)
	if err != nil {
		return operation.Decision{}, err
	}
	if op.State.Terminal() || now.Before(op.NotBefore) || op.MaySendInput(now, registry.SupportOf(known)) || known.Fresh(now) && !askable(op, known) {
		return p.skipPoll(ctx, op, registry.SupportOf(known))
	}
	agents, done, wait, reason, err := guard(ctx, p.Breaker, agent, p.Agents)
	defer func() { done(ctx) }()
	switch {
	case err != nil:
		return operation.Decision{}, err
	case reason == circuit.Limited:
		return operation.Decision{Tenant: tenant, OperationID: id, Version: op.Version, Next: operation.NextWait, Delay: seconds(wait)}, nil
	case wait > 0:
		return p.failPoll(ctx, op, registry.SupportOf(known), wait, operation.AgentUnreached, describeCircuit(reason))
	}
	p.Agents = agents
	profile, err := registry.Discover2(ctx, p.Store, agents, agent, known, now)
	means := registry.SupportOf(profile)
	agent.Signing = profile.Capabilities.Requests
	if err != nil {
		return p.pollFailed(ctx, op, means, err)
	}
	if unresolved(op, profile) || findable(op, profile) {
		return p.lookUp(ctx, agent, profile, op, means)
	}
	if !askable(op, profile) {
		return p.skipPoll(ctx, op, means)
	}
	request, err := p.Store.Request(ctx, op.Tenant, op.ID)
	if err != nil {
		return operation.Decision{}, err
	}
	response, err := p.ask(ctx, agent, profile.PollTool, op, request, cmp.Or(op.Call.ADCPVersion, adcp.Version))
	if err == nil && response.Err != nil && response.Err.Code == "VERSION_UNSUPPORTED" {
		// contract B31: once more. There are agents that take our version for purchases and not for polls: this time they choose.
		response, err = p.ask(ctx, agent, profile.PollTool, op, request, "")
	}
	if err != nil {
		return p.pollFailed(ctx, op, means, err)
	}
	answer, readable := adcp.ReadPoll(op.Type, response)
	switch {
	case !readable:
		return p.pollRefused(ctx, op, means, response)
	case answer.ResultMissing && answer.TaskID == op.TaskID && slices.Contains(profile.Tasks, lookupTool) && op.Type == adcp.CreateMediaBuy:
		if found, err := p.lookUpBuy(ctx, agent, op, request); err == nil && found != nil {
			answer = found.answer()
		}
	}
	return p.apply(ctx, op, means, answer)
}

// askable reports whether there is something to ask an agent about an operation, and a tool to ask it by.
func askable(op operation.Operation, p registry.Profile) bool {
	return op.TaskID != "" && p.PollTool != "" && op.State != operation.Requested || unresolved(op, p) || findable(op, p)
}

// ask asks as contract E2 and E8 want it: with the account of the request, with the result, and with a fresh key each time.
func (p Poll) ask(ctx context.Context, agent registry.Agent, tool string, op operation.Operation, request json.RawMessage, version string) (adcp.Response, error) {
	var sent struct {
		Account json.RawMessage `json:"account"`
	}
	if err := json.Unmarshal(request, &sent); err != nil {
		return adcp.Response{}, err
	}
	arguments, err := json.Marshal(struct {
		TaskID         string          `json:"task_id"`
		Account        json.RawMessage `json:"account,omitempty"`
		IncludeResult  bool            `json:"include_result"`
		Version        string          `json:"adcp_version,omitempty"`
		IdempotencyKey string          `json:"idempotency_key"`
	}{op.TaskID, sent.Account, true, version, p.NewKey()})
	if err != nil {
		return adcp.Response{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	return p.Agents.Call(ctx, agent, tool, arguments)
}

// pollBudget bounds one question (contract N: a synchronous call). The function has time for two, but not for two that time out.
const pollTimeout = 25 * time.Second

func (p Poll) apply(ctx context.Context, polled operation.Operation, m operation.AgentSupport, a adcp.Answer) (operation.Decision, error) {
	var step operation.Decision
	_, err := updateFrom(ctx, p.Store, polled, func(op operation.Operation) (*operation.Change, error) {
		now := p.Deps.Now().UTC()
		if op.State.Terminal() { // a webhook was faster: the same again is no news, another end is (race R2)
			after, e, verdict := operation.Apply(op, operation.Observation{Channel: operation.ByPoll, Answer: a, At: now})
			if verdict != operation.Conflict {
				step = op.Plan(now, p.Deps.Jitter(), m)
				return nil, nil
			}
			step = after.Plan(now, p.Deps.Jitter(), m)
			return &operation.Change{Op: after, Events: []operation.Event{e}}, nil
		}
		if e, missing := op.AwaitResult(now, a); missing {
			step = op.Plan(now, p.Deps.Jitter(), m)
			return &operation.Change{Op: op, Events: []operation.Event{e}}, nil
		}
		op.Attempts.Polls++
		bound := op.TaskID
		op, e, verdict := operation.Apply(op, operation.Observation{Channel: operation.ByPoll, Answer: a, At: now})
		if verdict != operation.WrongTask {
			op.Attempts.PollErrors = 0
		}
		result := resultOf(&op, a, verdict, now)
		step = op.Plan(now, p.Deps.Jitter(), m)
		return &operation.Change{Op: op, Events: []operation.Event{e}, Result: result, BindTask: op.TaskID != bound}, nil
	})
	return step, err
}

// refused records a poll that the agent answered with an error. Not found proves nothing (contract E7, G9): the agent may have forgotten.
func (p Poll) pollRefused(ctx context.Context, op operation.Operation, m operation.AgentSupport, r adcp.Response) (operation.Decision, error) {
	if r.Err == nil {
		return p.failPoll(ctx, op, m, 0, operation.AgentUnreached, "the agent's answer could not be read")
	}
	reason := operation.AgentRefuses
	if r.Err.Code == "REFERENCE_NOT_FOUND" {
		reason = operation.TaskNotFound
	}
	return p.failPoll(ctx, op, m, r.Err.RetryAfter, reason, "the agent answered "+r.Err.Code)
}

func (p Poll) pollFailed(ctx context.Context, op operation.Operation, m operation.AgentSupport, cause error) (operation.Decision, error) {
	var ce *adcp.CallError
	if !errors.As(cause, &ce) {
		return operation.Decision{}, cause
	}
	slog.WarnContext(ctx, "poll without answer", "operation", op.ID, "tenant", op.Tenant, "agent", op.AgentID, "error", ce)
	reason := operation.AgentUnreached
	if outcomeOfCall(ce) == adcp.Refused {
		reason = operation.AgentRefuses
	}
	return p.failPoll(ctx, op, m, ce.RetryAfter, reason, registry.DescribeCallError(ce))
}

func (p Poll) failPoll(ctx context.Context, polled operation.Operation, m operation.AgentSupport, retryAfter time.Duration, reason operation.Reason, detail string) (operation.Decision, error) {
	var step operation.Decision
	_, err := updateFrom(ctx, p.Store, polled, func(op operation.Operation) (*operation.Change, error) {
		now := p.Deps.Now().UTC()
		if op.State.Terminal() {
			step = op.Plan(now, p.Deps.Jitter(), m)
			return nil, nil
		}
		e := op.FailPoll(now, retryAfter, reason, detail)
		step = op.Plan(now, p.Deps.Jitter(), m)
		return &operation.Change{Op: op, Events: []operation.Event{e}}, nil
	})
	return step, err
}

// rest plans on without having asked: there is nothing to ask about, nobody to ask, or it is too early. It counts as a poll, so that the delays
// grow and the workflow's history stays bounded; it is stored without an event unless a human has to be told.
func (p Poll) skipPoll(ctx context.Context, seen operation.Operation, m operation.AgentSupport) (operation.Decision, error) {
	var step operation.Decision
	_, err := updateFrom(ctx, p.Store, seen, func(op operation.Operation) (*operation.Change, error) {
		now := p.Deps.Now().UTC()
		if op.State.Terminal() {
			step = op.Plan(now, p.Deps.Jitter(), m)
			return nil, nil
		}
		op.Attempts.Polls++
		op.BumpVersion(now)
		step = op.Plan(now, p.Deps.Jitter(), m)
		return &operation.Change{Op: op}, nil
	})
	return step, err
}
