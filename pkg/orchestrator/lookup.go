package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
)

// contextMember is the member of a buy's context that holds our operation's id. Agents keep a buy's context and show it wherever they show the buy, which
// makes it the natural key that proves a buy to be an operation's (contract B8, C16, G10). It is not part of the idempotency fingerprint (contract C9).
const contextMember = "adcp_operation_id"

// lookupTool lists an account's media buys.
const lookupTool = "get_media_buys"

// mostPages bounds a look-up: an account's buys, a hundred to the page.
const mostPages = 20

// snapshot is a media buy as the agent shows it.
type snapshot struct {
	ID      string          `json:"media_buy_id"`
	Status  string          `json:"status"`
	Context json.RawMessage `json:"context"`
	raw     json.RawMessage
}

// unresolved reports whether an operation's call may have bought without our hearing of it, at an agent whose buys can be looked through. Its request is
// not sent again, and there is no task to poll: the buy itself is the only trace (contract C16, C19).
func unresolved(op operation.Operation, p Profile) bool {
	return op.Type == adcp.CreateMediaBuy && op.State == operation.CallingAdCP && op.TaskID == "" && (op.Dial.Unclear || op.Dial.InFlight) &&
		slices.Contains(p.Tasks, lookupTool)
}

// lookUp looks for the buy of an unresolved operation. One that is found ends the operation; one that isn't proves nothing (contract G6, G10), and the
// operation waits on.
func (p Poll) lookUp(ctx context.Context, agent Agent, op operation.Operation, m operation.Means) (operation.Step, error) {
	request, err := p.Store.Request(ctx, op.Tenant, op.ID)
	if err != nil {
		return operation.Step{}, err
	}
	found, err := p.find(ctx, agent, op, request)
	var ce *adcp.CallError
	switch {
	case errors.As(err, &ce):
		return p.missed(ctx, op, m, err)
	case err != nil:
		return operation.Step{}, err
	case found == nil:
		return p.rest(ctx, op, m)
	}
	slog.InfoContext(ctx, "a buy whose call was not answered was found at the agent", "operation", op.ID, "tenant", op.Tenant, "agent", op.AgentID)
	return p.apply(ctx, op, m, found.answer())
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

// find pages through the account's buys (contract G7). It returns nil if none is the operation's.
func (p Poll) find(ctx context.Context, agent Agent, op operation.Operation, request json.RawMessage) (*snapshot, error) {
	var sent struct {
		Account json.RawMessage `json:"account"`
	}
	if err := json.Unmarshal(request, &sent); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, pollBudget)
	defer cancel()
	cursor := ""
	for range mostPages {
		pagination := map[string]any{"max_results": 100}
		if cursor != "" {
			pagination["cursor"] = cursor
		}
		arguments, err := json.Marshal(struct {
			Account        json.RawMessage `json:"account,omitempty"`
			Pagination     map[string]any  `json:"pagination"`
			Version        string          `json:"adcp_version"`
			IdempotencyKey string          `json:"idempotency_key"`
		}{sent.Account, pagination, adcp.Version, p.NewKey()})
		if err != nil {
			return nil, err
		}
		response, err := p.Agents.Call(ctx, agent, lookupTool, arguments)
		if err != nil {
			return nil, err
		}
		if response.Err != nil {
			return nil, &adcp.CallError{Outcome: adcp.Refused, RetryAfter: response.Err.RetryAfter, Cause: errors.New(lookupTool + " was answered " + response.Err.Code)}
		}
		var page struct {
			Buys       []json.RawMessage `json:"media_buys"`
			Pagination struct {
				More   bool   `json:"has_more"`
				Cursor string `json:"cursor"`
			} `json:"pagination"`
		}
		if err := json.Unmarshal(response.Payload, &page); err != nil {
			return nil, &adcp.CallError{Outcome: adcp.Refused, Cause: errors.New(lookupTool + " could not be read")}
		}
		if s := match(page.Buys, op.ID); s != nil {
			return s, nil
		}
		if cursor = page.Pagination.Cursor; !page.Pagination.More || cursor == "" {
			return nil, nil
		}
	}
	return nil, nil
}

// match finds the buy that carries an operation's id in its context.
func match(buys []json.RawMessage, id string) *snapshot {
	for _, raw := range buys {
		s := snapshot{raw: raw}
		var carried map[string]json.RawMessage
		var got string
		if json.Unmarshal(raw, &s) == nil && s.ID != "" && json.Unmarshal(s.Context, &carried) == nil &&
			json.Unmarshal(carried[contextMember], &got) == nil && got == id {
			return &s
		}
	}
	return nil
}

// withContext puts the operation's id into a buy's context, beside what the client has there.
func withContext(client json.RawMessage, id string) (json.RawMessage, error) {
	members := map[string]json.RawMessage{}
	if len(client) > 0 {
		if err := json.Unmarshal(client, &members); err != nil {
			return nil, err
		}
	}
	members[contextMember] = json.RawMessage(`"` + id + `"`)
	return json.Marshal(members)
}
