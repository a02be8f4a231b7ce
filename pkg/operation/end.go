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

// isNews reports whether a webhook is about the buy, an account or the agent and not about the
// operation's task, and describes it: a webhook outlives its task, and some news overtakes its end
// (contract F15). Another end of the task itself is no news, and neither is another buy.
func isNews(op Operation, o Observation) (detail string, news bool) {
	switch {
	case o.Channel != ByWebhook:
		return "", false
	case o.News.Type != "":
		return describeNotification(o.News), true
	case !op.State.Terminal():
		return "about the buy, before the end of its task", newsBeforeTheEnd(op, o.Answer)
	case op.State != Completed:
		return "", false
	case op.Terminal.Members[identity] == "":
		return newsOfUnshownBuy(op, o.Answer)
	}
	return newsAfterTheEnd(op, o.Answer)
}

// newsOfUnshownBuy is newsAfterTheEnd for a purchase whose end showed no buy: there is nothing that
// the delivery could contradict but the buy that the agent named before.
func newsOfUnshownBuy(op Operation, a adcp.Answer) (detail string, news bool) {
	a = withBody(a)
	facts := adcp.ReadBuyFacts(a.Value)
	ended := a.Status == adcp.StatusCanceled || a.Status == adcp.StatusRejected
	tells := hasMember(endOf(op.Type, a).members, tellsOfBuy...) && a.Status != adcp.StatusFailed
	return "about the buy, after its task",
		op.Type.MakesBuy() && (ended || tells) && !op.isOtherBuy(facts.MediaBuyID)
}

func describeNotification(n adcp.News) string {
	switch n.Type.Anchor() {
	case adcp.AnchorBuy:
		return "a notification about the buy"
	case adcp.AnchorReport:
		return "a delivery report"
	case adcp.AnchorAccount:
		return "a notification about an account"
	case adcp.AnchorCaller:
		return "a notification about the agent"
	}
	return "a notification of a type that is not known"
}

// newsBeforeTheEnd reports whether an answer under another task's name tells how the operation's
// buy is: the seller has made it and not confirmed it, or the end of its task is still on its way.
// The operation is followed by its own task as ever.
func newsBeforeTheEnd(op Operation, a adcp.Answer) bool {
	ended := a.EndOfBuy || a.Status == adcp.StatusCanceled || a.Status == adcp.StatusRejected
	members := endOf(op.Type, withBody(a)).members
	id := adcp.ReadBuyFacts(withBody(a).Value).MediaBuyID
	tells := hasMember(members, "impairments", "health") || ended && id != "" && op.Type.MakesBuy()
	return op.Type.AboutBuy() && otherTask(op, a) && tells && !op.isOtherBuy(id)
}

func newsAfterTheEnd(op Operation, a adcp.Answer) (detail string, news bool) {
	buyEnds, stands := a.EndOfBuy, a.BuyStatus()
	if buyEnds {
		stands = string(a.Status)
	}
	if buyEnds || a.Provisional { // the buy's status, of a task that is completed (contract A31)
		a.Status = adcp.StatusCompleted
	}
	a = withBody(a)
	e, known := endOf(op.Type, a), op.Terminal.Members
	id, named := e.members[identity]
	if named && id != known[identity] {
		return "", false
	}
	other := otherTask(op, a)
	ended := a.Status == adcp.StatusCanceled || a.Status == adcp.StatusRejected
	switch {
	case buyEnds && (op.Type.MakesBuy() || other):
		news = true
	case ended && !other:
		// A buy can end like this when its task is long done (contract A11). Both of a buy's own states
		// are a task's too: whose it is, the buy's status says, or that only a buy was made here. What is
		// canceled after its end is the buy, whether it is named or not.
		news = stands == string(a.Status) || stands == "" && op.Type.MakesBuy()
		stands = string(a.Status)
	case other && named, other && ended && op.Type.MakesBuy():
		news = a.Status != adcp.StatusCompleted || !sameEnd(op, a) || saysMore(known, e.members, true)
	case a.Status == adcp.StatusCompleted && named:
		moved := sameEnd(op, a) || differs(known, e.members, "revision") // a later revision has other contents
		news = moved && saysMore(known, e.members, false)
	case !named:
		// A failure of a task of its own says nothing about the buy, whatever it shows.
		news = a.Status != adcp.StatusFailed && hasMember(e.members, tellsOfBuy...)
	case !a.Status.Terminal():
		news = saysMore(known, withoutProgress(e.members), true)
	}
	if detail = "about the buy, after its task"; stands != "" {
		detail += ": it is " + stands
	}
	return detail, news
}

// tellsOfBuy are members that only a message about a buy's state has.
var tellsOfBuy = []string{"impairments", "health", "media_buy_status", "cancellation", "rejection_reason"}

// hasMember reports whether there is one of the members.
func hasMember(members map[string]string, names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return members[name] != "" })
}

// differs reports whether both have a member, and it is not the same.
func differs(known, seen map[string]string, name string) bool {
	return known[name] != "" && seen[name] != "" && known[name] != seen[name]
}

// otherTask reports whether an answer names another task than the operation's, or another type.
func otherTask(op Operation, a adcp.Answer) bool {
	return op.TaskID != "" && a.TaskID != "" && a.TaskID != op.TaskID ||
		a.TaskType != "" && a.TaskType != string(op.Type)
}

// withBody returns an answer whose body is its Value: an open status has it in its progress.
func withBody(a adcp.Answer) adcp.Answer {
	if len(a.Value) == 0 {
		a.Value, a.ResultMissing = a.Progress, false
	}
	return a
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
