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
// The list is complete only if it was read without a search for the id.
func (l *lookUp) task(ctx context.Context) (found *adcp.Answer, list listing, err error) {
	ctx, cancel := l.bound(ctx)
	defer cancel()
	tasks, err := l.searchTasks(ctx, l.op.ID)
	if err == nil && tasks.read.all && len(tasks.found) == 1 && !hasContext(tasks.found[0].Context) {
		others, err := l.searchTasks(ctx, l.newKey())
		if err != nil {
			return nil, listing{}, err
		}
		if others.read.all && len(others.found) == 0 {
			return tasks.found[0].answer(), listing{}, nil
		}
	}
	if a := tasks.ofOperation(l.op.ID); a != nil && err == nil {
		return a, listing{}, nil
	}
	if err == nil && tasks.read.all && (len(tasks.found) == 0 || l.strict || l.op.NeedsCleanLookUp()) {
		tasks, err = l.searchTasks(ctx, "")
	}
	if err != nil {
		return nil, listing{}, err
	}
	if a := tasks.ofOperation(l.op.ID); a != nil {
		return a, listing{}, nil
	}
	withContext := 0
	for _, t := range tasks.found {
		if hasContext(t.Context) {
			withContext++
		}
	}
	// An agent that refused the account may have listed another one.
	list.complete = tasks.read.proven && withContext == len(tasks.found) && !tasks.unreadable &&
		!slices.Contains(l.leftOut[l.profile.ListTool], "account")
	list.blind = tasks.read.all && withContext == 0 && len(tasks.found) > 0
	return nil, list, nil
}

// tasksSeen is what a list of tasks has shown of the operation's type.
type tasksSeen struct {
	found      []listedTask
	unreadable bool // some tasks could not be read
	read       extent
}

// ofOperation returns the answer that binds the task whose context carries the operation's id, nil
// if there is none.
func (s tasksSeen) ofOperation(id string) *adcp.Answer {
	for _, t := range s.found {
		if carriesID(t.Context, id) {
			return t.answer()
		}
	}
	return nil
}

// answer binds the task to the operation, whatever the operation's state.
func (t listedTask) answer() *adcp.Answer { return &adcp.Answer{TaskID: t.ID} }

// searchTasks lists the tasks of the operation's type that were created since its first call and
// contain a text, if there is one (contract G2). The agent may ignore each of these filters; tasks
// of other types are dropped here.
func (l *lookUp) searchTasks(ctx context.Context, text string) (seen tasksSeen, err error) {
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
	seen.read, err = l.pages(ctx, l.profile.ListTool, "tasks", arguments, func(raw json.RawMessage) (enough bool) {
		var t listedTask
		switch {
		case json.Unmarshal(raw, &t) != nil || t.ID == "" || len(t.ID) > adcp.MaxID || t.Type == "":
			seen.unreadable = true
		case t.Type == string(l.op.Type):
			seen.found = append(seen.found, t)
		}
		return false
	})
	return seen, err
}
