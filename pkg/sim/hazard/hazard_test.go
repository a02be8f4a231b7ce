package hazard

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"adcp-orchestrator/pkg/operation"
)

// scenario is one hazard.
type scenario struct {
	name   string
	seller *seller
	// mode is the registration's, RFC 9421 if empty; format that of the webhooks.
	mode    operation.WebhookMode
	format  operation.WebhookFormat
	horizon time.Duration // 3 days if 0
	begin   func(g *stage)

	// What has to come of it.
	state     operation.State
	attention operation.Reason
	purchases int
	check     func(t *testing.T, g *stage)
}

// TestHazards plays every scenario. Whatever the seller does, it is asked to buy with one key and one payload, and has at most one task.
func TestHazards(t *testing.T) {
	t.Parallel()
	all := slices.Concat(transportHazards(), versionHazards(), pollingHazards(), a2aHazards(), outcomeHazards(), idempotencyHazards(), webhookHazards(), signatureHazards())
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
			g := sc.play(t)
			outcome := string(g.op.State)
			if a := g.op.Attention; a != nil {
				outcome += ", " + string(a.Reason)
			}
			mu.Lock()
			if table[sc.name] != "" {
				t.Error("two scenarios of one name")
			}
			table[sc.name] = fmt.Sprintf("%-70s | %-34s | %d", sc.name, outcome, g.seller.purchases())
			mu.Unlock()
			sc.judge(t, g)
			if t.Failed() {
				t.Log(g.timeline())
			}
		})
	}
}

func (sc scenario) judge(t *testing.T, g *stage) {
	t.Helper()
	var attention operation.Reason
	if a := g.op.Attention; a != nil {
		attention = a.Reason
	}
	if g.op.State != sc.state || attention != sc.attention {
		t.Errorf("the operation is %s with attention %q, want %s with %q", g.op.State, attention, sc.state, sc.attention)
	}
	if n := g.seller.purchases(); n != sc.purchases || n > 1 || len(g.seller.tasks) > 1 {
		t.Errorf("%d purchases and %d tasks, want %d", n, len(g.seller.tasks), sc.purchases)
	}
	creates := g.seller.creates()
	for _, c := range creates {
		if string(c.raw) != string(creates[0].raw) {
			t.Errorf("the request changed from\n%s\nto\n%s", creates[0].raw, c.raw)
		}
	}
	if sc.state == operation.Completed && sc.attention != operation.ResultMissing && g.buy() != "mb_task_1" {
		t.Errorf("the result is %s", g.result)
	}
	if sc.state.Terminal() && (g.op.PublishedAt.IsZero() || !g.op.DueAt.IsZero()) {
		t.Errorf("ended and not settled")
	}
	if sc.check != nil {
		sc.check(t, g)
	}
}

// timeline is what happened, for a test that fails.
func (g *stage) timeline() string {
	var b strings.Builder
	for _, e := range g.events {
		fmt.Fprintf(&b, "\n%s %s %s: %s to %s %s", e.At.Format(time.DateTime), e.Kind, e.Channel, e.From, e.To, e.Detail)
	}
	fmt.Fprintf(&b, "\nwebhooks: %s\ncreates %d, polls %d", g.codes(), len(g.seller.creates()), len(g.seller.polls()))
	return b.String()
}
