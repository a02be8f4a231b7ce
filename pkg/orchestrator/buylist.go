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
	return op.Type == adcp.CreateMediaBuy && slices.Contains(p.Tasks, buysTool)
}

// listedBuy is a media buy as the agent lists it.
type listedBuy struct {
	ID          string          `json:"media_buy_id"`
	Status      string          `json:"status"`
	ConfirmedAt json.RawMessage `json:"confirmed_at"`
	Context     json.RawMessage `json:"context"`
	raw         json.RawMessage
}

// answer is what a listed buy says about the task that made it; nil for no buy. It is a snapshot
// and not the task's own body: the two must not be compared (contract H5). A buy that waits says
// that the work goes on.
func (b *listedBuy) answer() *adcp.Answer {
	if b == nil {
		return nil
	}
	a := &adcp.Answer{Status: adcp.StatusCompleted, Value: b.raw, Snapshot: true}
	switch {
	case b.Status == "rejected":
		a.Status = adcp.StatusRejected
	case b.Status == "canceled":
		a.Status = adcp.StatusCanceled
	case b.waits():
		return &adcp.Answer{}
	}
	return a
}

// waits reports whether the seller has not committed itself to a buy: it says so by confirmed_at
// null (contract A9), whatever the status. Without confirmed_at, a status that no media buy has
// shows no commitment either; real agents list pending_approval and draft (contract A10).
func (b *listedBuy) waits() bool {
	if b.ConfirmedAt != nil {
		return string(b.ConfirmedAt) == "null"
	}
	return b.Status != "" && !slices.Contains(buyStatuses, b.Status)
}

// isNamedBy reports whether the agent named the buy in an answer to the operation's call. A context
// decides where there is one.
func (b *listedBuy) isNamedBy(op operation.Operation) bool {
	return op.MediaBuyID != "" && b.ID == op.MediaBuyID && !hasContext(b.Context)
}

// buy looks through the account's buys. found is nil if none is the operation's. Not every buy has
// a context, because not every buy was made through AdCP: the list would show the operation's if it
// shows any.
func (l *lookUp) buy(ctx context.Context) (found *listedBuy, list listing, err error) {
	ctx, cancel := l.bound(ctx)
	defer cancel()
	buys, withContext := 0, 0
	arguments := map[string]any{"status_filter": buyStatuses}
	all, err := l.pages(ctx, buysTool, arguments, func(p page) (enough bool, err error) {
		items, err := p.items("media_buys")
		for _, raw := range items {
			b := &listedBuy{raw: raw}
			if json.Unmarshal(raw, b) != nil || b.ID == "" {
				continue
			}
			buys++
			if hasContext(b.Context) {
				withContext++
			}
			if carriesID(b.Context, l.op.ID) || b.isNamedBy(l.op) {
				found = b
				return true, nil
			}
		}
		return false, err
	})
	list.blind = all && buys > 0 && withContext == 0
	// An agent that refused the filter listed what it likes.
	list.complete = all && !list.blind && !slices.Contains(l.leftOut[buysTool], "status_filter")
	return found, list, err
}
