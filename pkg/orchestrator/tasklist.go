package orchestrator

import (
	"context"
	"encoding/json"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
)

// maxClockSkew is how far an agent's clock may be behind ours for its tasks to be found.
const maxClockSkew = 10 * time.Minute

// listedTask is a task as the agent lists it (contract G4).
type listedTask struct {
	ID      string          `json:"task_id"`
	Type    string          `json:"task_type"`
	Context json.RawMessage `json:"context"`
}

// listsTasks reports whether an agent lists its tasks and returns the status of one: a list has no
// results.
func listsTasks(p registry.Profile) bool { return p.ListTool != "" && p.PollTool != "" }

// task looks for the operation's task in the agent's list (contract C16, G8). It returns nil if
// none is proven to be the operation's. A task is proven by its context, which carries the
// operation's id. Otherwise it is the operation's only if it is the single hit for the operation's
// id and a search for a random id finds nothing: an agent that ignores the filter returns
// everything. The answer binds the task, and the next poll reads its result.
func (l lookUp) task(ctx context.Context) (*adcp.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	found, all, err := l.searchTasks(ctx, l.op.ID)
	if err != nil {
		return nil, err
	}
	for _, t := range found {
		if carriesID(t.Context, l.op.ID) {
			return t.answer(l.op), nil
		}
	}
	if len(found) != 1 || !all {
		return nil, nil
	}
	others, all, err := l.searchTasks(ctx, l.newKey())
	if err != nil || len(others) > 0 || !all {
		return nil, err
	}
	return found[0].answer(l.op), nil
}

// answer binds the task to the operation. It leaves an operation that needs input as it is.
func (t listedTask) answer(op operation.Operation) *adcp.Answer {
	status := adcp.StatusSubmitted
	if op.NeedsInput() {
		status = op.ADCPStatus
	}
	return &adcp.Answer{Status: status, TaskID: t.ID}
}

// searchTasks lists the tasks of the operation's type that were created since its first call and
// contain a text (contract G2). all is false if it gave up before the last page. The agent may
// ignore each of these filters; tasks of other types are dropped here.
func (l lookUp) searchTasks(ctx context.Context, text string) (found []listedTask, all bool, err error) {
	since := l.op.Call.FirstAt.Add(-maxClockSkew).UTC().Format(time.RFC3339)
	arguments := map[string]any{
		"filters": map[string]any{"task_type": l.op.Type, "context_contains": text, "created_after": since},
		// Tasks that are created meanwhile come last.
		"sort": map[string]any{"field": "created_at", "direction": "asc"},
	}
	all, err = l.pages(ctx, l.profile.ListTool, arguments, func(payload json.RawMessage) (enough bool, err error) {
		var page struct {
			Tasks []json.RawMessage `json:"tasks"`
		}
		err = json.Unmarshal(payload, &page)
		for _, raw := range page.Tasks {
			var t listedTask
			if json.Unmarshal(raw, &t) == nil && t.ID != "" && len(t.ID) <= adcp.MaxID && t.Type == string(l.op.Type) {
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
