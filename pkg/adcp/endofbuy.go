package adcp

import "encoding/json"

// endByBuy makes of a completed purchase what its buy says (contract A31). m are the members of the
// task's body.
func (a *Answer) endByBuy(m map[string]json.RawMessage) {
	end := EndOfBuy(buyStatusIn(m), m["confirmed_at"])
	a.Status, a.Provisional = end, end == StatusSubmitted
	a.EndOfBuy = end == StatusRejected || end == StatusCanceled
}

// buyStatusIn returns what the body of a task about a buy calls the buy's status, "" if nothing.
func buyStatusIn(m map[string]json.RawMessage) string {
	buy, _ := text(m["media_buy_status"])
	if buy == "" { // the deprecated place, which may have the task's own status instead (contract A7)
		buy, _ = text(m["status"])
		if Status(buy).Valid() && !mediaBuyStatus(buy) {
			buy = ""
		}
	}
	return buy
}

// changesBuy reports whether a task, whose body has the members m, is about a buy that was there
// before. How that buy stands says nothing about the task.
func changesBuy(task Task, m map[string]json.RawMessage) bool {
	return task.ChangesBuy() || task == AcceptProposal && AcceptsChange(m["accepted_proposal"], buyStatusIn(m))
}

// AcceptsChange reports whether an accepted proposal changed or canceled a media buy, and made none
// (contract A32). Where the agent does not say what kind of proposal it is, the buy's status
// decides: a buy that is canceled by its acceptance is what a proposal to cancel it asks for.
func AcceptsChange(proposal json.RawMessage, buyStatus string) bool {
	m := object(proposal)
	switch kind, _ := text(m["proposal_kind"]); kind {
	case "media_buy_update", "media_buy_cancellation":
		return true
	case "":
		return hasAny(m, "base_media_buy_revision") || buyStatus == "canceled"
	}
	return false
}

// buyEnded reports whether the body of a change is that of a success after which the buy is
// canceled or rejected: then the status is the buy's own, and the change is done (contract A7,
// A30). An agent that cancels or rejects the change itself may name the buy as well. So rejected
// takes more than the id, and so does canceled beside a reason, which may be that of the
// cancellation, or where the request named no buy.
func buyEnded(task Task, status Status, m map[string]json.RawMessage) bool {
	own, deprecated := m["media_buy_status"], m["status"]
	if len(own) == 0 {
		own = deprecated
	}
	buy, _ := text(own)
	more := hasAny(m, "media_buy_status", "affected_packages", "affected_package_ids", "revision", "accepted_proposal")
	switch {
	case status != StatusCanceled && status != StatusRejected,
		buy != string(status),
		!hasResult(task, m),
		hasAny(m, "adcp_error"),
		!saysNothing(m["errors"]):
		return false
	case status == StatusRejected:
		return more && !hasAny(m, "reason")
	}
	return more || task != AcceptProposal && !hasAny(m, "reason")
}
