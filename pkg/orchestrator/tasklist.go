package orchestrator

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
	"context"
	"encoding/json"
	"time"
)

// clocksApart is how much later than ours an agent's clock may be set for its tasks to be found.
const maxClockSkew = 10 * time.Minute

// listed is a task as the agent lists it (contract G4).
type listedTask struct {
	ID      string          `json:"task_id"`
	Type    string          `json:"task_type"`
	Context json.RawMessage `json:"context"`
}

// listsTasks reports whether an agent lists its tasks and tells how one stands: a list has no results.
func listsTasks(p registry.Profile) bool { return p.ListTool != "" && p.PollTool != "" }

// findTask looks for an operation's task in the agent's list (contract C16, G8), nil if none is proven to be its. A task is proven by the context that it
// carries; or by being the only one that the agent finds by the operation's id, if it finds none by an id that nobody was ever sent: a search that
// passes over the text finds all. A list tells no results: the answer binds the task, and the next poll reads it.
func (p Poll) lookUpTask(ctx context.Context, agent registry.Agent, tool string, op operation.Operation, request json.RawMessage) (*adcp.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	found, all, err := p.searchTasks(ctx, agent, tool, op, request, op.ID)
	if err != nil {
		return nil, err
	}
	for _, t := range found {
		if carriesID(t.Context, op.ID) {
			return t.answer(op), nil
		}
	}
	if len(found) != 1 || !all {
		return nil, nil
	}
	others, all, err := p.searchTasks(ctx, agent, tool, op, request, p.NewKey())
	if err != nil || len(others) > 0 || !all {
		return nil, err
	}
	return found[0].answer(op), nil
}

// answer binds the task to the operation. Of one that waits for us it does not say that it has gone on.
func (t listedTask) answer(op operation.Operation) *adcp.Answer {
	status := adcp.StatusSubmitted
	if op.NeedsInput() {
		status = op.ADCPStatus
	}
	return &adcp.Answer{Status: status, TaskID: t.ID}
}

// search lists the tasks of an operation's type that came up since its first call and hold a text (contract G2); all is false if it gave up before the last
// page. The agent may pass over any of these filters: what is another type's is left out here.
func (p Poll) searchTasks(ctx context.Context, agent registry.Agent, tool string, op operation.Operation, request json.RawMessage, text string) (found []listedTask, all bool, err error) {
	asked := map[string]any{
		"filters": map[string]any{"task_type": op.Type, "context_contains": text, "created_after": op.Call.FirstAt.Add(-maxClockSkew).UTC().Format(time.RFC3339)},
		"sort":    map[string]any{"field": "created_at", "direction": "asc"}, // what comes up meanwhile comes last
	}
	all, err = p.pages(ctx, agent, tool, request, asked, func(payload json.RawMessage) (enough bool, err error) {
		var page struct {
			Tasks []json.RawMessage `json:"tasks"`
		}
		err = json.Unmarshal(payload, &page)
		for _, raw := range page.Tasks {
			var t listedTask
			if json.Unmarshal(raw, &t) == nil && t.ID != "" && t.Type == string(op.Type) {
				found = append(found, t)
			}
		}
		return false, err
	})
	if err != nil {
		return nil, false, err
	}
	return found, all, nil
}
