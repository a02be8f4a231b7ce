package orchestrator

import (
	"context"
	"encoding/json"

	"adcp-orchestrator/pkg/adcp"
)

// listedBuy is a media buy as the agent lists it.
type listedBuy struct {
	ID      string          `json:"media_buy_id"`
	Status  string          `json:"status"`
	Context json.RawMessage `json:"context"`
	raw     json.RawMessage
}

// answer is what a listed buy says about the task that made it. It is a snapshot and not the task's
// own body: the two must not be compared (contract H5).
func (b listedBuy) answer() adcp.Answer {
	a := adcp.Answer{Status: adcp.StatusCompleted, Value: b.raw, Snapshot: true}
	switch b.Status {
	case "rejected":
		a.Status = adcp.StatusRejected
	case "canceled":
		a.Status = adcp.StatusCanceled
	}
	return a
}

// waits reports whether a buy is not one yet: the agent shows what it still asks about.
func (b listedBuy) waits() bool { return b.Status == "pending_approval" || b.Status == "draft" }

// buy looks through the account's buys. It returns nil if none is the operation's.
func (l lookUp) buy(ctx context.Context) (found *listedBuy, err error) {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	_, err = l.pages(ctx, buysTool, map[string]any{}, func(payload json.RawMessage) (enough bool, err error) {
		var page struct {
			Buys []json.RawMessage `json:"media_buys"`
		}
		err = json.Unmarshal(payload, &page)
		found = findBuy(page.Buys, l.op.ID)
		return found != nil, err
	})
	return found, err
}

// findBuy returns the buy whose context carries an operation's id, nil if there is none.
func findBuy(buys []json.RawMessage, id string) *listedBuy {
	for _, raw := range buys {
		b := listedBuy{raw: raw}
		if json.Unmarshal(raw, &b) == nil && b.ID != "" && carriesID(b.Context, id) {
			return &b
		}
	}
	return nil
}
