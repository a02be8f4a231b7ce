package operation

import (
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// Somebody has to answer the agent, however late it is: deadline_passed must not hide that.
func TestPassedDeadlineDoesNotHideThatInputIsNeeded(t *testing.T) {
	t.Parallel()
	op := newOperation(InputRequired)
	op.flagInputNeeded(noon, "")
	op.Plan(op.Deadline.Add(time.Hour), 0, fullSupport)
	if op.Attention == nil || op.Attention.Reason != InputNeeded {
		t.Errorf("attention %+v", op.Attention)
	}
}

// A poll that says completed without a result is believed after some time, whatever attention
// stands meanwhile.
func TestMissingResultIsBelievedBesideAnyAttention(t *testing.T) {
	t.Parallel()
	for _, reason := range []Reason{"", OutcomeUnclear, NoWayToFollowUp, DeadlinePassed} {
		op := newOperation(Working)
		if reason != "" {
			op.flag(reason, noon, "")
		}
		a := adcp.Answer{Status: adcp.StatusCompleted, TaskID: "task_1", ResultMissing: true}
		polls := 1
		for ; polls <= 20; polls++ {
			if _, waits := op.AwaitResult(noon.Add(time.Duration(polls)*time.Hour), a); !waits {
				break
			}
		}
		if polls < attentionAfter || polls > attentionAfter+1 {
			t.Errorf("with attention %q: believed after %d polls", reason, polls)
		}
	}
}

// A lost answer to a read costs nothing: the read is repeated, whether the agent deduplicates or
// not. A purchase is not.
func TestOnlyWhatBuysIsNotRepeated(t *testing.T) {
	t.Parallel()
	for _, task := range adcp.Tasks() {
		traits, _ := adcp.TraitsOf(task)
		op := newOperation(CallingAdCP)
		op.Type, op.TaskID = task, ""
		if _, ok := op.StartAttempt(noon, AgentSupport{}); !ok {
			t.Fatalf("%s is not called", task)
		}
		op.FailAttempt(noon.Add(time.Minute), 0, adcp.Ambiguous, 0, "the answer is lost")
		d := op.Plan(noon.Add(time.Minute), 0, AgentSupport{Pollable: true})
		if repeated := d.Next == NextRetry; repeated == traits.Purchase {
			t.Errorf("%s: repeated is %v, a purchase is %v", task, repeated, traits.Purchase)
		}
	}
}

// What the agent offers later does not cover what was sent before, and less counts at once.
func TestReplayWindowIsThatOfTheFirstAttempt(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		first, later time.Duration
		again        bool
	}{
		"none, then a day": {0, 24 * time.Hour, false},
		"a day, then none": {24 * time.Hour, 0, false},
		"a day":            {24 * time.Hour, 24 * time.Hour, true},
	} {
		op := newOperation(CallingAdCP)
		op.TaskID = ""
		op.StartAttempt(noon, AgentSupport{ReplayWindow: tc.first})
		op.FailAttempt(noon, 0, adcp.Ambiguous, 0, "the answer is lost")
		d := op.Plan(noon.Add(time.Minute), 0, AgentSupport{Pollable: true, ReplayWindow: tc.later})
		if again := d.Next == NextRetry; again != tc.again {
			t.Errorf("%s: sent again is %v", name, again)
		}
	}
}

// While the failed call may still run, an agent's lists can't show what it does.
func TestCleanLookUpWaitsForTheCallToEnd(t *testing.T) {
	t.Parallel()
	op := newOperation(CallingAdCP)
	op.StartAttempt(noon, AgentSupport{})
	op.FailAttempt(noon, 0, adcp.Ambiguous, 0, "the agent answered SERVICE_UNAVAILABLE")
	op.LookUpBeforeRetry(noon, 0, AgentSupport{})
	if _, ok := op.CleanLookUp(noon.Add(callLease - time.Second)); ok || !op.Call.Unclear {
		t.Error("sent again while the call may still run")
	}
	if _, ok := op.CleanLookUp(noon.Add(callLease)); !ok || op.Call.Unclear {
		t.Error("not sent again after a clean look-up")
	}
}
