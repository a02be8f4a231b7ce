package operation

import (
	"testing"
	"time"
)

func TestPlan(t *testing.T) {
	t.Parallel()
	unclear := newOperation(CallingAdCP)
	unclear.Call = Call{Attempts: 1, FirstAt: noon, Unclear: true, ReplaySeconds: 7 * 86400}
	calling := newOperation(CallingAdCP)
	calling.Call = Call{Attempts: 1, FirstAt: noon, InFlight: true, LeaseUntil: noon.Add(callLease),
		ReplaySeconds: 7 * 86400}
	noWebhook := newOperation(Submitted)
	noWebhook.Webhook.Mode = WebhookNone
	published := newOperation(Completed)
	published.PublishedAt = noon
	noSupport := AgentSupport{}
	for name, tc := range map[string]struct {
		op        Operation
		at        time.Duration // after noon
		support   AgentSupport
		next      Next
		attention Reason
	}{
		"open: await a webhook or the time": {
			newOperation(Submitted), time.Minute, fullSupport,
			NextAwait, "",
		},
		"open without a webhook: only wait": {
			noWebhook, time.Minute, fullSupport,
			NextWait, "",
		},
		"open without a webhook and a polling tool: attention": {
			noWebhook, time.Minute, noSupport,
			NextWait, NoWayToFollowUp,
		},
		"ended: settle": {
			newOperation(Completed), time.Minute, fullSupport,
			NextSettle, "",
		},
		"published: settle again": {
			published, time.Minute, fullSupport,
			NextSettle, "",
		},
		"not called yet: call": {
			newOperation(Requested), time.Second, fullSupport,
			NextRetry, "",
		},
		"no answer, certainly not carried out: retry": {
			newOperation(CallingAdCP), time.Minute, noSupport,
			NextRetry, "",
		},
		"unclear, the agent replays the key: retry": {
			unclear, time.Minute, fullSupport,
			NextRetry, "",
		},
		"unclear, the replay window ends: attention": {
			unclear, 24*time.Hour - replayMargin, fullSupport,
			NextAwait, OutcomeUnclear,
		},
		"unclear, the agent does not replay: attention": {
			unclear, time.Minute, AgentSupport{Pollable: true},
			NextAwait, OutcomeUnclear,
		},
		"another dispatcher may be calling: retry later": {
			calling, time.Minute, noSupport,
			NextRetry, "",
		},
		"a dispatcher died while calling, no replay: attention": {
			calling, callLease, noSupport,
			NextAwait, OutcomeUnclear,
		},
		"a dispatcher died while calling, the agent replays: retry": {
			calling, callLease, fullSupport,
			NextRetry, "",
		},
		"the deadline raises attention, nothing else (A28)": {
			newOperation(Submitted), 24 * time.Hour, fullSupport,
			NextAwait, DeadlinePassed,
		},
		"polling ends, the operation does not": {
			newOperation(Submitted), FollowFor, fullSupport,
			NextGiveUp, GaveUp,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			op := tc.op
			d := op.Plan(noon.Add(tc.at), 0, tc.support)
			if d.Next != tc.next || d.Delay < 1 || d.Version != op.Version {
				t.Errorf("got %+v, want %s", d, tc.next)
			}
			var got Reason
			if op.Attention != nil {
				got = op.Attention.Reason
			}
			if got != tc.attention {
				t.Errorf("attention %q, want %q", got, tc.attention)
			}
			if op.State != tc.op.State {
				t.Errorf("a plan changed the state to %s", op.State)
			}
			nothingLeft := tc.next == NextGiveUp || !op.PublishedAt.IsZero()
			if op.DueAt.IsZero() != nothingLeft {
				t.Errorf("due at %v", op.DueAt)
			}
		})
	}
}

// contract D8
func TestPlanWaitsAsLongAsTheAgentAsked(t *testing.T) {
	t.Parallel()
	op := newOperation(Submitted)
	op.NotBefore = noon.Add(time.Hour)
	if d := op.Plan(noon, 0, fullSupport); d.Delay != 3600 {
		t.Errorf("the agent asked for an hour, and the delay is %d s", d.Delay)
	}
}
