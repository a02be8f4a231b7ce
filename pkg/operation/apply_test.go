package operation

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
)

func TestApply(t *testing.T) {
	t.Parallel()
	completed, _, _ := Apply(newOperation(Submitted), observe(ByPoll, adcp.StatusCompleted, result))
	rejected, _, _ := Apply(newOperation(Submitted), observe(ByWebhook, adcp.StatusRejected, ""))
	otherTask := observe(ByWebhook, adcp.StatusCompleted, result)
	otherTask.Answer.TaskID = "task_2"
	otherType := observe(ByWebhook, adcp.StatusCompleted, result)
	otherType.Answer.TaskType = "sync_creatives"
	replay := observe(ByAnswer, adcp.StatusSubmitted, "")
	replay.Answer.Replayed = true
	for name, tc := range map[string]struct {
		op      Operation
		o       Observation
		verdict Verdict
		state   State
	}{
		"a poll advances": {
			newOperation(Submitted), observe(ByPoll, adcp.StatusWorking, ""),
			Advanced, Working,
		},
		"a webhook ends": {
			newOperation(Working), observe(ByWebhook, adcp.StatusCompleted, result),
			Advanced, Completed,
		},
		"the same status is progress (A21)": {
			newOperation(Working), observe(ByPoll, adcp.StatusWorking, ""),
			Repeated, Working,
		},
		"unknown changes nothing (A20)": {
			newOperation(Submitted), observe(ByPoll, adcp.StatusUnknown, ""),
			Repeated, Submitted,
		},
		"rejected ends (A3)": {
			newOperation(Submitted), observe(ByPoll, adcp.StatusRejected, ""),
			Advanced, Rejected,
		},
		"a late non-terminal status is stale (F79)": {
			completed, observe(ByWebhook, adcp.StatusWorking, ""),
			Stale, Completed,
		},
		"the known end again is a duplicate": {
			completed, observe(ByWebhook, adcp.StatusCompleted, `{"packages":[],"media_buy_id":"mb_1"}`),
			Duplicate, Completed,
		},
		"another value of the end is a conflict": {
			completed, observe(ByWebhook, adcp.StatusCompleted, `{"media_buy_id":"mb_2"}`),
			Conflict, Completed,
		},
		"another end is a conflict": {
			completed, observe(ByWebhook, adcp.StatusFailed, ""),
			Conflict, Completed,
		},
		"an end without a value proves nothing (H5)": {
			completed, observe(ByPoll, adcp.StatusCompleted, ""),
			Duplicate, Completed,
		},
		"rejected by webhook and failed by poll are one end": {
			rejected, observe(ByPoll, adcp.StatusFailed, `{"errors":[]}`),
			Duplicate, Rejected,
		},
		"the end of another task changes nothing (A29)": {
			newOperation(Submitted), otherTask,
			WrongTask, Submitted,
		},
		"another task type changes nothing (E6)": {
			newOperation(Submitted), otherType,
			WrongTask, Submitted,
		},
		"a direct answer after a webhook is stale": {
			newOperation(Working), observe(ByAnswer, adcp.StatusSubmitted, ""),
			Stale, Working,
		},
		"a replay does not lead back (C12)": {
			newOperation(Working), replay,
			Stale, Working,
		},
		"a webhook may come before the call's answer (F18)": {
			newOperation(CallingAdCP), observe(ByWebhook, adcp.StatusCompleted, result),
			Advanced, Completed,
		},
		"no observation counts before the call": {
			newOperation(Requested), observe(ByWebhook, adcp.StatusCompleted, result),
			WrongTask, Requested,
		},
		"completed by webhook without a result does not end (H6)": {
			newOperation(Submitted), observe(ByWebhook, adcp.StatusCompleted, ""),
			Repeated, Submitted,
		},
		"completed by poll without a result ends": {
			newOperation(Submitted), observe(ByPoll, adcp.StatusCompleted, ""),
			Advanced, Completed,
		},
		"an invented task id with the known end is a duplicate (A16)": {
			completed, otherTask,
			Duplicate, Completed,
		},
		"input required and back": {
			newOperation(InputRequired), observe(ByPoll, adcp.StatusWorking, ""),
			Advanced, Working,
		},
		"a text that is no status changes nothing": {
			newOperation(Submitted), observe(ByPoll, "active", ""),
			Repeated, Submitted,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, event, verdict := Apply(tc.op, tc.o)
			if verdict != tc.verdict || got.State != tc.state {
				t.Fatalf("got %s, %s; want %s, %s", verdict, got.State, tc.verdict, tc.state)
			}
			if got.Version != tc.op.Version+1 || event.Seq != got.Version || event.From != tc.op.State ||
				event.To != got.State {
				t.Errorf("version %d, event %+v", got.Version, event)
			}
			if verdict != Advanced && got.State != tc.op.State {
				t.Error("the state changed without advancing")
			}
			if tc.op.Terminal != nil && !reflect.DeepEqual(got.Terminal, tc.op.Terminal) {
				t.Error("a known end was replaced")
			}
		})
	}
}

// Every status by every channel in every state: the state moves along the table, and an end never
// changes.
func TestTerminalStatesAbsorb(t *testing.T) {
	t.Parallel()
	statuses := []adcp.Status{"submitted", "working", "input-required", "auth-required", "completed", "canceled",
		"failed", "rejected", "unknown"}
	for _, from := range States() {
		for _, s := range statuses {
			for _, c := range []Channel{ByAnswer, ByPoll, ByWebhook} {
				op := newOperation(from)
				if from.Terminal() {
					op.Terminal = &Terminal{Status: adcp.Status(from), Fingerprint: "x", At: noon}
				}
				got, _, v := Apply(op, observe(c, s, result))
				if got.State != from && !from.CanBecome(got.State) {
					t.Errorf("%s by %s %s became %s", from, c, s, got.State)
				}
				if from.Terminal() && got.State != from {
					t.Errorf("%s did not absorb %s", from, s)
				}
				if (v == Advanced) != (got.State != from) {
					t.Errorf("%s by %s %s: %s, now %s", from, c, s, v, got.State)
				}
			}
		}
	}
}

func TestEndClearsAttentionAndKeepsTheError(t *testing.T) {
	t.Parallel()
	op := newOperation(Submitted)
	op.Flag(DeadlinePassed, noon, "")
	o := observe(ByPoll, adcp.StatusFailed, "")
	o.Answer.Err = &adcp.Error{Code: "POLICY_VIOLATION"}
	got, _, _ := Apply(op, o)
	if got.Attention != nil || got.Error == nil || got.Error.Code != "POLICY_VIOLATION" ||
		got.Terminal.Channel != ByPoll {
		t.Errorf("got %+v", got)
	}
}

// An answer of unknown status names the task all the same: it is the way to ask again (contract
// A20).
func TestDirectUnknownBindsItsTaskAndIsPolled(t *testing.T) {
	t.Parallel()
	op := newOperation(CallingAdCP)
	op.TaskID, op.Call = "", Call{Attempts: 1, FirstAt: noon, InFlight: true, LeaseUntil: noon.Add(callLease)}
	o := observe(ByAnswer, adcp.StatusUnknown, "")
	op, _, verdict := Apply(op, o)
	if verdict != Repeated || op.TaskID != "task_1" || op.State != CallingAdCP {
		t.Errorf("%s: task %q, state %s", verdict, op.TaskID, op.State)
	}
	for name, support := range map[string]AgentSupport{"replays": fullSupport, "does not": {Pollable: true}} {
		planned := op
		if d := planned.Plan(noon.Add(time.Minute), 0, support); d.Next != NextAwait || planned.Attention != nil {
			t.Errorf("%s: %+v, attention %+v", name, d, planned.Attention)
		}
	}
	// Nothing polls it: what can be repeated is repeated, and for the rest somebody has to look.
	if d := op.Plan(noon.Add(callLease), 0, AgentSupport{}); d.Next != NextAwait || op.Attention == nil {
		t.Errorf("%+v, attention %+v", d, op.Attention)
	}
	ended, _, _ := Apply(newOperation(Submitted), observe(ByPoll, adcp.StatusCompleted, result))
	ended.TaskID = ""
	if ended, _, _ = Apply(ended, o); ended.TaskID != "" {
		t.Errorf("bound to %q after the end", ended.TaskID)
	}
}

// Contract A9: the operation stays open until the agent confirms the buy, or ends it.
func TestUnconfirmedBuyKeepsTheOperationOpen(t *testing.T) {
	t.Parallel()
	provisional := func(c Channel) Observation {
		o := observe(c, adcp.StatusSubmitted, "")
		o.Answer.Provisional, o.Answer.MediaBuyID = true, "mb_1"
		return o
	}
	for state, channel := range map[State]Channel{
		CallingAdCP: ByAnswer, Submitted: ByPoll, Working: ByWebhook, InputRequired: ByPoll,
	} {
		op, _, _ := Apply(newOperation(state), provisional(channel))
		if op.State != Submitted || op.MediaBuyID != "mb_1" || op.Terminal != nil {
			t.Errorf("from %s by %s: %s, buy %q", state, channel, op.State, op.MediaBuyID)
		}
		ended, _, verdict := Apply(op, observe(ByWebhook, adcp.StatusCompleted, result))
		if verdict != Advanced || ended.State != Completed {
			t.Errorf("the confirmation is %s: %s", verdict, ended.State)
		}
		refused, _, verdict := Apply(op, observe(ByPoll, adcp.StatusRejected, ""))
		if verdict != Advanced || refused.State != Rejected {
			t.Errorf("the rejection is %s: %s", verdict, refused.State)
		}
	}
}

func TestReasonInWordsIsTheOperationsError(t *testing.T) {
	t.Parallel()
	o := observe(ByWebhook, adcp.StatusFailed, "")
	o.Answer.Words = "IO rejected by trafficker"
	op, _, _ := Apply(newOperation(Submitted), o)
	if op.Error == nil || op.Error.Code != adcp.Unspecified || op.Error.Message != o.Answer.Words {
		t.Errorf("the error is %+v", op.Error)
	}
}

func TestAttentionNamesWhatAnUnclearAnswerNamed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		answer adcp.Answer
		named  string
	}{
		{adcp.Answer{MediaBuyID: "mb_1"}, "media buy mb_1"},
		{adcp.Answer{TaskID: "t-1"}, "task t-1"},
		{adcp.Answer{MediaBuyID: "mb_1", TaskID: "t-1"}, "media buy mb_1, task t-1"},
		{adcp.Answer{MediaBuyID: "pay +1-900 first"}, ""},
		{adcp.Answer{MediaBuyID: "<img>"}, ""},
		{adcp.Answer{TaskID: strings.Repeat("x", 65)}, ""},
	} {
		op := newOperation(CallingAdCP)
		op.TaskID = ""
		e := op.Unreadable(noon, 0, c.answer)
		op.Plan(noon, 0, AgentSupport{})
		if op.Attention == nil || op.Attention.Reason != OutcomeUnclear {
			t.Fatalf("attention %+v", op.Attention)
		}
		const event = "the agent's answer could not be read"
		const detail = "the agent may have carried the request out, and can't be called again safely"
		if c.named == "" && (e.Detail != event || op.Attention.Detail != detail) ||
			c.named != "" && (e.Detail != event+"; it names "+c.named ||
				op.Attention.Detail != detail+"; its answer named "+c.named) {
			t.Errorf("%+v: %q, %q", c.answer, e.Detail, op.Attention.Detail)
		}
	}
}
