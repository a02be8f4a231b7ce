package operation

import (
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
)

var both = AgentSupport{Pollable: true, ReplayWindow: 24 * time.Hour}

func TestPlan(t *testing.T) {
	t.Parallel()
	unclear := open(CallingAdCP)
	unclear.Call = Call{Attempts: 1, FirstAt: noon, Unclear: true}
	calling := open(CallingAdCP)
	calling.Call = Call{Attempts: 1, FirstAt: noon, InFlight: true, LeaseUntil: noon.Add(callLease)}
	silent := open(Submitted)
	silent.Webhook.Mode = WebhookNone
	settled := open(Completed)
	settled.PublishedAt = noon
	waits := open(Submitted)
	waits.NotBefore = noon.Add(time.Hour)
	for name, tc := range map[string]struct {
		op        Operation
		at        time.Duration
		means     AgentSupport
		next      Next
		attention Reason
	}{
		"open waits for webhook or time":                    {open(Submitted), time.Minute, both, NextAwait, ""},
		"without webhook it only waits":                     {silent, time.Minute, both, NextWait, ""},
		"with neither a human is told":                      {silent, time.Minute, AgentSupport{}, NextWait, NoWayToFollowUp},
		"the end is settled":                                {open(Completed), time.Minute, both, NextSettle, ""},
		"a settled end stays so":                            {settled, time.Minute, both, NextSettle, ""},
		"not yet called":                                    {open(Requested), time.Second, both, NextRetry, ""},
		"not heard, but not carried out either":             {open(CallingAdCP), time.Minute, AgentSupport{}, NextRetry, ""},
		"unclear, the agent replays the key":                {unclear, time.Minute, both, NextRetry, ""},
		"unclear, the replay window ends":                   {unclear, 24*time.Hour - replayMargin, both, NextAwait, OutcomeUnclear},
		"unclear, the agent does not replay":                {unclear, time.Minute, AgentSupport{Pollable: true}, NextAwait, OutcomeUnclear},
		"somebody may be calling":                           {calling, time.Minute, AgentSupport{}, NextRetry, ""},
		"somebody was calling and died; no replay":          {calling, callLease, AgentSupport{}, NextAwait, OutcomeUnclear},
		"somebody was calling and died; the agent replays":  {calling, callLease, both, NextRetry, ""},
		"the deadline raises attention, nothing else (A28)": {open(Submitted), 24 * time.Hour, both, NextAwait, DeadlinePassed},
		"polling ends, the operation does not":              {open(Submitted), FollowFor, both, NextGiveUp, GaveUp},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			op := tc.op
			s := op.Plan(noon.Add(tc.at), 0, tc.means)
			if s.Next != tc.next || s.Delay < 1 || s.Version != op.Version {
				t.Errorf("got %+v, want %s", s, tc.next)
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
			if over := tc.next == NextGiveUp || !op.PublishedAt.IsZero(); op.DueAt.IsZero() != over {
				t.Errorf("due at %v", op.DueAt)
			}
		})
	}
	if s := waits.Plan(noon, 0, both); s.Delay != 3600 {
		t.Errorf("asked for an hour, waits %d s (contract D8)", s.Delay)
	}
}

func TestDelayGrowsToTheCapAndSlowsAfterTheDeadline(t *testing.T) {
	t.Parallel()
	p := PollPolicy{IntervalSeconds: 10, BackoffRate: 2, MaxDelaySeconds: 600}
	day := 24 * time.Hour
	for n, want := range []time.Duration{10, 20, 40, 80, 160, 320, 600, 600} {
		if got := p.Delay(n, time.Minute, day, 0); got != want*time.Second {
			t.Errorf("poll %d: %v, want %v", n, got, want*time.Second)
		}
	}
	if got := p.Delay(3, time.Minute, day, 0.999); got < 80*time.Second || got > 100*time.Second {
		t.Errorf("jitter made it %v", got)
	}
	if got := p.Delay(100, day-time.Minute, day, 0.9); got != time.Minute {
		t.Errorf("just before the deadline: %v", got)
	}
	if got := p.Delay(100, day, day, 0); got != 3*time.Hour {
		t.Errorf("after the deadline: %v", got)
	}
	if got := p.Delay(100, 30*day, day, 0.5); got != maxDelay+maxDelay/8 {
		t.Errorf("long after the deadline: %v", got)
	}
	if got := p.Delay(1_000_000, time.Minute, day, 0); got != 600*time.Second {
		t.Errorf("after very many polls: %v", got)
	}
}

func TestRetryGrows(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]time.Duration{0: 2 * time.Second, 1: 2 * time.Second, 2: 4 * time.Second, 3: 8 * time.Second, 10: 1024 * time.Second, 40: maxDelay} {
		if got := RetryDelay(n, 0); got != want {
			t.Errorf("attempt %d: %v, want %v", n, got, want)
		}
	}
}

func TestDial(t *testing.T) {
	t.Parallel()
	op := open(Requested)
	e, ok := op.StartAttempt(noon, AgentSupport{})
	if !ok || op.State != CallingAdCP || !op.Call.InFlight || e.From != Requested || op.Version != 6 {
		t.Fatalf("got %+v, %+v", op, e)
	}
	if _, ok := op.StartAttempt(noon.Add(time.Minute), AgentSupport{}); ok {
		t.Error("a second dispatcher began during the lease")
	}
	again := op
	if _, ok := again.StartAttempt(noon.Add(callLease), AgentSupport{}); !ok || !again.Call.Unclear {
		t.Error("after a dispatcher's death the outcome is not unclear")
	}
	clear := op
	clear.FailAttempt(noon, 0, adcp.Unsent, time.Minute, "")
	if clear.Call.InFlight || clear.Call.Unclear || !clear.NotBefore.Equal(noon.Add(time.Minute)) || clear.State != CallingAdCP {
		t.Errorf("got %+v", clear)
	}
	op.FailAttempt(noon, 0, adcp.Ambiguous, 0, "")
	if !op.Call.Unclear || op.State != CallingAdCP {
		t.Errorf("got %+v", op)
	}
	done := open(Submitted)
	if _, ok := done.StartAttempt(noon, both); ok {
		t.Error("an answered operation was called again")
	}
}

func TestMissedDials(t *testing.T) {
	t.Parallel()
	op := open(Requested)
	if e, ok := op.SkipAttempt(noon, adcp.Ambiguous, time.Minute, "x"); !ok || op.Call.Unclear || op.State != CallingAdCP || !op.NotBefore.Equal(noon.Add(time.Minute)) || e.From != Requested {
		t.Errorf("a question before the call made its outcome unclear: %+v, %+v", op, e)
	}
	flying := open(CallingAdCP)
	flying.Call.InFlight, flying.Call.Attempts = true, 1
	if _, ok := flying.SkipAttempt(noon, adcp.Unsent, 0, ""); ok {
		t.Error("nothing was to be recorded")
	}
	if _, ok := flying.SkipAttempt(noon, adcp.Unsent, time.Minute, "x"); !ok || !flying.NotBefore.Equal(noon.Add(time.Minute)) || !flying.Call.InFlight || flying.Call.Attempts != 1 {
		t.Errorf("a retry_after is lost while a call is in flight, or the call is (contract D8): %+v", flying)
	}
	if _, ok := flying.SkipAttempt(noon, adcp.Unsent, time.Second, "x"); ok {
		t.Error("a shorter wait is no news")
	}
	heard, _, _ := Apply(flying, Observation{Channel: ByWebhook, At: noon, Answer: adcp.Answer{Status: adcp.StatusSubmitted, TaskID: "task_1"}})
	if heard.State != Submitted || !heard.NotBefore.Equal(noon.Add(time.Minute)) {
		t.Errorf("a webhook cut a retry_after short: %+v", heard)
	}
}

func TestRingsAreBounded(t *testing.T) {
	t.Parallel()
	op := open(Submitted)
	rings := 0
	for range 100 {
		if op.PollSoon(noon) {
			rings++
		}
	}
	if rings != 20 {
		t.Errorf("%d rings", rings)
	}
	patient := open(Submitted)
	patient.NotBefore = noon.Add(time.Second)
	if patient.PollSoon(noon) {
		t.Error("a ring cut a retry_after short (contract D8)")
	}
}

func TestMissedPollsRaiseAttentionOnly(t *testing.T) {
	t.Parallel()
	op := open(Submitted)
	for range attentionAfter {
		if op.Attention != nil {
			t.Fatal("too early")
		}
		op.FailPoll(noon, 0, TaskNotFound, "")
	}
	if op.State != Submitted || op.Attention == nil || op.Attention.Reason != TaskNotFound || op.Attempts.Polls != attentionAfter {
		t.Errorf("got %+v", op)
	}
}
