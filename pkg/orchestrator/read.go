package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/registry"
)

const (
	// readBudget bounds one read, discovery included: API Gateway ends every request after
	// 29 s, of which the authorizer, a cold start and the places that are given back need their
	// share.
	readBudget = 24 * time.Second
	// readReserve is how long before its caller's deadline a read ends: then the permit is
	// reported and the answer written.
	readReserve = 3 * time.Second
	// readDiscovery is how much of the budget a discovery may take, as at registration, and
	// minReadTime what has to be left of it for the call: one that our own clock cuts off would
	// look like an agent that does not answer.
	readDiscovery = 15 * time.Second
	minReadTime   = 8 * time.Second
)

// Read asks an agent something and returns the answer at once. It stores nothing of it, neither
// the question nor the answer, and logs neither.
type Read struct {
	Store  ReadStore
	Agents registry.Caller
	// NewKey returns a fresh idempotency key, for the releases whose requests always have one:
	// an agent would answer a used one from its cache (contract C5).
	NewKey func() string
	// Breaker allows calls; nil allows all.
	Breaker *breaker.Breaker
	Now     func() time.Time
}

// ReadStore is what reading needs of the store.
type ReadStore interface {
	registry.AgentReader
	registry.Profiles
}

// ReadAnswer is an agent's answer to a read.
type ReadAnswer struct {
	AgentID, Task string
	// Release is the one that the question was written in.
	Release string
	// Status is completed. Message and ContextID are the agent's, as Result is.
	Status             adcp.Status
	Message, ContextID string
	Result             json.RawMessage
}

// Run reads a task of one of the tenant's agents, with a body that holds the task's arguments.
// The call passes the breaker and the gates like a poll, but now or not at all: it waits in no
// line.
//
// It returns store.ErrNotFound for an agent that the tenant does not have, a *validation.Error
// for wrong arguments, a *ReadRefusedError if there is no answer, or a fault of ours. In each
// case the same read may be sent again.
func (r Read) Run(ctx context.Context, tenant, agentID, task string, body []byte) (ReadAnswer, error) {
	until := time.Now().Add(readBudget) // no time of an operation: contexts end by this clock
	if own, ok := ctx.Deadline(); ok && own.Add(-readReserve).Before(until) {
		until = own.Add(-readReserve)
	}
	if err := checkReadable(task); err != nil {
		return ReadAnswer{}, err
	}
	members, err := parseRead(task, body)
	if err != nil {
		return ReadAnswer{}, err
	}
	agent, err := r.Store.Agent(ctx, tenant, agentID)
	if err != nil {
		return ReadAnswer{}, err
	}
	known, err := registry.Recall(ctx, r.Store, agent)
	if err != nil {
		return ReadAnswer{}, err
	}
	permitted, err := r.Breaker.Allow(ctx, breaker.Call{
		Tenant: tenant, AgentKey: agent.CircuitKey(), Origin: agent.Origin(), Now: true,
	})
	if err != nil {
		return ReadAnswer{}, err
	}
	if permitted.Reason != "" {
		return ReadAnswer{}, r.refusedByGate(permitted)
	}
	report := &breaker.Report{Result: breaker.ResultUnknown}
	// Whoever waits in line is left to the operations that leave, and to the reconciler, which
	// looks at each line every minute. Reads fill no gate alone, and their function can't wake
	// executions.
	defer func() { permitted.Permit.Report(ctx, *report) }()
	q := question{task: task, members: members, agent: agent, until: until}
	return r.ask(ctx, q, known, observedCaller{r.Agents, report})
}

// question is what is asked of an agent.
type question struct {
	task    string
	members map[string]json.RawMessage
	agent   registry.Agent
	until   time.Time
}

// ask finds out how the agent is to be asked, and asks it.
func (r Read) ask(ctx context.Context, q question, known registry.Profile, caller registry.Caller) (
	ReadAnswer, error) {
	if protocolTool(q.task, known) == "" {
		known = known.For(adcp.Task(q.task))
	}
	discovery := boundedCaller{caller, q.until.Add(readDiscovery - readBudget)}
	p, err := registry.Refresh(ctx, r.Store, discovery, q.agent, known, r.Now())
	if err != nil {
		return ReadAnswer{}, q.unanswered(ctx, err)
	}
	tool, err := toolOf(q.task, q.agent, p)
	if err != nil {
		return ReadAnswer{}, err
	}
	if time.Until(q.until) < minReadTime { // the store or the discovery took all the time
		return ReadAnswer{}, outOfTime
	}
	release, spoken := p.Capabilities.Agree(adcp.Task(q.task), "")
	if !spoken && tool == protocolTool(q.task, p) { // agents have it under older names in older releases
		release, spoken = adcp.Negotiate(p.Capabilities.Versions, "")
	}
	if !spoken {
		return ReadAnswer{}, &ReadRefusedError{Code: TaskNotOffered, Detail: p.Capabilities.Unspoken(adcp.Task(q.task))}
	}
	q.agent.Signing = p.Capabilities.Signing()
	bounded := boundedCaller{caller, q.until}
	response, err := r.call(ctx, q, bounded, tool, release)
	if other := otherRelease(q.task, release, response); err == nil && other != "" {
		release = other
		response, err = r.call(ctx, q, bounded, tool, release)
	}
	if err != nil {
		return ReadAnswer{}, q.unanswered(ctx, err)
	}
	return q.answer(response, release)
}

// call asks once, in a release.
func (r Read) call(ctx context.Context, q question, caller registry.Caller, tool, release string) (
	adcp.Response, error) {
	q.members["idempotency_key"] = json.RawMessage(`"` + r.NewKey() + `"`)
	arguments, err := json.Marshal(q.members)
	if err != nil {
		return adcp.Response{}, err
	}
	if arguments, err = adcp.Shape(q.task, release, arguments); err != nil {
		return adcp.Response{}, err
	}
	return caller.Call(ctx, q.agent, tool, arguments)
}

// otherRelease returns the release that an agent names which does not speak the one that it was
// asked in, "" if it names none that we share (contract B31). A read may be repeated at will.
func otherRelease(task, release string, r adcp.Response) string {
	if r.Err == nil || r.Err.Code != adcp.VersionUnsupported {
		return ""
	}
	named := r.Err.SupportedVersions()
	other, ok := adcp.Capabilities{Versions: named}.Agree(adcp.Task(task), "")
	if len(named) == 0 || !ok || other == release {
		return ""
	}
	return other
}

// answer is what the agent's response says.
func (q question) answer(response adcp.Response, release string) (ReadAnswer, error) {
	a, ok := adcp.ReadResult(q.task, response)
	switch {
	case !ok:
		return ReadAnswer{}, &ReadRefusedError{Code: AnswerUnreadable,
			Detail: "the agent answered, but with neither a result nor an error that AdCP knows"}
	case !a.Status.Terminal():
		return ReadAnswer{}, answersLater(q.task, a)
	case a.Status != adcp.StatusCompleted:
		return ReadAnswer{}, agentFailed(a)
	}
	return ReadAnswer{AgentID: q.agent.ID, Task: q.task, Release: release, Status: a.Status, Message: a.Message,
		ContextID: a.ContextID, Result: a.Value}, nil
}

// unanswered says why there is no answer. What the agent said is not logged.
func (q question) unanswered(ctx context.Context, cause error) error {
	var ce *adcp.CallError
	if !errors.As(cause, &ce) {
		return cause
	}
	refused := q.describe(ce)
	slog.WarnContext(ctx, "read without answer", "tenant", q.agent.Tenant, "agent_id", q.agent.ID, "task", q.task,
		"detail", refused.Detail)
	return refused
}

// refusedByGate says why the agent must not be asked now.
func (r Read) refusedByGate(a breaker.Answer) error {
	refused := &ReadRefusedError{Code: AgentBusy, RetryAfter: max(time.Second, a.Slot.Sub(r.Now()))}
	switch a.Reason {
	case circuit.Open:
		refused.Code, refused.Detail = AgentAway, "the agent does not answer at present, so it was not asked"
	case circuit.Paused:
		refused.Code, refused.Detail = AgentPaused, "the agent is paused, so it was not asked"
	case circuit.BackingOff:
		refused.Detail = "the agent asked for time, so it was not asked"
	case circuit.Full:
		refused.Detail = "as many calls are under way as the " + string(a.Gate) + "'s limit allows to reads; the agent " +
			"was not asked"
	default:
		refused.Detail = "the agent's rate limit is used up; it was not asked"
	}
	return refused
}
