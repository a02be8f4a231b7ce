package operation

import (
	"slices"

	"adcp-orchestrator/pkg/adcp"
)

// changesLater are the members of a buy's result that say how the buy stands, and change after the
// task that made it has ended (contract A11, F15).
var changesLater = []string{"media_buy_status", "status", "confirmed_at", "revision"}

// followsFrom are the members that say what may be done with a buy as it stands. They contradict
// nothing and are no news.
var followsFrom = []string{"valid_actions", "available_actions"}

// sameEnd compares two ends (contract H4). Without a value on one side nothing proves them
// different (contract H5). Real agents report one task as rejected by webhook and as failed by
// poll: those are one end. They also put members into one channel's result and not into another's,
// so only the members that both have are compared.
func sameEnd(op Operation, a adcp.Answer) bool {
	if a.EndOfBuy && op.State == Completed { // the buy was canceled or rejected since
		a.Status = adcp.StatusCompleted
	}
	known, seen := op.Terminal.Status, a.Status
	refusal := func(s adcp.Status) bool { return s == adcp.StatusFailed || s == adcp.StatusRejected }
	if known != seen {
		return refusal(known) && refusal(seen)
	}
	if refusal(known) {
		return true
	}
	fingerprint, members := endOf(op.Type, a)
	id, named := op.Terminal.Members[identity]
	seenID, seenNamed := members[identity]
	if named && seenNamed && id != seenID {
		return false
	}
	if fingerprint == "" || op.Terminal.Fingerprint == "" || fingerprint == op.Terminal.Fingerprint {
		return true
	}
	return named == seenNamed && sameMembers(op.Terminal.Members, members)
}

// sameMembers reports whether two ends agree in all that both say about the outcome. Without
// anything in common they do not.
func sameMembers(known, seen map[string]string) bool {
	common := 0
	for name, digest := range seen {
		before, both := known[name]
		if !both || slices.Contains(changesLater, name) || slices.Contains(followsFrom, name) {
			continue
		}
		if digest != before {
			return false
		}
		common++
	}
	return common > 0
}

// isNews reports whether an observation after the end is about the buy that the operation has made
// and not about its task: a webhook outlives its task (contract F15). It has to name the same buy.
// Another end of the task itself is no news.
func isNews(op Operation, o Observation) bool {
	a, id := o.Answer, op.Terminal.Members[identity]
	if o.Channel != ByWebhook || op.State != Completed || id == "" {
		return false
	}
	if a.EndOfBuy || a.Provisional { // the buy's status, of a task that is completed (contract A31)
		a.Status = adcp.StatusCompleted
	}
	if len(a.Value) == 0 {
		a.Value = a.Progress // an open status has its body there
	}
	_, members := endOf(op.Type, a)
	if members[identity] != id {
		return false
	}
	otherTask := op.TaskID != "" && a.TaskID != "" && a.TaskID != op.TaskID ||
		a.TaskType != "" && a.TaskType != string(op.Type)
	if a.Status != adcp.StatusCompleted {
		return otherTask
	}
	return sameEnd(op, a) && saysMore(op.Terminal.Members, members, otherTask)
}

// saysMore reports whether a completed report shows the buy in a later state than the end did, or,
// being about another task, has members that the end did not have.
func saysMore(known, seen map[string]string, otherTask bool) bool {
	for name, digest := range seen {
		before, both := known[name]
		later := slices.Contains(changesLater, name) && digest != before
		added := otherTask && !both && !slices.Contains(followsFrom, name)
		if later || added {
			return true
		}
	}
	return false
}
