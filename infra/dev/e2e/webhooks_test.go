package e2e

import (
	"context"
	"testing"
	"time"

	"adcp-orchestrator/pkg/operation"
)

func TestRefusedWebhookIsListedInTheQuarantine(t *testing.T) {
	t.Parallel()
	h := newHarness(t, 2)
	op := h.waitSettled(t, h.buy(t, map[string]any{"webhook": "wrong_key", "delay_ms": 700}).ID)
	checkEnded(t, op, operation.Completed, operation.ByPoll) // not by the forged webhook
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		page, err := h.Quarantine(ctx, "")
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			continue // it may still be on its way
		}
		q := page[0]
		if q.OperationID != op.ID || q.Authentic || q.Code != "webhook_signature_invalid" || q.AgentID != "seller" {
			t.Errorf("quarantined %+v", q)
		}
		return
	}
}

// The demo seller's keys are discovered through its brand.json.
func TestKeysOfTheSellerAreShown(t *testing.T) {
	t.Parallel()
	h := newHarness(t, 120)
	op := h.waitSettled(t, h.buy(t, map[string]any{"delay_ms": 700}).ID)
	checkEnded(t, op, operation.Completed, operation.ByWebhook)
	var keys map[string]any
	if err := h.Read(t.Context(), "/v1/agents/seller/keys", &keys); err != nil {
		t.Fatal(err)
	}
	if keys["jwks_uri"] != env(t, "SELLER_JWKS_URL") {
		t.Errorf("keys are %v", keys)
	}
}
