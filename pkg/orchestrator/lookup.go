package orchestrator

import (
	"context"
	"encoding/json"
	"errors"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
)

// buysTool is the tool that lists an account's media buys.
const buysTool = "get_media_buys"

// maxPages bounds a look-up: an account's buys or tasks, a hundred to the page.
const maxPages = 20

// unresolved reports whether an operation's call may have been carried out without our knowing it,
// at an agent whose buys or tasks can be looked through. Its request is not sent again and no task
// is known to poll, so the buy and the task themselves are the only traces (contract C16, C19). The
// same holds for a request that waits for an approval, which may be given elsewhere (contract J10).
func unresolved(op operation.Operation, p registry.Profile) bool {
	lost := op.State == operation.CallingAdCP && (op.Call.Unclear || op.Call.InFlight)
	return op.TaskID == "" && (lost || op.NeedsInput()) && (listsBuys(op, p) || listsTasks(p))
}

// findable reports whether no tool returns the status of an operation's task, but the agent lists
// what the task makes. A refusal shows nowhere: only a webhook or a person can report it.
func findable(op operation.Operation, p registry.Profile) bool {
	return op.TaskID != "" && p.PollTool == "" && op.State != operation.Requested && listsBuys(op, p)
}

// support is what an agent offers for following an operation.
func support(op operation.Operation, p registry.Profile) operation.AgentSupport {
	s := p.Support()
	s.Searchable = listsBuys(op, p) || listsTasks(p)
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
	answer, err := lookUp{c, request, op, p.NewKey}.run(ctx)
	if err != nil {
		return p.failByError(ctx, op, c.profile, err)
	}
	if answer == nil {
		return p.skip(ctx, op, c.profile)
	}
	opLog(op).InfoContext(ctx, "the result of a call without an answer was found at the agent")
	next, err := p.apply(ctx, op, c.profile, *answer)
	if errors.Is(err, store.ErrTaskTaken) { // the agent shows one task for two operations: no proof for the second
		return p.skip(ctx, op, c.profile)
	}
	return next, err
}

// lookUp is the search for what an operation has made at its agent.
type lookUp struct {
	contact
	request json.RawMessage // the frozen request, whose account is looked through
	op      operation.Operation
	newKey  func() string
}

// run returns what the agent shows of the operation, nil if it shows nothing that proves to be the
// operation's.
func (l lookUp) run(ctx context.Context) (*adcp.Answer, error) {
	if listsBuys(l.op, l.profile) {
		buy, err := l.buy(ctx)
		if err != nil {
			return nil, err
		}
		if buy != nil && (l.op.State == operation.CallingAdCP || !buy.waits()) {
			a := buy.answer()
			return &a, nil
		}
	}
	if l.op.TaskID == "" && listsTasks(l.profile) {
		return l.task(ctx)
	}
	return nil, nil
}

// pages calls a listing tool for one page after the other, a hundred items to each (contract G7),
// until read has seen enough or there is none left. Each question has the request's account and a
// fresh key. all is false if it gave up before the last page.
func (l lookUp) pages(ctx context.Context, tool string, arguments map[string]any,
	read func(payload json.RawMessage) (enough bool, err error)) (all bool, err error) {
	account, err := accountOf(l.request)
	if err != nil {
		return false, err
	}
	if len(account) > 0 {
		arguments["account"] = account
	}
	arguments["adcp_version"] = adcp.Version
	pagination := map[string]any{"max_results": 100}
	arguments["pagination"] = pagination
	for range maxPages {
		arguments["idempotency_key"] = l.newKey()
		payload, err := l.page(ctx, tool, arguments)
		if err != nil {
			return false, err
		}
		more, cursor, err := readPagination(payload)
		enough := false
		if err == nil {
			enough, err = read(payload)
		}
		if err != nil {
			return false, &adcp.CallError{Outcome: adcp.Refused, Cause: errors.New(tool + " could not be read")}
		}
		if enough || !more || cursor == "" {
			return !more, nil
		}
		pagination["cursor"] = cursor
	}
	return false, nil
}

// page returns the payload of one page. An AdCP error is returned as a *adcp.CallError.
func (l lookUp) page(ctx context.Context, tool string, arguments map[string]any) (json.RawMessage, error) {
	raw, err := json.Marshal(arguments)
	if err != nil {
		return nil, err
	}
	r, err := l.caller.Call(ctx, l.agent, tool, raw)
	if err != nil {
		return nil, err
	}
	if r.Err != nil {
		return nil, &adcp.CallError{Outcome: adcp.Refused, RetryAfter: r.Err.RetryAfter, Code: r.Err.Code,
			Cause: errors.New(tool + ": " + r.Err.Describe())}
	}
	return r.Payload, nil
}

func readPagination(payload json.RawMessage) (more bool, cursor string, err error) {
	var page struct {
		Pagination struct {
			More   bool   `json:"has_more"`
			Cursor string `json:"cursor"`
		} `json:"pagination"`
	}
	err = json.Unmarshal(payload, &page)
	return page.Pagination.More, page.Pagination.Cursor, err
}
