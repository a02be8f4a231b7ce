package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
)

// Poll asks the agent about an operation's task.
type Poll struct {
	Store  CallStore
	Agents registry.Caller
	// NewKey returns a fresh idempotency key: an agent would answer a poll with a used one from its
	// cache (contract C5).
	NewKey func() string
	// Breaker allows calls; nil allows all.
	Breaker *breaker.Breaker
	// Workflow wakes those who wait in line when a poll makes room.
	Workflow Waker
	Deps     Deps
}

// pollTimeout bounds one question (contract N: a synchronous call), and the pages of one list.
const pollTimeout = 25 * time.Second

// Run reads what is stored, polls the agent if the operation is still open, applies the answer, and
// decides what comes next. A poll's failure is never the operation's (contract A28). An error is a
// fault of ours; the workflow tries again.
func (p Poll) Run(ctx context.Context, tenant, id string) (operation.Decision, error) {
	p.Deps = p.Deps.measured()
	until := budget(ctx, pollBudget)
	op, err := p.Store.Get(ctx, tenant, id)
	if err != nil {
		return operation.Decision{}, err
	}
	agent, now := agentOf(op), p.Deps.Now()
	known, err := registry.Recall(ctx, p.Store, agent)
	if err != nil {
		return operation.Decision{}, err
	}
	if op.SnapshotDue(now) {
		if known.Fresh(now) && !hasBuysTool(known) {
			return p.noSnapshot(ctx, op, known)
		}
	} else if op.State.Terminal() || op.Held() || now.Before(op.NotBefore) || now.Before(op.Admission.Slot) ||
		op.MaySendInput(now, support(op, known)) ||
		known.Fresh(now) && !pollable(op, known) {
		return p.skip(ctx, op, known, unasked(op, known))
	}
	asking, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	agents, end := inOneSession(asking, p.Agents)
	defer end()
	admit := Admit{p.Store, p.Breaker, p.Workflow, p.Deps}
	return line{p.Store, boundedCaller{agents, until}, p.Breaker, admit.soon}.reach(ctx, op, known, now, true,
		func(c contact, err error) (operation.Decision, error) {
			c.until = until
			return p.ask(ctx, op, c, err)
		})
}

// ask asks an agent that was reached, or records why it can't be asked. err is reach's.
func (p Poll) ask(ctx context.Context, op operation.Operation, c contact, err error) (operation.Decision, error) {
	switch {
	case op.State.Terminal():
		return p.readBuy(ctx, op, c, err)
	case err != nil:
		return p.failByError(ctx, op, c.profile, err)
	case c.waits.reason != "":
		return p.planner(op, c.profile).advance(ctx, op, c.waits.record)
	case c.late() && pollable(op, c.profile): // discovery and the store took all the time: another run asks
		return p.skip(ctx, op, c.profile, notAsked)
	case unresolved(op, c.profile) || findable(op, c.profile):
		return p.lookUp(ctx, op, c)
	case !pollable(op, c.profile):
		return p.skip(ctx, op, c.profile, unasked(op, c.profile))
	}
	return p.poll(ctx, op, c)
}

// pollable reports whether there is something to ask about an operation, and a tool to ask by.
func pollable(op operation.Operation, p registry.Profile) bool {
	polled := op.TaskID != "" && p.PollTool != "" && op.State != operation.Requested
	return polled || unresolved(op, p) || findable(op, p)
}

// unasked is the finding of a run that asks nothing: an operation whose task was not named, at an
// agent without lists, can't be followed.
func unasked(op operation.Operation, p registry.Profile) finding {
	if unnamed(op) && !pollable(op, p) {
		return listsNothing
	}
	return notAsked
}

// poll asks the polling tool and applies its answer.
func (p Poll) poll(ctx context.Context, op operation.Operation, c contact) (operation.Decision, error) {
	request, err := p.Store.Request(ctx, op.Tenant, op.ID)
	if err != nil {
		return operation.Decision{}, err
	}
	c.agent.Secrets = adcp.SecretsOf(request)
	response, err := p.question(ctx, c, op, request)
	if err != nil {
		return p.failByError(ctx, op, c.profile, err)
	}
	answer, readable := adcp.ReadPoll(op.Type, response)
	if !readable {
		return p.failByResponse(ctx, op, c.profile, response)
	}
	var later time.Duration
	if answer.ResultMissing && answer.TaskID == op.TaskID && listsBuys(op, c.profile) {
		buy, _, err := newLookUp(c, request, op, p.NewKey).buy(ctx)
		if later = retryAfter(err); err == nil && buy != nil {
			answer = *buy.answer(op.Type)
		}
	}
	return p.apply(ctx, op, c.profile, answer, later)
}

// question asks as contract E2 and E8 want it: with the request's account, for the result too, and
// with a fresh key each time in the releases that want one. If the agent refuses a member that a
// poll can do without, it is asked once more without it: some agents take our version for purchases
// and not for polls (contract B31), or look a task up by its id alone.
func (p Poll) question(ctx context.Context, c contact, op operation.Operation, request json.RawMessage) (
	adcp.Response, error) {
	account, err := accountOf(request)
	if err != nil {
		return adcp.Response{}, err
	}
	arguments := askIn(releaseOf(op, c.profile), c.profile.PollTool)
	arguments["task_id"], arguments["include_result"] = op.TaskID, true
	if len(account) > 0 {
		arguments["account"] = account
	}
	for {
		if key := p.NewKey(); arguments["idempotency_key"] != nil {
			arguments["idempotency_key"] = key
		}
		raw, err := json.Marshal(arguments)
		if err != nil {
			return adcp.Response{}, err
		}
		r, err := p.pollOnce(ctx, c, raw)
		member := refusedMember(r, err, arguments)
		if member == "" {
			return r, err
		}
		delete(arguments, member)
	}
}

// refusedMember returns the member that a question is to be asked without, "" if it was answered,
// or if nothing can be left out. Agents that refuse the account often name no field.
func refusedMember(r adcp.Response, err error, arguments map[string]any) string {
	switch {
	case err != nil && refusesQuestion(err) && arguments["account"] != nil:
		return "account"
	case err != nil || r.Err == nil:
		return ""
	}
	if member := dispensable(r.Err, arguments); member != "" {
		return member
	}
	if blamesAMember(r.Err, arguments) && arguments["account"] != nil {
		return "account"
	}
	return ""
}

func (Poll) pollOnce(ctx context.Context, c contact, arguments json.RawMessage) (adcp.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	return c.caller.Call(ctx, c.agent, c.profile.PollTool, arguments)
}

// accountOf returns the account that a request was sent with, nil if it has none.
func accountOf(request json.RawMessage) (json.RawMessage, error) {
	var sent struct {
		Account json.RawMessage `json:"account"`
	}
	err := json.Unmarshal(request, &sent)
	return sent.Account, err
}

func (p Poll) planner(op operation.Operation, profile registry.Profile) planner {
	return planner{p.Store, p.Deps, support(op, profile), false}
}

// apply applies the answer of a poll or a look-up. One without a status says that the work goes on,
// whatever was observed of it meanwhile. later is the time that the agent asked for beside it.
func (p Poll) apply(ctx context.Context, polled operation.Operation, profile registry.Profile, a adcp.Answer,
	later time.Duration) (operation.Decision, error) {
	return p.planner(polled, profile).advance(ctx, polled, func(op *operation.Operation, now time.Time) *operation.Change {
		o := operation.Observation{Channel: operation.ByPoll, Answer: a, At: now}
		if a.Status == "" {
			o.Answer.Status = openStatus(op.State)
		}
		if op.State.Terminal() { // a webhook was faster: it changes nothing, and counts (race R2)
			op.Polled()
			after, e, _ := operation.Apply(*op, o)
			*op = after
			return recorded(e)
		}
		op.BackOff(now, later)
		if e, missing := op.AwaitResult(now, a); missing {
			return recorded(e)
		}
		op.Polled()
		after, e, verdict := operation.Apply(*op, o)
		*op = after
		if verdict != operation.WrongTask {
			op.Attempts.PollErrors = 0
		}
		return &operation.Change{Events: []operation.Event{e}, Result: resultOf(op, a, verdict, now)}
	})
}

// openStatus is the status on the wire of an operation that is open, and whose request the agent is
// known to have accepted.
func openStatus(s operation.State) adcp.Status {
	status := adcp.Status(strings.ReplaceAll(string(s), "_", "-"))
	if !status.Valid() || status.Terminal() {
		return adcp.StatusSubmitted
	}
	return status
}

// failByResponse records a poll that the agent answered with an error, or with nothing that can be
// read.
func (p Poll) failByResponse(ctx context.Context, op operation.Operation, profile registry.Profile, r adcp.Response) (
	operation.Decision, error) {
	if r.Err == nil {
		return p.fail(ctx, op, profile, 0, operation.AgentUnreached, "the agent's answer could not be read", "")
	}
	reason := operation.AgentRefuses
	if r.Err.Code == "REFERENCE_NOT_FOUND" { // proves nothing (contract E7, G9): the agent may have forgotten
		reason = operation.TaskNotFound
	}
	return p.fail(ctx, op, profile, r.Err.RetryAfter, reason, r.Err.Describe(), r.Err.Message)
}

// failByError records a poll without an answer. An internal fault is returned.
func (p Poll) failByError(ctx context.Context, op operation.Operation, profile registry.Profile, cause error) (
	operation.Decision, error) {
	var ce *adcp.CallError
	if !errors.As(cause, &ce) {
		return operation.Decision{}, cause
	}
	opLog(op).WarnContext(ctx, "poll without answer", "error", ce)
	reason := operation.AgentUnreached
	switch {
	case outcomeOfCall(ce) == adcp.Refused, ce.Authorization != "" && !ce.AuthorizationWaits:
		reason = operation.AgentRefuses
	case ce.RPCCode != 0:
		reason = operation.AgentAnswersError
	}
	return p.fail(ctx, op, profile, ce.RetryAfter, reason, registry.DescribeCallError(ce), "")
}

// fail records a poll without a usable answer. words are the agent's, if it answered in any.
func (p Poll) fail(ctx context.Context, polled operation.Operation, profile registry.Profile,
	retryAfter time.Duration, reason operation.Reason, detail, words string) (operation.Decision, error) {
	return p.planner(polled, profile).advance(ctx, polled, func(op *operation.Operation, now time.Time) *operation.Change {
		if op.State.Terminal() {
			return recorded(op.Overtaken(now, operation.ByPoll, retryAfter, detail))
		}
		e := op.FailPoll(now, retryAfter, reason, detail)
		e.AgentMessage = adcp.Words(words)
		return recorded(e)
	})
}

// skip plans on without a question: there is nothing to ask about, no tool to ask by, or it is too
// early. It counts as a poll, so that the delays grow and the workflow's history stays bounded. It
// has no event but that of the attention which the finding may raise.
func (p Poll) skip(ctx context.Context, seen operation.Operation, profile registry.Profile, f finding) (
	operation.Decision, error) {
	return p.planner(seen, profile).advance(ctx, seen, func(op *operation.Operation, now time.Time) *operation.Change {
		if op.State.Terminal() {
			return nil
		}
		op.NotPolled(now)
		if f.clean {
			if e, ok := op.CleanLookUp(now); ok { // the agent has asked for a repetition, and gets it
				return recorded(e)
			}
		}
		f.flag(op, now)
		op.BumpVersion(now)
		return &operation.Change{}
	})
}
