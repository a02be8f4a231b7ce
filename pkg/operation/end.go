package operation

import (
	"maps"
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
	e := endOf(op.Type, a)
	id, named := op.Terminal.Members[identity]
	seenID, seenNamed := e.members[identity]
	if named && seenNamed && id != seenID {
		return false
	}
	if e.fingerprint == "" || op.Terminal.Fingerprint == "" || e.fingerprint == op.Terminal.Fingerprint {
		return true
	}
	return named == seenNamed && sameMembers(op.Terminal, e)
}

// sameMembers reports whether two ends agree in all that both say about the outcome, at any depth.
// Without anything in common they do not.
func sameMembers(known *Terminal, seen end) bool {
	common := 0
	for name, digest := range seen.members {
		before, both := known.Members[name]
		if !both || slices.Contains(changesLater, name) || slices.Contains(followsFrom, name) {
			continue
		}
		if digest != before && !seen.agrees(known.Parts[name], name) {
			return false
		}
		common++
	}
	return common > 0
}

// isNews reports whether an observation after the end is about the buy that the operation has made
// and not about its task, and describes it: a webhook outlives its task (contract F15). It has to
// name the same buy. Another end of the task itself is no news.
func isNews(op Operation, o Observation) (detail string, news bool) {
	a := o.Answer
	if o.Channel != ByWebhook || op.State != Completed || op.Terminal.Members[identity] == "" {
		return "", false
	}
	if a.EndOfBuy || a.Provisional { // the buy's status, of a task that is completed (contract A31)
		a.Status = adcp.StatusCompleted
	}
	if len(a.Value) == 0 {
		a.Value = a.Progress // an open status has its body there
	}
	e, known := endOf(op.Type, a), op.Terminal.Members
	if e.members[identity] != known[identity] {
		return "", false
	}
	otherTask := op.TaskID != "" && a.TaskID != "" && a.TaskID != op.TaskID ||
		a.TaskType != "" && a.TaskType != string(op.Type)
	stands := a.BuyStatus()
	switch {
	case a.Status == adcp.StatusCompleted:
		news = sameEnd(op, a) && saysMore(known, e.members, otherTask)
	case otherTask:
		news = true
	case a.Status == adcp.StatusCanceled || a.Status == adcp.StatusRejected:
		// A buy can end like this when its task is long done (contract A11). Both of a buy's own states
		// are a task's too: whose it is, the buy's status says, or that only a buy was made here.
		news = stands == string(a.Status) || stands == "" && op.Type.MakesBuy()
		stands = string(a.Status)
	case !a.Status.Terminal():
		news = saysMore(known, withoutProgress(e.members), true)
	}
	if detail = "about the buy, after its task"; stands != "" {
		detail += ": it is " + stands
	}
	return detail, news
}

// progressMembers are what the body of an open task has besides the buy's id.
var progressMembers = []string{"percentage", "current_step", "total_steps", "step_number", "reason", "errors", "ext"}

// withoutProgress returns the members that do not say how far a task is.
func withoutProgress(members map[string]string) map[string]string {
	rest := maps.Clone(members)
	maps.DeleteFunc(rest, func(name, _ string) bool { return slices.Contains(progressMembers, name) })
	return rest
}

// saysMore reports whether a report shows the buy in a later state than the end did, or, where
// members that the end did not have count too, has such members.
func saysMore(known, seen map[string]string, addedCount bool) bool {
	for name, digest := range seen {
		before, both := known[name]
		later := slices.Contains(changesLater, name) && digest != before
		added := addedCount && !both && !slices.Contains(followsFrom, name)
		if later || added {
			return true
		}
	}
	return false
}
