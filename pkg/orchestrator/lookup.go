package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
)

// unresolved reports whether an operation's call may have been carried out without our knowing its
// task, at an agent whose buys or tasks can be looked through: its answer was lost, or the agent
// accepted the request and named no task. The request is not sent again and there is no task to
// poll, so the buy and the task themselves are the only traces (contract A14, C16, C19). The same
// holds for a request that waits for an approval, which may be given elsewhere (contract J10).
func unresolved(op operation.Operation, p registry.Profile) bool {
	lost := op.State == operation.CallingAdCP && (op.Call.Unclear || op.Call.InFlight)
	return op.TaskID == "" && (lost || unnamed(op) || op.NeedsInput()) && (listsBuys(op, p) || listsTasks(p))
}

// unnamed reports whether the agent accepted an operation's request and has not named the task.
func unnamed(op operation.Operation) bool {
	return op.TaskID == "" && (op.State == operation.Submitted || op.State == operation.Working)
}

// findable reports whether no tool returns the status of an operation's task, but the agent lists
// what the task makes. A refusal shows nowhere: only a webhook or a person can report it.
func findable(op operation.Operation, p registry.Profile) bool {
	return op.TaskID != "" && p.PollTool == "" && op.State != operation.Requested && listsBuys(op, p)
}

// support is what an agent offers for following an operation.
func support(op operation.Operation, p registry.Profile) operation.AgentSupport {
	s := p.Support()
	s.Searchable = listsBuys(op, p)
	if !adcp.SendsKey(string(op.Type), releaseOf(op, p)) { // without a key nothing is replayed
		s.ReplayWindow = 0
	}
	return s
}

// lookUp looks for the buy and the task of an unresolved operation. A buy that is found ends the
// operation; a task that is found is bound to it. Nothing found proves nothing (contract G6, G10),
// and the operation waits on.
func (p Poll) lookUp(ctx context.Context, op operation.Operation, c contact) (operation.Decision, error) {
	request, err := p.Store.Request(ctx, op.Tenant, op.ID)
	if err != nil {
		return operation.Decision{}, err
	}
	c.agent.Secrets = adcp.SecretsOf(request)
	look := newLookUp(c, request, op, p.NewKey)
	answer, complete, err := look.run(ctx)
	switch {
	case err != nil:
		return p.failByError(ctx, op, c.profile, err)
	case answer == nil && complete:
		return p.skip(ctx, op, c.profile, notThere)
	case answer == nil && look.blind:
		return p.skip(ctx, op, c.profile, noContexts)
	case answer == nil:
		return p.skip(ctx, op, c.profile, notListed)
	}
	if answer.Status != "" || answer.TaskID != "" {
		opLog(op).InfoContext(ctx, "what a call without an answer has made was found at the agent")
	}
	next, err := p.apply(ctx, op, c.profile, *answer, look.later)
	if errors.Is(err, store.ErrTaskTaken) { // the agent shows one task for two operations: no proof for the second
		return p.skip(ctx, op, c.profile, notAsked)
	}
	return next, err
}

// finding is what a run found out about an operation, if it has nothing to apply to it.
type finding struct {
	detail string // of an attention, for the person who has to look at the agent
	// clean: nothing of the operation is at the agent (contract G17).
	clean bool
}

// The findings.
var (
	notAsked     finding
	listsNothing = finding{
		detail: "the agent accepted the request without naming its task, and lists nothing to find it in",
	}
	notListed = finding{
		detail: "the agent accepted the request without naming its task, and its lists do not show it",
	}
	notThere   = finding{detail: notListed.detail, clean: true}
	noContexts = finding{
		detail: "the agent's lists show no contexts, so no look-up can find what the request has made",
	}
)

// flag raises attention for a finding because of which only a webhook or a person can go on. An
// agent that has sent webhooks for the operation, or that waits for input, gets none. If the task
// is known and webhooks are configured, lists without contexts are worth a person's time only when
// the operation is late, as with an agent that has no lists.
func (f finding) flag(op *operation.Operation, now time.Time) {
	late := op.Webhook.Mode == operation.WebhookNone || !now.Before(op.Deadline)
	switch {
	case f == notAsked || op.NeedsInput() || op.State == operation.Requested:
	case f == notListed && op.State == operation.CallingAdCP && op.NeedsCleanLookUp():
		if !now.Before(op.Call.LookUpAfter) {
			op.FlagDetail(operation.OutcomeUnclear, now,
				"the agent says that it failed, and its lists do not prove that it has done nothing")
		}
	case f == noContexts && (op.TaskID == "" || late), unnamed(*op) && op.Attempts.Webhooks == 0:
		op.FlagDetail(operation.OutcomeUnclear, now, f.detail)
	}
}

// lookUp is the search for what an operation has made at its agent.
type lookUp struct {
	contact
	request json.RawMessage // the frozen request, whose account is looked through
	op      operation.Operation
	newKey  func() string
	// leftOut are the members that the agent refused in questions, by tool.
	leftOut map[string][]string
	// strict: what is not found is to be proven not to be there.
	strict bool
	// blind: what was looked through shows no contexts at all, so nothing can be found there.
	blind bool
	// later is the time that the agent asked for beside what was found (contract D8).
	later time.Duration
}

func newLookUp(c contact, request json.RawMessage, op operation.Operation, newKey func() string) *lookUp {
	return &lookUp{contact: c, request: request, op: op, newKey: newKey, leftOut: map[string][]string{}}
}

// run returns what the agent shows of the operation, nil if it shows nothing that proves to be the
// operation's. An answer without a status says that the work goes on: the buy waits for the seller,
// or the task is known now.
//
// complete says that nothing is hidden: every list that the agent offers is proven to be complete
// and would have shown the operation (contract G17). No answer and complete together mean that what
// the agent lists was not made by the operation's call, as far as lists go: they may lag behind.
// Lists that are empty prove nothing (contract G6).
func (l *lookUp) run(ctx context.Context) (answer *adcp.Answer, complete bool, err error) {
	var lists []listing
	if listsBuys(l.op, l.profile) {
		buy, list, listErr := l.buy(ctx)
		if err = listErr; err != nil && !answered(err) {
			return nil, false, err
		}
		if answer = buy.answer(l.op.Type); answer != nil && answer.Status != "" {
			return answer, true, nil
		}
		lists = append(lists, list)
	}
	if l.op.TaskID == "" && listsTasks(l.profile) {
		task, list, listErr := l.task(ctx)
		if task != nil {
			return task, true, nil
		}
		lists, err = append(lists, list), errors.Join(listErr, err)
	}
	if answer != nil { // a buy that waits is news enough, whatever happened to the list of tasks
		l.later = retryAfter(err)
		return answer, true, nil
	}
	if err != nil {
		return nil, false, err
	}
	// What an agent carries out at once has no task: tasks alone never show that nothing was done.
	complete, l.blind = listsBuys(l.op, l.profile), len(lists) > 0
	for _, list := range lists {
		complete = complete && list.complete
		l.blind = l.blind && list.blind
	}
	return nil, complete, nil
}

// answered reports whether an error is the agent's answer to a question, and no reason not to ask
// another one.
func answered(err error) bool {
	var ce *adcp.CallError
	own := errors.As(err, &ce) && ce.Status == 0 && ce.Outcome == adcp.Refused && ce.RetryAfter == 0
	return own || refusesQuestion(err)
}

// retryAfter is the time that an agent asked for with an error, 0 if it asked for none.
func retryAfter(err error) time.Duration {
	var ce *adcp.CallError
	if !errors.As(err, &ce) {
		return 0
	}
	return ce.RetryAfter
}

// listing is what a list that was looked through is worth.
type listing struct {
	// complete: it is proven to be all, and would have shown what the operation has made.
	complete bool
	// blind: it was read to its end, and none of its items carries a context.
	blind bool
}
