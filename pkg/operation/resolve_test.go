package operation

import (
	"encoding/json"
	"testing"

	"adcp-orchestrator/pkg/adcp"
)

// With each reason for attention a person may resolve where the table says so, and nowhere else.
func TestWhatMayBeResolved(t *testing.T) {
	t.Parallel()
	open := map[Reason]bool{
		GaveUp: true, TaskNotFound: true, NoWayToFollowUp: true, ProtocolClash: true, ResultMissing: true,
	}
	for _, r := range []Reason{DeadlinePassed, GaveUp, OutcomeUnclear, AgentRefuses, AgentAnswersError, AgentUnreached,
		RootSecretGone, TaskNotFound, ProtocolClash, InputNeeded, AuthNeeded, InputCrossed, ResultTooLarge, ResultMissing,
		NoWayToFollowUp} {
		for _, state := range States() {
			op := newOperation(state)
			op.Flag(r, noon, "")
			want := open[r] && (op.State == Submitted || op.State == Working || op.State.NeedsInput()) ||
				r == OutcomeUnclear && state == CallingAdCP
			if err := op.MayResolve(noon); (err == nil) != want {
				t.Errorf("%s with %s: %v", state, r, err)
			}
		}
	}
}

// What a person has resolved stays, and who says otherwise later raises attention.
func TestAResolutionIsContradicted(t *testing.T) {
	t.Parallel()
	const idOnly, otherID = `{"media_buy_id":"mb_1"}`, `{"media_buy_id":"mb_2"}`
	for name, tc := range map[string]struct {
		state  State
		value  string
		status adcp.Status
		seen   string
		want   Verdict
	}{
		"failed, and the agent says completed":    {Failed, "", adcp.StatusCompleted, result, Conflict},
		"canceled, and the agent says completed":  {Canceled, "", adcp.StatusCompleted, result, Conflict},
		"failed, and the agent says rejected":     {Failed, "", adcp.StatusRejected, "", Duplicate},
		"completed, and the agent says failed":    {Completed, `{"media_buy_id":"mb_1"}`, adcp.StatusFailed, "", Conflict},
		"completed, and the agent says the same":  {Completed, idOnly, adcp.StatusCompleted, result, Duplicate},
		"completed, and the agent says other":     {Completed, otherID, adcp.StatusCompleted, result, Conflict},
		"completed, and the agent says it by all": {Completed, result, adcp.StatusCompleted, result, Duplicate},
	} {
		op := newOperation(Working)
		op.Flag(GaveUp, noon, "")
		e := op.Resolve(noon, Resolution{State: tc.state, Reason: "why", At: noon, Actor: someone}, json.RawMessage(tc.value))
		if e.Channel != ByOperator || op.Terminal.Channel != ByOperator || op.Attention != nil || op.State != tc.state {
			t.Fatalf("%s: %+v", name, e)
		}
		o := observe(ByPoll, tc.status, tc.seen)
		op, _, v := Apply(op, o)
		if v != tc.want || op.flaggedFor(ProtocolClash) != (v == Conflict) || op.State != tc.state {
			t.Errorf("%s: %s, %s, attention %+v", name, v, op.State, op.Attention)
		}
	}
}
