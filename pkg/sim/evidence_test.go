package sim

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
)

// evidence is what the seller really did to an operation, and what went wrong on our side: all that
// attention may be raised for.
type evidence struct {
	// How often the seller refused us, answered an AdCP error or half an answer, could not be reached
	// or read, did not know its task, asked for input, and reported an end without its result.
	refused, errors, unreached, notFound, asked, incomplete int
	// unreadable counts the lists among unreached that did not have what was asked for.
	unreadable int
	// mayHaveBought: a purchase or an input got no answer that settles it. accepted: the seller
	// accepted the purchase and named no task.
	mayHaveBought, accepted bool
	// ownFaults counts what our processes and the table did wrong.
	ownFaults int
	inputs    int // that were sent
	// contradicted: the seller said two things about one task that can't both be true.
	contradicted bool
	// lists is what the last lists showed, by tool.
	lists map[string]shown
	// raised are all attentions so far.
	raised []operation.Attention
}

// shown is what a list showed to an operation.
type shown struct {
	items, contexts int
	own             bool // with the operation's own context
}

// of is the evidence about an operation. Between runs it is nobody's.
func (f *faults) of(id string) *evidence {
	if f.evidence[id] == nil {
		f.evidence[id] = &evidence{lists: map[string]shown{}}
	}
	return f.evidence[id]
}

// observe keeps what the seller answered to the operation that runs.
func (f *faults) observe(tool string, r adcp.Response, err error) {
	e, buys := f.of(f.w.running), buysWith(tool)
	var ce *adcp.CallError
	switch {
	case errors.As(err, &ce):
		refused := ce.Outcome == adcp.Refused || ce.Outcome == adcp.Unsent && ce.Status >= 400 && ce.Status < 500
		if refused {
			e.refused++
		} else {
			e.unreached++
		}
		if ce.Status == 200 {
			e.errors++
		}
		// No status of HTTP proves that nothing was bought (contract C29).
		e.mayHaveBought = e.mayHaveBought || buys && (ce.Outcome != adcp.Unsent || ce.Status != 0)
	case r.Err != nil:
		e.errors++
		if r.Err.Code == "REFERENCE_NOT_FOUND" {
			e.notFound++
		}
		e.mayHaveBought = e.mayHaveBought || buys
	case err == nil:
		e.read(f.w.running, tool, r.Payload)
	}
}

// read keeps what an answer without an error says.
func (e *evidence) read(id, tool string, payload json.RawMessage) {
	type item struct{ Context json.RawMessage }
	var a struct {
		Status adcp.Status
		TaskID string `json:"task_id"`
		BuyID  string `json:"media_buy_id"`
		Result struct {
			Buy string `json:"media_buy_id"`
		}
		MediaBuys []item `json:"media_buys"`
		Tasks     []item
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(payload, &a) != nil || json.Unmarshal(payload, &members) != nil {
		return
	}
	if a.Status == adcp.StatusInputRequired {
		e.asked++
	}
	switch {
	case buysWith(tool):
		named := a.TaskID != "" || a.Status == adcp.StatusInputRequired
		e.accepted = e.accepted || !named
		e.mayHaveBought = e.mayHaveBought || !named && a.BuyID == ""
	case tool == "get_task_status":
		if a.Status == adcp.StatusCompleted && a.Result.Buy == "" {
			e.incomplete++
		}
		if a.TaskID == "" {
			e.unreached++
		}
	default:
		if members["media_buys"] == nil && members["tasks"] == nil {
			e.unreached++
			e.unreadable++
			return
		}
		list := shown{}
		for _, i := range slices.Concat(a.MediaBuys, a.Tasks) {
			list.items++
			if len(i.Context) > 2 {
				list.contexts++
			}
			list.own = list.own || isContextOf(i.Context, id)
		}
		e.lists[tool] = list
	}
}

// isContextOf reports whether a context is the one that an operation was sent with.
func isContextOf(context json.RawMessage, id string) bool {
	var c struct {
		ID string `json:"adcp_operation_id"`
	}
	return json.Unmarshal(context, &c) == nil && c.ID == id
}

// tasksOf returns what a seller's ledger has of an operation, under whatever key.
func (f *faults) tasksOf(op operation.Operation) (own []*task) {
	s := f.w.seller(op.Tenant)
	for _, id := range slices.Sorted(maps.Keys(s.tasks)) {
		if isContextOf(s.tasks[id].context, op.ID) {
			own = append(own, s.tasks[id])
		}
	}
	return own
}

// checkEnd checks an end as it is stored: the seller's ledger has to say the same at that time.
func (f *faults) checkEnd(op operation.Operation) {
	confirmed := false
	for _, t := range f.tasksOf(op) {
		over := !f.w.now.Add(maxSkew).Before(t.done)
		live := t.approved && (t.outcome == adcp.StatusCompleted || !over)
		confirmed = confirmed || live && over
		if live && op.State != operation.Completed {
			f.violated("%s: %s by %s, and the seller has a live buy of it, %s", op.ID, op.State, op.Terminal.Channel, t.id)
		}
	}
	if op.State == operation.Completed && !confirmed {
		f.violated("%s: completed by %s, and the seller has not confirmed a buy of it", op.ID, op.Terminal.Channel)
	}
}
