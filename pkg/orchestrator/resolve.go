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

// Resolution is how an operation has ended, as a person has found out.
type Resolution struct {
	State            operation.State
	Reason, Evidence string
	// Result is the body of the task's answer, MediaBuyID the buy; zero if none is known.
	Result     json.RawMessage
	MediaBuyID string
	// Unverified: it holds although the agent can't be asked.
	Unverified bool
}

// value is what is known of the task's own body.
func (r Resolution) value() json.RawMessage {
	if r.Result != nil || r.MediaBuyID == "" {
		return r.Result
	}
	b, _ := json.Marshal(map[string]string{"media_buy_id": r.MediaBuyID}) // strings always marshal
	return b
}

// Resolve ends an operation of which the orchestrator can't find out more, as a person says. It is
// the only act that can make a promise untrue: so where the person says that a purchase did not
// come about, the agent is asked first.
type Resolve struct {
	Store  CallStore
	Agents registry.Caller
	// NewKey returns a fresh idempotency key for each question (contract C5).
	NewKey func() string
	// Breaker allows calls; nil allows all.
	Breaker  *breaker.Breaker
	Workflow Waker
	Deps     Deps
}

const (
	// resolveBudget bounds the questions, discovery included: API Gateway ends every request after 29
	// s. resolveReserve is how long before its caller's deadline they end: our write needs the rest.
	resolveBudget  = 20 * time.Second
	resolveReserve = 6 * time.Second
)

// Run ends an operation. by.IfVersion has to be the version that the person has seen. It returns
// the operation as stored, store.ErrNotFound, a *VersionMismatchError, an
// *operation.ActRefusedError, or a fault after which the same request may be sent again.
func (r Resolve) Run(ctx context.Context, tenant, id string, by Act, in Resolution) (operation.Operation, error) {
	op, err := r.Store.Get(ctx, tenant, id)
	if err != nil {
		return op, err
	}
	now := r.Deps.Now().UTC()
	if err := by.checkVersion(op); err != nil {
		return op, err
	}
	if err := op.MayResolve(now); err != nil {
		return op, err
	}
	unverified := false
	if in.State != operation.Completed && op.IsPurchase() {
		err := r.verify(ctx, op)
		var refused *operation.ActRefusedError
		failed := errors.As(err, &refused) && refused.Code == operation.LookUpFailed
		if unverified = failed && in.Unverified; err != nil && !unverified {
			return op, err
		}
	}
	// What was checked holds for this version only: a webhook or a call that came since decides.
	by.IfVersion = op.Version
	acts := Acts{Store: r.Store, Workflow: r.Workflow, Deps: r.Deps}
	var result json.RawMessage
	op, err = updateFrom(ctx, r.Store, op, func(op operation.Operation) (*operation.Change, error) {
		if err := by.checkVersion(op); err != nil {
			return nil, err
		}
		now := r.Deps.Now().UTC()
		if err := op.MayResolve(now); err != nil {
			return nil, err
		}
		if op.Type.MakesBuy() && in.MediaBuyID != "" {
			op.MediaBuyID = in.MediaBuyID
		}
		result = in.Result
		e := op.Resolve(now, operation.Resolution{State: in.State, Reason: in.Reason, Evidence: in.Evidence,
			Unverified: unverified, At: now, Actor: by.Actor}, in.value())
		return &operation.Change{Op: op, Events: []operation.Event{by.signed(e)}, Result: result}, nil
	})
	if err == nil {
		acts.wake(ctx, op, Wakeup{Next: operation.NextSettle})
	}
	return op, err
}

// verify asks the agent whether it has done what an operation asked for. It returns nil if the
// agent proves that it has not, else an *operation.ActRefusedError or a fault of ours. The call
// passes the gates as reads do: now or not at all.
func (r Resolve) verify(ctx context.Context, op operation.Operation) error {
	until := time.Now().Add(resolveBudget) // no time of an operation: contexts end by this clock
	if own, ok := ctx.Deadline(); ok && own.Add(-resolveReserve).Before(until) {
		until = own.Add(-resolveReserve)
	}
	agent := agentOf(op)
	known, err := registry.Recall(ctx, r.Store, agent)
	if err != nil {
		return err
	}
	permitted, err := r.Breaker.Allow(ctx, breaker.Call{
		Tenant: op.Tenant, AgentKey: agent.CircuitKey(), Origin: agent.Origin(), Now: true,
	})
	if err != nil {
		return err
	}
	if permitted.Reason != "" {
		return lookUpFailed(op, "the agent can't be asked now: "+
			waits{reason: permitted.Reason, gate: permitted.Gate}.describe())
	}
	report := &breaker.Report{Result: breaker.ResultUnknown}
	defer func() { permitted.Permit.Report(ctx, *report) }()
	asking, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	agents, end := inOneSession(asking, r.Agents)
	defer end()
	c := contact{agent: agent, caller: observedCaller{boundedCaller{agents, until}, report}, until: until}
	c.profile, err = registry.Refresh(asking, r.Store, c.caller, agent, known.For(op.Type), r.Deps.Now())
	if err != nil {
		return lookUpError(op, err)
	}
	if c.late() { // a question that our own clock cuts off would look like an agent that does not answer
		return lookUpFailed(op, "the agent's discovery took all the time")
	}
	c.agent.Signing = c.profile.Capabilities.Signing()
	return r.look(asking, op, c)
}

// look asks for the task, if one is known, and looks through what the agent lists.
func (r Resolve) look(ctx context.Context, op operation.Operation, c contact) error {
	request, err := r.Store.Request(ctx, op.Tenant, op.ID)
	if err != nil {
		return err
	}
	c.agent.Secrets = adcp.SecretsOf(request)
	if op.TaskID != "" && c.profile.PollTool != "" {
		response, err := Poll{NewKey: r.NewKey}.question(ctx, c, op, request)
		if err != nil {
			return lookUpError(op, err)
		}
		if answer, readable := adcp.ReadPoll(op.Type, response); readable {
			if err := lives(op, answer); err != nil {
				return err
			}
		} else if response.Err == nil || response.Err.Code != "REFERENCE_NOT_FOUND" {
			return lookUpFailed(op, "the agent does not say what became of its task")
		}
	}
	search := newLookUp(c, request, op, r.NewKey)
	search.strict = true
	answer, complete, err := search.run(ctx)
	switch {
	case err != nil:
		return lookUpError(op, err)
	case answer != nil:
		return lives(op, *answer)
	case !complete:
		return lookUpFailed(op, "the agent's lists do not show it, and do not prove that nothing is there")
	}
	return nil
}

// lives returns an error if what the agent shows may be a live buy, or may become one.
func lives(op operation.Operation, a adcp.Answer) error {
	if a.Status.Terminal() && a.Status != adcp.StatusCompleted {
		return nil
	}
	e := &operation.ActRefusedError{Code: operation.LiveBuy, State: op.State,
		Why: "the agent shows a buy of the operation"}
	if named := a.Named(); named != "" {
		e.Why = "the agent shows " + named + " of the operation"
	} else if id := adcp.ReadBuyFacts(a.Value).MediaBuyID; id != "" {
		e.Why = "the agent shows " + adcp.Answer{MediaBuyID: id}.Named() + " of the operation"
	}
	if s := openStatus(op.State); a.Status == "" {
		a.Status = s
	}
	e.Why += ", as " + string(a.Status) + "; a poll brings that, or resolve it as completed"
	return e
}

func lookUpError(op operation.Operation, cause error) error {
	var ce *adcp.CallError
	if !errors.As(cause, &ce) {
		return cause
	}
	return lookUpFailed(op, registry.DescribeCallError(ce))
}

func lookUpFailed(op operation.Operation, why string) error {
	return &operation.ActRefusedError{Code: operation.LookUpFailed, State: op.State, Why: why +
		`; try again later, or send "unverified": true with a key that has the scope keys:write`}
}
