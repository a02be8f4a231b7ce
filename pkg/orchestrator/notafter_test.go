package orchestrator_test

import (
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
)

// withNotAfter is the purchase with a not_after.
func withNotAfter(value string) string {
	return strings.Replace(buySubmission, `"agent_id"`, `"not_after": `+value+`, "agent_id"`, 1)
}

// An agent that is away for a week must not get a week-old order when it is back (contract K10).
func TestOrderThatWasNeverCarriedOutGoesStale(t *testing.T) {
	t.Parallel()
	away := &adcp.CallError{Outcome: adcp.Unsent}
	for name, c := range map[string]struct {
		submission string
		after      time.Duration
	}{
		"the client's time":        {withNotAfter(`"2026-11-23T18:00:00Z"`), 6 * time.Hour},
		"a week by default":        {buySubmission, 7 * 24 * time.Hour},
		"a week for an acceptance": {acceptSubmission, 7 * 24 * time.Hour},
		"the end of a buy of products": {
			strings.Replace(buyProductsSubmission, "2027-06-30T23:59:59Z", "2026-11-25T12:00:00Z", 1), 48 * time.Hour,
		},
		"the end of the buy": {
			strings.Replace(buySubmission, "2027-06-30T23:59:59Z", "2026-11-25T12:00:00Z", 1), 48 * time.Hour,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			agent := &fakeAgent{profile: lifeCycleProfile(), discoverErr: away, answers: []adcp.Response{submitted}}
			h := newHarnessWith(t, agent, c.submission)
			if want := now.Add(c.after); !h.op().NotAfter.Equal(want) {
				t.Fatalf("not after %s, want %s", h.op().NotAfter, want)
			}
			h.follow(c.after - time.Minute)
			if h.op().State.Terminal() {
				t.Fatalf("%s at %s", h.op().State, h.at)
			}
			h.at = now.Add(c.after)
			agent.discoverErr = nil // the agent is back
			h.dispatch()
			op := h.op()
			if op.State != operation.Canceled || op.Terminal.Reason != operation.NotAfterPassed || len(agent.sent) != 0 {
				t.Errorf("%s, %+v, %d calls", op.State, op.Terminal, len(agent.sent))
			}
		})
	}
}

// A stale order that may have been carried out is not called canceled: it is followed, and a person
// is told.
func TestUnclearOrderThatGoesStaleIsFollowed(t *testing.T) {
	t.Parallel()
	replays := buyProfile()
	replays.Capabilities.Idempotency = adcp.IdempotencyOffer{Support: adcp.Supported, ReplayTTL: 30 * 24 * time.Hour}
	h := newHarness(t, &fakeAgent{profile: replays, answers: []adcp.Response{errorWith("SERVICE_UNAVAILABLE", "")}})
	h.dispatch()
	calls := h.agent.purchases()
	h.at = h.op().NotAfter
	h.follow(24 * time.Hour)
	if op := h.op(); op.State != operation.CallingAdCP || h.attention() != operation.OutcomeUnclear {
		t.Errorf("%s with attention %q", op.State, h.attention())
	}
	if n := h.agent.purchases(); n != calls {
		t.Errorf("called %d times after it was stale", n-calls)
	}
}

// A not_after that can't be read is told, not ignored.
func TestNotAfterIsChecked(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{`"tomorrow"`, `"2027-04-01"`, `17`, `null`, `{}`} {
		if _, err := orchestrator.ParseSubmitRequest([]byte(withNotAfter(bad))); err == nil ||
			!strings.Contains(err.Error(), "not_after") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
