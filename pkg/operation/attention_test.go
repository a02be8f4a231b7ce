package operation

import (
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// Attention that replaces itself at each poll has no age, and writes an event each time.
func TestReasonsForAttentionDoNotTakeTurns(t *testing.T) {
	t.Parallel()
	unclear := newOperation(CallingAdCP)
	unclear.Call = Call{Attempts: 1, FirstAt: noon, Unclear: true}
	open := newOperation(Submitted)
	for name, tc := range map[string]struct {
		op     Operation
		reason Reason
	}{
		"a lost answer, and no way to follow": {unclear, OutcomeUnclear},
		"no way to follow, and failing polls": {open, NoWayToFollowUp},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			op := tc.op
			op.Webhook.Mode = WebhookNone
			op.Plan(noon, 0, AgentSupport{})
			for n := range 2 * attentionAfter {
				at := noon.Add(time.Duration(n) * time.Minute)
				op.FailPoll(at, 0, AgentUnreached, "")
				op.Plan(at, 0, AgentSupport{})
			}
			if a := op.Attention; a == nil || a.Reason != tc.reason || !a.Since.Equal(noon) {
				t.Errorf("attention %+v", a)
			}
		})
	}
}

func TestDetailThatSaysMoreKeepsTheTimeOfItsAttention(t *testing.T) {
	t.Parallel()
	op := newOperation(CallingAdCP)
	op.FlagDetail(OutcomeUnclear, noon, "something")
	op.FlagDetail(OutcomeUnclear, noon.Add(time.Hour), "more")
	raised := op.Attention
	op.FlagDetail(OutcomeUnclear, noon.Add(2*time.Hour), "more")
	want := Attention{Reason: OutcomeUnclear, Since: noon, Detail: "more"}
	if *raised != want || op.Attention != raised {
		t.Errorf("attention %+v, then %+v", raised, op.Attention)
	}
	op.FlagDetail(GaveUp, noon.Add(time.Hour), "")
	if op.Attention.Reason != GaveUp || !op.Attention.Since.Equal(noon.Add(time.Hour)) {
		t.Errorf("attention %+v", op.Attention)
	}
}

// An operation whose task was not named can't be followed. When the task becomes known, it can.
func TestTaskThatBecomesKnownClearsTheAttention(t *testing.T) {
	t.Parallel()
	for state, left := range map[State]bool{Submitted: false, Working: false, InputRequired: true} {
		op := newOperation(state)
		op.TaskID = ""
		op.Flag(OutcomeUnclear, noon, "")
		after, _, _ := Apply(op, observe(ByWebhook, openStatuses[state], ""))
		if after.TaskID != "task_1" || (after.Attention != nil) != left {
			t.Errorf("%s: task %q, attention %+v", state, after.TaskID, after.Attention)
		}
	}
}

var openStatuses = map[State]adcp.Status{
	Submitted: adcp.StatusSubmitted, Working: adcp.StatusWorking, InputRequired: adcp.StatusInputRequired,
}

// What newer code knows of a value stays while the value is only changed: the same attention with
// another detail, the same publication with another owner.
func TestAChangedValueKeepsWhatNewerCodeKnowsOfIt(t *testing.T) {
	t.Parallel()
	const later = `{"assignee":"ann"}`
	op := Operation{State: Completed, Attention: &Attention{Reason: OutcomeUnclear, Unknown: later}}
	op.Publication = Publication{Owner: "a", Fence: 1, Unknown: later}
	before := op.Attention
	op.FlagDetail(OutcomeUnclear, time.Unix(9, 0), "more")
	if op.Attention.Unknown != later || op.Attention.Detail != "more" || before.Detail != "" {
		t.Errorf("got %+v, before %+v", op.Attention, before)
	}
	if !op.ClaimPublication(time.Unix(9, 0), "b") || op.Publication.Unknown != later || op.Publication.Fence != 2 {
		t.Errorf("got %+v", op.Publication)
	}
}
