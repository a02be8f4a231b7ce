package orchestrator

import (
	"context"
	"encoding/json"
	"slices"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
)

// buysTool is the tool that lists an account's media buys.
const buysTool = "get_media_buys"

// buyStatuses are all statuses of a media buy (contract A7). Without them an agent lists active
// buys only, and what was bought just now is not active yet. Agents that list status by status show
// new buys first.
var buyStatuses = []string{
	"pending_creatives", "pending_start", "active", "paused", "completed", "rejected", "canceled",
}

// listsBuys reports whether what an operation makes is a buy, and the agent lists its buys.
func listsBuys(op operation.Operation, p registry.Profile) bool {
	return op.Type.MakesBuy() && hasBuysTool(p)
}

// hasBuysTool reports whether the agent lists its buys.
func hasBuysTool(p registry.Profile) bool { return slices.Contains(p.Tasks, buysTool) }

// listedBuy is a media buy as the agent lists it.
type listedBuy struct {
	ID          string          `json:"media_buy_id"`
	Status      string          `json:"status"`
	ConfirmedAt json.RawMessage `json:"confirmed_at"`
	Context     json.RawMessage `json:"context"`
	CreatedAt   json.RawMessage `json:"created_at"`
	PONumber    json.RawMessage `json:"po_number"`
	OrderRef    json.RawMessage `json:"purchase_order_ref"`
	ProposalID  json.RawMessage `json:"accepted_proposal_id"`
	TermsDigest json.RawMessage `json:"accepted_proposal_terms_digest"`
	Proposal    json.RawMessage `json:"accepted_proposal"`
	BuyerRef    json.RawMessage `json:"buyer_ref"`
	Account     json.RawMessage `json:"account"`
	raw         json.RawMessage
}

// readBuy reads a listed buy, nil if it can't be read.
func readBuy(raw json.RawMessage) *listedBuy {
	b := &listedBuy{raw: raw}
	if json.Unmarshal(raw, b) != nil || b.ID == "" {
		return nil
	}
	return b
}

// answer is what a listed buy says about the task that made it (contract A31), or whose proposal
// changed it (contract A32); nil for no buy. It is a snapshot and not the task's own body: the two
// must not be compared (contract H5). A buy that waits says that the work goes on.
func (b *listedBuy) answer(task adcp.Task) *adcp.Answer {
	if b == nil {
		return nil
	}
	end := adcp.EndOfBuy(b.Status, b.ConfirmedAt)
	if task == adcp.AcceptProposal && adcp.AcceptsChange(b.Proposal, b.Status) {
		end = adcp.StatusCompleted
	}
	if end == adcp.StatusSubmitted {
		return &adcp.Answer{}
	}
	return &adcp.Answer{Status: end, EndOfBuy: end != adcp.StatusCompleted, Value: b.raw, Snapshot: true}
}

// isNamedBy reports whether the agent named the buy in an answer to the operation's call. A context
// decides where there is one.
func (b *listedBuy) isNamedBy(op operation.Operation) bool {
	return op.MediaBuyID != "" && b.ID == op.MediaBuyID && !hasContext(b.Context)
}

// proposalID is the proposal that the buy now stands on, "" if the list does not say.
func (b *listedBuy) proposalID() string {
	if id := textOf(b.ProposalID); id != "" {
		return id
	}
	var p struct {
		ID string `json:"proposal_id"`
	}
	_ = json.Unmarshal(b.Proposal, &p) // what is no proposal has no id
	return p.ID
}

// buy looks through the account's buys. found is nil if none is the operation's. Not every buy has
// a context, because not every buy was made through AdCP: the list would show the operation's if it
// shows any.
func (l *lookUp) buy(ctx context.Context) (found *listedBuy, list listing, err error) {
	ctx, cancel := l.bound(ctx)
	defer cancel()
	seen := l.newBuys()
	read, err := l.pages(ctx, buysTool, "media_buys", map[string]any{"status_filter": buyStatuses}, seen.add)
	if err != nil || seen.found != nil {
		return seen.found, listing{}, err
	}
	list.blind = read.all && seen.blind()
	// An agent that refused the filter or the account listed what it likes.
	left := l.leftOut[buysTool]
	list.complete = read.proven && seen.withContext > 0 && !seen.hidden() &&
		seen.showsProposals() && !slices.Contains(left, "status_filter") && !slices.Contains(left, "account")
	if list.complete && (l.strict || l.op.NeedsCleanLookUp()) {
		found, list.complete, err = l.filters(ctx, seen.statuses)
	}
	return found, list, err
}

// filters reports whether the agent's list of buys obeys the filter by status. One that ignores it
// shows active buys only, and what was bought just now is not active. Asked for the statuses that
// it has not shown, an agent that ignores the filter shows one of the others again.
func (l *lookUp) filters(ctx context.Context, shown []string) (found *listedBuy, obeys bool, err error) {
	var others []string
	for _, status := range buyStatuses {
		if !slices.Contains(shown, status) {
			others = append(others, status)
		}
	}
	if len(others) == 0 {
		return nil, true, nil
	}
	seen := l.newBuys()
	read, err := l.pages(ctx, buysTool, "media_buys", map[string]any{"status_filter": others}, seen.add)
	if err != nil || seen.found != nil {
		return seen.found, false, err
	}
	for _, status := range seen.statuses {
		if !slices.Contains(others, status) {
			return nil, false, nil
		}
	}
	left := slices.Contains(l.leftOut[buysTool], "status_filter") || slices.Contains(l.leftOut[buysTool], "account")
	return nil, read.proven && !seen.hidden() && !left, nil
}
