package orchestrator

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
)

// lookupTool lists an account's media buys.
const lookupTool = "get_media_buys"

// mostPages bounds a look-up: an account's buys, a hundred to the page.
const maxPages = 20

// snapshot is a media buy as the agent shows it.
type snapshot struct {
	ID      string          `json:"media_buy_id"`
	Status  string          `json:"status"`
	Context json.RawMessage `json:"context"`
	raw     json.RawMessage
}

// unresolved reports whether an operation's call may have been carried out without our hearing of it, at an agent whose buys or tasks can be looked through.
// Its request is not sent again, and no task is known to poll: the buy and the task themselves are the only traces (contract C16, C19). So they are of a request
// that waits for an approval, which may be given elsewhere (contract J10).
func unresolved(op operation.Operation, p registry.Profile) bool {
	unheard := op.State == operation.CallingAdCP && (op.Call.Unclear || op.Call.InFlight)
	return op.TaskID == "" && (unheard || op.NeedsInput()) && (listsBuys(op, p) || listsTasks(p))
}

// findable reports whether no tool tells of an operation's task, but what the task makes shows among the agent's buys. What is refused shows nowhere: that is for
// a webhook to tell, or for a human to find out.
func findable(op operation.Operation, p registry.Profile) bool {
	return op.TaskID != "" && p.PollTool == "" && op.State != operation.Requested && listsBuys(op, p)
}

// listsBuys reports whether what an operation makes is a buy, and the agent shows its buys.
func listsBuys(op operation.Operation, p registry.Profile) bool {
	return op.Type == adcp.CreateMediaBuy && slices.Contains(p.Tasks, lookupTool)
}

// lookUp looks for the buy and the task of an unresolved operation. A buy that is found ends the operation, a task that is found is its task from then on.
// Nothing found proves nothing (contract G6, G10), and the operation waits on.
func (p Poll) lookUp(ctx context.Context, agent registry.Agent, profile registry.Profile, op operation.Operation, m operation.AgentSupport) (operation.Decision, error) {
	request, err := p.Store.Request(ctx, op.Tenant, op.ID)
	if err != nil {
		return operation.Decision{}, err
	}
	var answer *adcp.Answer
	if listsBuys(op, profile) {
		var found *snapshot
		if found, err = p.lookUpBuy(ctx, agent, op, request); found != nil && (op.State == operation.CallingAdCP || !found.waits()) {
			a := found.answer()
			answer = &a
		}
	}
	if err == nil && answer == nil && op.TaskID == "" && listsTasks(profile) {
		answer, err = p.lookUpTask(ctx, agent, profile.ListTool, op, request)
	}
	var ce *adcp.CallError
	switch {
	case errors.As(err, &ce):
		return p.pollFailed(ctx, op, m, err)
	case err != nil:
		return operation.Decision{}, err
	case answer == nil:
		return p.skipPoll(ctx, op, m)
	}
	slog.InfoContext(ctx, "what came of a call that was not answered was found at the agent", "operation", op.ID, "tenant", op.Tenant, "agent", op.AgentID)
	step, err := p.apply(ctx, op, m, *answer)
	if errors.Is(err, store.ErrTaskTaken) { // the agent shows one task for two operations: it proves nothing for the second
		return p.skipPoll(ctx, op, m)
	}
	return step, err
}

// answer is what a buy's snapshot says of the task that made it. A snapshot is not the task's own body: it must not be compared with one (contract H5).
func (s snapshot) answer() adcp.Answer {
	a := adcp.Answer{Status: adcp.StatusCompleted, Value: s.raw, Snapshot: true}
	switch s.Status {
	case "rejected":
		a.Status = adcp.StatusRejected
	case "canceled":
		a.Status = adcp.StatusCanceled
	}
	return a
}

// waits reports whether a buy is not one yet: the agent shows what it still asks about.
func (s snapshot) waits() bool { return s.Status == "pending_approval" || s.Status == "draft" }

// find looks through the account's buys. It returns nil if none is the operation's.
func (p Poll) lookUpBuy(ctx context.Context, agent registry.Agent, op operation.Operation, request json.RawMessage) (found *snapshot, err error) {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	_, err = p.pages(ctx, agent, lookupTool, request, map[string]any{}, func(payload json.RawMessage) (enough bool, err error) {
		var page struct {
			Buys []json.RawMessage `json:"media_buys"`
		}
		err = json.Unmarshal(payload, &page)
		found = findBuy(page.Buys, op.ID)
		return found != nil, err
	})
	return found, err
}

// pages asks an agent for one page after the other, a hundred to each (contract G7), until read has seen enough or there is none left. What is asked goes with
// the account of the request, and with a fresh key each time. all is false if it gave up before the last page.
func (p Poll) pages(ctx context.Context, agent registry.Agent, tool string, request json.RawMessage, asked map[string]any, read func(payload json.RawMessage) (enough bool, err error)) (all bool, err error) {
	var sent struct {
		Account json.RawMessage `json:"account"`
	}
	if err := json.Unmarshal(request, &sent); err != nil {
		return false, err
	}
	if len(sent.Account) > 0 {
		asked["account"] = sent.Account
	}
	asked["adcp_version"] = adcp.Version
	pagination := map[string]any{"max_results": 100}
	asked["pagination"] = pagination
	for range maxPages {
		asked["idempotency_key"] = p.NewKey()
		arguments, err := json.Marshal(asked)
		if err != nil {
			return false, err
		}
		response, err := p.Agents.Call(ctx, agent, tool, arguments)
		if err != nil {
			return false, err
		}
		if response.Err != nil {
			return false, &adcp.CallError{Outcome: adcp.Refused, RetryAfter: response.Err.RetryAfter, Code: response.Err.Code, Cause: errors.New(tool + " was answered " + response.Err.Code)}
		}
		var page struct {
			Pagination struct {
				More   bool   `json:"has_more"`
				Cursor string `json:"cursor"`
			} `json:"pagination"`
		}
		err = json.Unmarshal(response.Payload, &page)
		enough := false
		if err == nil {
			enough, err = read(response.Payload)
		}
		if err != nil {
			return false, &adcp.CallError{Outcome: adcp.Refused, Cause: errors.New(tool + " could not be read")}
		}
		if enough || !page.Pagination.More || page.Pagination.Cursor == "" {
			return !page.Pagination.More, nil
		}
		pagination["cursor"] = page.Pagination.Cursor
	}
	return false, nil
}

// match finds the buy that carries an operation's id in its context.
func findBuy(buys []json.RawMessage, id string) *snapshot {
	for _, raw := range buys {
		s := snapshot{raw: raw}
		if json.Unmarshal(raw, &s) == nil && s.ID != "" && carriesID(s.Context, id) {
			return &s
		}
	}
	return nil
}
