package orchestrator

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"adcp-orchestrator/pkg/adcp"
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

// task looks for the operation's task in the agent's list (contract C16, G8). found is nil if none
// is proven to be the operation's. A task is proven by its context, which carries the operation's
// id. A task without a context is the operation's only if it is the single hit for the operation's
// id and a search for a random id finds nothing: an agent that ignores the filter returns
// everything. If the id finds nothing, the list is read without it: agents search for a text where
// they like (contract G2). The answer binds the task, and the next poll reads its result.
//
// Every task has a context if it was made with one, so a task without it may be the operation's.
func (l *lookUp) task(ctx context.Context) (found *adcp.Answer, list listing, err error) {
	ctx, cancel := l.bound(ctx)
	defer cancel()
	tasks, all, err := l.searchTasks(ctx, l.op.ID)
	if err == nil && all && len(tasks) == 0 {
		tasks, all, err = l.searchTasks(ctx, "")
	} else if err == nil && all && len(tasks) == 1 && !hasContext(tasks[0].Context) {
		others, allOthers, err := l.searchTasks(ctx, l.newKey())
		if err != nil {
			return nil, listing{}, err
		}
		if allOthers && len(others) == 0 {
			return tasks[0].answer(), listing{}, nil
		}
	}
	if err != nil {
		return nil, listing{}, err
	}
	withContext := 0
	for _, t := range tasks {
		if carriesID(t.Context, l.op.ID) {
			return t.answer(), listing{}, nil
		}
		if hasContext(t.Context) {
			withContext++
		}
	}
	// An agent that refused the account may have listed another one.
	list.complete = all && withContext == len(tasks) && !slices.Contains(l.leftOut[l.profile.ListTool], "account")
	list.blind = all && withContext == 0 && len(tasks) > 0
	return nil, list, nil
}

// answer binds the task to the operation, whatever the operation's state.
func (t listedTask) answer() *adcp.Answer { return &adcp.Answer{TaskID: t.ID} }

// searchTasks lists the tasks of the operation's type that were created since its first call and
// contain a text, if there is one (contract G2). all is false if it gave up before the last page.
// The agent may ignore each of these filters; tasks of other types are dropped here.
func (l *lookUp) searchTasks(ctx context.Context, text string) (found []listedTask, all bool, err error) {
	since := l.op.Call.FirstAt.Add(-maxClockSkew).UTC().Format(time.RFC3339)
	filters := map[string]any{"task_type": l.op.Type, "created_after": since}
	if text != "" {
		filters["context_contains"] = text
	}
	arguments := map[string]any{
		"filters": filters,
		// Tasks that are created meanwhile come last.
		"sort": map[string]any{"field": "created_at", "direction": "asc"},
	}
	all, err = l.pages(ctx, l.profile.ListTool, arguments, func(p page) (enough bool, err error) {
		items, err := p.items("tasks")
		for _, raw := range items {
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
