package hazard

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
)

// scenario is one hazard.
type scenario struct {
	name   string
	seller *seller
	// mode is the registered webhook mode, RFC 9421 if empty. format is the form of the webhooks.
	mode    operation.WebhookMode
	format  adcp.Format
	horizon time.Duration // how long the operation is followed, 3 days if 0
	setup   func(h *harness)

	// The required end.
	state     operation.State
	attention operation.Reason
	purchases int
	check     func(t *testing.T, h *harness)
}

// Whatever the seller does, it gets one payload under one key, and has at most one task.
func TestHazards(t *testing.T) {
	t.Parallel()
	all := slices.Concat(
		transportHazards(),
		versionHazards(),
		pollingHazards(),
		a2aHazards(),
		outcomeHazards(),
		answerHazards(),
		idempotencyHazards(),
		afterBuyingHazards(),
		buyListHazards(),
		webhookHazards(),
		endHazards(),
		signatureHazards(),
		storyboards(),
	)
	var mu sync.Mutex
	table := map[string]string{}
	t.Cleanup(func() {
		for _, sc := range all {
			t.Log(table[sc.name])
		}
	})
	t.Logf("%-70s | %-34s | purchases", "hazard", "outcome")
	for _, sc := range all {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			h := sc.run(t)
			outcome := string(h.op.State)
			if a := h.op.Attention; a != nil {
				outcome += ", " + string(a.Reason)
			}
			mu.Lock()
			if table[sc.name] != "" {
				t.Error("two scenarios have this name")
			}
			table[sc.name] = fmt.Sprintf("%-70s | %-34s | %d", sc.name, outcome, h.seller.purchases())
			mu.Unlock()
			sc.verify(t, h)
			if t.Failed() {
				t.Log(h.timeline())
			}
		})
	}
}

func (sc scenario) verify(t *testing.T, h *harness) {
	t.Helper()
	var attention operation.Reason
	if a := h.op.Attention; a != nil {
		attention = a.Reason
	}
	if h.op.State != sc.state || attention != sc.attention {
		t.Errorf("the operation is %s with attention %q, want %s with %q",
			h.op.State, attention, sc.state, sc.attention)
	}
	if n := h.seller.purchases(); n != sc.purchases || n > 1 || len(h.seller.tasks) > 1 {
		t.Errorf("%d purchases and %d tasks, want %d", n, len(h.seller.tasks), sc.purchases)
	}
	creates := h.seller.createCalls()
	for _, c := range creates {
		if string(c.raw) != string(creates[0].raw) {
			t.Errorf("the request changed from\n%s\nto\n%s", creates[0].raw, c.raw)
		}
	}
	if sc.state == operation.Completed && sc.attention != operation.ResultMissing && h.mediaBuyID() != "mb_task_1" {
		t.Errorf("the result is %s", h.result)
	}
	if sc.state.Terminal() && (h.op.PublishedAt.IsZero() || !h.op.DueAt.IsZero()) {
		t.Error("the operation ended and its end was not published, or it is still due")
	}
	if sc.check != nil {
		sc.check(t, h)
	}
}

// timeline describes what happened, for a failed test.
func (h *harness) timeline() string {
	var b strings.Builder
	for _, e := range h.events {
		fmt.Fprintf(&b, "\n%s %s %s: %s to %s %s",
			e.At.Format(time.DateTime), e.Kind, e.Channel, e.From, e.To, e.Detail)
	}
	fmt.Fprintf(&b, "\nwebhooks: %s\ncreates %d, polls %d",
		h.replyCodes(), len(h.seller.createCalls()), len(h.seller.pollCalls()))
	return b.String()
}
