package operation

import (
	"encoding/json"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func open(state State) Operation {
	return Operation{ID: "op_1", Type: adcp.CreateMediaBuy, State: state, Version: 5, TaskID: "task_1", Webhook: WebhookConfig{Mode: WebhookHMAC},
		CreatedAt: noon, Deadline: noon.Add(24 * time.Hour), FollowUntil: noon.Add(FollowFor)}
}

func saw(c Channel, s adcp.Status, value string) Observation {
	a := adcp.Answer{Status: s, TaskID: "task_1"}
	if value != "" {
		a.Value = json.RawMessage(value)
	}
	return Observation{Channel: c, Answer: a, At: noon.Add(time.Minute)}
}

const body = `{"media_buy_id":"mb_1","packages":[]}`

func TestApply(t *testing.T) {
	t.Parallel()
	ended := open(Submitted)
	ended, _, _ = Apply(ended, saw(ByPoll, adcp.StatusCompleted, body))
	rejected, _, _ := Apply(open(Submitted), saw(ByWebhook, adcp.StatusRejected, ""))
	other := saw(ByWebhook, adcp.StatusCompleted, body)
	other.Answer.TaskID = "task_2"
	foreign := saw(ByWebhook, adcp.StatusCompleted, body)
	foreign.Answer.TaskType = "sync_creatives"
	replay := saw(ByAnswer, adcp.StatusSubmitted, "")
	replay.Answer.Replayed = true
	for name, tc := range map[string]struct {
		op      Operation
		o       Observation
		verdict Verdict
		state   State
	}{
		"a poll advances":                             {open(Submitted), saw(ByPoll, adcp.StatusWorking, ""), Advanced, Working},
		"a webhook ends":                              {open(Working), saw(ByWebhook, adcp.StatusCompleted, body), Advanced, Completed},
		"the same status is progress (A21)":           {open(Working), saw(ByPoll, adcp.StatusWorking, ""), Repeated, Working},
		"unknown changes nothing (A20)":               {open(Submitted), saw(ByPoll, adcp.StatusUnknown, ""), Repeated, Submitted},
		"rejected ends (A3)":                          {open(Submitted), saw(ByPoll, adcp.StatusRejected, ""), Advanced, Rejected},
		"a late non-terminal is stale (F79)":          {ended, saw(ByWebhook, adcp.StatusWorking, ""), Stale, Completed},
		"the known end again is a duplicate":          {ended, saw(ByWebhook, adcp.StatusCompleted, `{"packages":[],"media_buy_id":"mb_1"}`), Duplicate, Completed},
		"another value of the end is a conflict":      {ended, saw(ByWebhook, adcp.StatusCompleted, `{"media_buy_id":"mb_2"}`), Conflict, Completed},
		"another end is a conflict":                   {ended, saw(ByWebhook, adcp.StatusFailed, ""), Conflict, Completed},
		"an end without value proves nothing (H5)":    {ended, saw(ByPoll, adcp.StatusCompleted, ""), Duplicate, Completed},
		"rejected by webhook and failed by poll":      {rejected, saw(ByPoll, adcp.StatusFailed, `{"errors":[]}`), Duplicate, Rejected},
		"another task's end is not ours (A29)":        {open(Submitted), other, WrongTask, Submitted},
		"another task type is not ours (E6)":          {open(Submitted), foreign, WrongTask, Submitted},
		"a direct answer after a webhook is stale":    {open(Working), saw(ByAnswer, adcp.StatusSubmitted, ""), Stale, Working},
		"a replay does not lead back (C12)":           {open(Working), replay, Stale, Working},
		"a webhook before the call's answer (F18)":    {open(CallingAdCP), saw(ByWebhook, adcp.StatusCompleted, body), Advanced, Completed},
		"nothing is believed before the call":         {open(Requested), saw(ByWebhook, adcp.StatusCompleted, body), WrongTask, Requested},
		"completed by webhook without result (H6)":    {open(Submitted), saw(ByWebhook, adcp.StatusCompleted, ""), Repeated, Submitted},
		"completed by poll without result":            {open(Submitted), saw(ByPoll, adcp.StatusCompleted, ""), Advanced, Completed},
		"an invented task for a known end (A16)":      {ended, other, Duplicate, Completed},
		"input required and back":                     {open(InputRequired), saw(ByPoll, adcp.StatusWorking, ""), Advanced, Working},
		"a status that is not of the wire is nothing": {open(Submitted), saw(ByPoll, "active", ""), Repeated, Submitted},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, event, verdict := Apply(tc.op, tc.o)
			if verdict != tc.verdict || got.State != tc.state {
				t.Fatalf("got %s, %s; want %s, %s", verdict, got.State, tc.verdict, tc.state)
			}
			if got.Version != tc.op.Version+1 || event.Seq != got.Version || event.From != tc.op.State || event.To != got.State {
				t.Errorf("version %d, event %+v", got.Version, event)
			}
			if verdict != Advanced && got.State != tc.op.State {
				t.Error("the state changed without advancing")
			}
			if tc.op.Terminal != nil && *got.Terminal != *tc.op.Terminal {
				t.Error("a known end was replaced")
			}
		})
	}
}

// Whatever is seen in whatever order: the state moves along the table, an end never changes, and nothing is counted twice.
func TestEndsAbsorb(t *testing.T) {
	t.Parallel()
	all := []adcp.Status{"submitted", "working", "input-required", "auth-required", "completed", "canceled", "failed", "rejected", "unknown"}
	for _, from := range States() {
		for _, s := range all {
			for _, c := range []Channel{ByAnswer, ByPoll, ByWebhook} {
				op := open(from)
				if from.Terminal() {
					op.Terminal = &Terminal{Status: adcp.Status(from), Fingerprint: "x", At: noon}
				}
				got, _, v := Apply(op, saw(c, s, body))
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

func TestAnEndClearsAttentionAndKeepsTheError(t *testing.T) {
	t.Parallel()
	op := open(Submitted)
	op.Flag(DeadlinePassed, noon, "")
	o := saw(ByPoll, adcp.StatusFailed, "")
	o.Answer.Err = &adcp.Error{Code: "POLICY_VIOLATION"}
	got, _, _ := Apply(op, o)
	if got.Attention != nil || got.Error == nil || got.Error.Code != "POLICY_VIOLATION" || got.Terminal.Channel != ByPoll {
		t.Errorf("got %+v", got)
	}
}

func TestFingerprintIgnoresOrderAndSpace(t *testing.T) {
	t.Parallel()
	a := Fingerprint(adcp.CreateMediaBuy, adcp.Answer{Status: "completed", Value: json.RawMessage(`{"a":1,"b":[1.0,2]}`)})
	b := Fingerprint(adcp.CreateMediaBuy, adcp.Answer{Status: "completed", Value: json.RawMessage(` { "b":[1,2], "a":1.0 } `)})
	c := Fingerprint(adcp.UpdateMediaBuy, adcp.Answer{Status: "completed", Value: json.RawMessage(`{"a":1,"b":[1,2]}`)})
	if a != b || a == c || len(a) != 64 {
		t.Errorf("got %s, %s, %s", a, b, c)
	}
}
