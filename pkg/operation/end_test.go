package operation

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/adcp"
)

// synchronous is what sellers with a JavaScript SDK answer to the call itself.
const synchronous = `{"media_buy_id":"mb_1","media_buy_status":"pending_creatives","revision":1,` +
	`"confirmed_at":"2026-11-23T12:00:00Z","packages":[{"package_id":"p0","budget":1000}]`

// second is the verdict on an end that comes after a known one, in both orders.
func second(t *testing.T, c Channel, known, seen string) Verdict {
	t.Helper()
	op, _, v := Apply(newOperation(Working), observe(ByPoll, adcp.StatusCompleted, known))
	if v != Advanced {
		t.Fatalf("the first end was %s", v)
	}
	after, e, v := Apply(op, observe(c, adcp.StatusCompleted, seen))
	if !reflect.DeepEqual(after.Terminal, op.Terminal) || after.State != Completed {
		t.Error("the known end was replaced")
	}
	if clash := after.Attention != nil; clash != (v == Conflict) || clash != (e.Kind == EventConflict) {
		t.Errorf("%s with attention %+v and event %s", v, after.Attention, e.Kind)
	}
	return v
}

func TestOneEndSeenTwiceIsNoContradiction(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]string{
		"context and adcp_version (PyPI 9.2.0)": `,"context":{"trace":"t1"},"adcp_version":"3.1"}`,
		"nulls on one side":                     `,"invoice_recipient":null,"sandbox":null}`,
		"valid_actions":                         `,"valid_actions":["cancel"]}`,
		"ext":                                   `,"ext":{"seller":1}}`,
		"a warning":                             `,"errors":[{"code":"W"}]}`,
	} {
		for _, c := range []Channel{ByAnswer, ByPoll, ByWebhook} {
			if v := second(t, c, synchronous+more, synchronous+"}"); v != Duplicate {
				t.Errorf("%s, less by %s: %s", name, c, v)
			}
			if v := second(t, c, synchronous+"}", synchronous+more); v != Duplicate {
				t.Errorf("%s, more by %s: %s", name, c, v)
			}
		}
	}
	nested := strings.Replace(synchronous, `"p0"`, `"p0","targeting":null,"ext":{"a":null,"b":"null"}`, 1) + "}"
	omitted := strings.Replace(synchronous, `"p0"`, `"p0","ext":{"b":"null"}`, 1) + "}"
	if v := second(t, ByWebhook, nested, omitted); v != Duplicate {
		t.Errorf("nested nulls: %s", v)
	}
	if v := second(t, ByWebhook, synchronous+`,"context":{"a":1}}`, synchronous+`,"context":{"a":2}}`); v != Duplicate {
		t.Errorf("two contexts: %s", v)
	}
}

func TestContradictingEndsAreAConflict(t *testing.T) {
	t.Parallel()
	changed := func(old, text string) string { return strings.Replace(synchronous, old, text, 1) + "}" }
	for name, seen := range map[string]string{
		"another buy":         changed(`"mb_1"`, `"mb_2"`),
		"no buy":              `{"packages":[{"package_id":"p0","budget":1000}]}`,
		"another package":     changed(`"p0"`, `"p1"`),
		"another budget":      changed(`1000`, `99999`),
		"no packages":         changed(`{"package_id":"p0","budget":1000}`, ``),
		"null in a list":      changed(`[{`, `[null,{`),
		"another budget, odd": changed(`1000}]`, `99999}],"note":"\ud83d","n":1e400`),
	} {
		for _, c := range []Channel{ByAnswer, ByPoll, ByWebhook} {
			if v := second(t, c, synchronous+"}", seen); v != Conflict {
				t.Errorf("%s by %s: %s", name, c, v)
			}
			if name != "no buy" {
				if v := second(t, c, seen, synchronous+"}"); v != Conflict {
					t.Errorf("%s first, then by %s: %s", name, c, v)
				}
			}
		}
	}
	if v := second(t, ByWebhook, `{"creatives":[]}`, `{"accounts":[]}`); v != Conflict {
		t.Errorf("nothing in common: %s", v)
	}
}

func TestEndWithoutCanonicalFormIsStillCompared(t *testing.T) {
	t.Parallel()
	for name, odd := range map[string]string{
		"a number that is too large": `1e999`,
		"half an emoji":              `"sold out \ud83d"`,
		"Latin-1":                    "\"caf\xe9\"",
	} {
		end := func(budget string) string {
			return `{"media_buy_id":"mb_1","total_budget":` + budget + `,"note":` + odd + `}`
		}
		if v := second(t, ByWebhook, end("10"), end("99999")); v != Conflict {
			t.Errorf("%s, another budget: %s", name, v)
		}
		if v := second(t, ByPoll, end("10"), `{ "note":`+odd+`, "total_budget":10, "media_buy_id":"mb_1"}`); v != Duplicate {
			t.Errorf("%s, the same end: %s", name, v)
		}
		if v := second(t, ByPoll, `{"media_buy_id":"mb_1","total_budget":10}`, end("10")); v != Duplicate {
			t.Errorf("%s on one side: %s", name, v)
		}
		a := adcp.Answer{Status: adcp.StatusCompleted, Value: []byte(end("10"))}
		b := adcp.Answer{Status: adcp.StatusCompleted, Value: []byte(end("99999"))}
		if f := Fingerprint(adcp.CreateMediaBuy, a); len(f) != 64 || f == Fingerprint(adcp.CreateMediaBuy, b) {
			t.Errorf("%s: fingerprint %q", name, f)
		}
	}
}

// A poll that was under way when the webhook ended the task may not see the result yet.
func TestEndWithItsResultMissingProvesNothing(t *testing.T) {
	t.Parallel()
	missing := observe(ByPoll, adcp.StatusCompleted, `{"note":"see the other channel"}`)
	missing.Answer.ResultMissing = true
	op, _, _ := Apply(newOperation(Working), observe(ByWebhook, adcp.StatusCompleted, result))
	if _, _, v := Apply(op, missing); v != Duplicate {
		t.Errorf("after the result: %s", v)
	}
	op, _, _ = Apply(newOperation(Working), missing)
	if _, _, v := Apply(op, observe(ByWebhook, adcp.StatusCompleted, result)); v != Duplicate {
		t.Errorf("before the result: %s", v)
	}
}

// A listed buy is no result of the task and differs from it (contract H5), but it names the buy.
func TestSnapshotOfAnotherBuyIsAConflict(t *testing.T) {
	t.Parallel()
	snapshot := observe(ByPoll, adcp.StatusCompleted, `{"media_buy_id":"mb_1","status":"active","packages":[{}]}`)
	snapshot.Answer.Snapshot = true
	op, _, _ := Apply(newOperation(CallingAdCP), snapshot)
	if op.Terminal.Fingerprint != "" {
		t.Error("a snapshot has a fingerprint")
	}
	for id, want := range map[string]Verdict{"mb_1": Duplicate, "mb_2": Conflict} {
		seen := observe(ByWebhook, adcp.StatusCompleted, `{"media_buy_id":"`+id+`","packages":[]}`)
		if _, _, v := Apply(op, seen); v != want {
			t.Errorf("%s: %s", id, v)
		}
	}
}

// The operation is one item of the table.
func TestWhatIsKeptOfAnEndIsBounded(t *testing.T) {
	t.Parallel()
	members := make([]string, 0, 65)
	for i := range 65 {
		members = append(members, fmt.Sprintf(`"m%02d":%d`, i, i))
	}
	for name, value := range map[string]string{
		"too many members": "{" + strings.Join(members, ",") + "}",
		"a long name":      `{"` + strings.Repeat("n", 65) + `":1}`,
		"no object":        `[1]`,
	} {
		op, _, _ := Apply(newOperation(Working), observe(ByPoll, adcp.StatusCompleted, value))
		if len(op.Terminal.Members) != 0 || len(op.Terminal.Fingerprint) != 64 {
			t.Errorf("%s: kept %+v", name, op.Terminal)
		}
		if _, _, v := Apply(op, observe(ByWebhook, adcp.StatusCompleted, value)); v != Duplicate {
			t.Errorf("%s, the same end: %s", name, v)
		}
		if _, _, v := Apply(op, observe(ByWebhook, adcp.StatusCompleted, `{"m00":0}`)); v != Conflict {
			t.Errorf("%s, another end: %s", name, v)
		}
	}
	most := "{" + strings.Join(members[:64], ",") + "}"
	op, _, _ := Apply(newOperation(Working), observe(ByPoll, adcp.StatusCompleted, most))
	size := 0
	for name, digest := range maps.All(op.Terminal.Members) {
		size += len(name) + len(digest)
	}
	if len(op.Terminal.Members) != 64 || size > 64*(64+32) {
		t.Errorf("%d members of %d bytes", len(op.Terminal.Members), size)
	}
}

// contract F15: the webhook outlives the task. What comes later about the buy contradicts nothing.
func TestNewsOfTheBuyAfterTheTaskIsNoContradiction(t *testing.T) {
	t.Parallel()
	known := strings.Replace(synchronous, `"confirmed_at":"2026-11-23T12:00:00Z"`, `"confirmed_at":null`, 1) + "}"
	op, _, _ := Apply(newOperation(Working), observe(ByWebhook, adcp.StatusCompleted, known))
	active := strings.NewReplacer("pending_creatives", "active", `"revision":1`, `"revision":2`).Replace(synchronous) + "}"
	about := func(s adcp.Status, task, typ, value string) Observation {
		o := observe(ByWebhook, s, value)
		o.Answer.TaskID, o.Answer.TaskType = task, typ
		if !s.Terminal() {
			o.Answer.Value, o.Answer.Progress = nil, o.Answer.Value
		}
		return o
	}
	const buy = "create_media_buy"
	for name, tc := range map[string]struct {
		o    Observation
		want Verdict
	}{
		"confirmed later": {about(adcp.StatusCompleted, "task_1", buy, synchronous+"}"), News},
		"active":          {about(adcp.StatusCompleted, "task_1", buy, active), News},
		"an impairment":   {about(adcp.StatusCompleted, "imp_1", buy, `{"media_buy_id":"mb_1","impairments":[]}`), News},
		"one in progress": {about(adcp.StatusWorking, "imp_1", buy, `{"media_buy_id":"mb_1"}`), News},
		"a failed update": {about(adcp.StatusFailed, "upd_1", "update_media_buy", `{"media_buy_id":"mb_1"}`), News},
		"canceled later":  {about(adcp.StatusCanceled, "imp_2", buy, `{"media_buy_id":"mb_1"}`), News},
		"the buy canceled": {
			about(adcp.StatusCanceled, "task_1", buy, `{"media_buy_id":"mb_1","media_buy_status":"canceled"}`), News,
		},
		"canceled, 3.0":   {about(adcp.StatusCanceled, "task_1", buy, `{"media_buy_id":"mb_1","reason":"x"}`), News},
		"canceled, A2A":   {about(adcp.StatusCanceled, "", "", `{"media_buy_id":"mb_1"}`), News},
		"rejected":        {about(adcp.StatusRejected, "task_1", buy, `{"media_buy_id":"mb_1","errors":[{}]}`), News},
		"impaired":        {about(adcp.StatusWorking, "task_1", buy, `{"media_buy_id":"mb_1","impairments":[{}]}`), News},
		"active, working": {about(adcp.StatusWorking, "task_1", buy, `{"media_buy_id":"mb_1","status":"active"}`), News},
		"a package active": {
			about(adcp.StatusCompleted, "task_1", buy, strings.Replace(active, `"p0"`, `"p0","status":"active"`, 1)), News,
		},
		"canceled, no body":  {about(adcp.StatusCanceled, "task_1", buy, ""), News},
		"canceled elsewhere": {about(adcp.StatusCanceled, "imp_3", buy, ""), News},
		"impaired, no buy":   {about(adcp.StatusCompleted, "imp_1", buy, `{"health":"impaired","impairments":[{}]}`), News},
		"impaired, own task": {about(adcp.StatusWorking, "task_1", buy, `{"health":"impaired"}`), News},
		"other packages, a later revision": {
			about(adcp.StatusCompleted, "task_1", buy, strings.Replace(active, "p0", "p1", 1)), News,
		},
		"changed by another task": {
			about(adcp.StatusCompleted, "t2", buy, strings.Replace(active, "p0", "p1", 1)), News,
		},

		"the end again":    {about(adcp.StatusCompleted, "task_1", buy, known), Duplicate},
		"an invented task": {about(adcp.StatusCompleted, "sync-1", buy, known), Duplicate},

		"the task itself failed": {about(adcp.StatusFailed, "task_1", buy, `{"media_buy_id":"mb_1"}`), Conflict},
		"other packages": {
			about(adcp.StatusCompleted, "task_1", buy, strings.Replace(known, "p0", "p1", 1)), Conflict,
		},
		"another buy":          {about(adcp.StatusCompleted, "imp_1", buy, `{"media_buy_id":"mb_2"}`), WrongTask},
		"no buy":               {about(adcp.StatusFailed, "imp_1", buy, `{"errors":[]}`), WrongTask},
		"another type, no buy": {about(adcp.StatusCompleted, "task_1", "sync_creatives", `{"creatives":[]}`), WrongTask},
		"canceled, but the buy is active": {
			about(adcp.StatusCanceled, "task_1", buy, `{"media_buy_id":"mb_1","media_buy_status":"active"}`), Conflict,
		},
		"failed, the buy canceled": {
			about(adcp.StatusFailed, "task_1", buy, `{"media_buy_id":"mb_1","media_buy_status":"canceled"}`), Conflict,
		},
		"another buy canceled": {about(adcp.StatusCanceled, "task_1", buy, `{"media_buy_id":"mb_2"}`), Conflict},
		"late progress": {
			about(adcp.StatusWorking, "task_1", buy, `{"media_buy_id":"mb_1","percentage":90}`), Stale,
		},
		"an open status, later": {about(adcp.StatusWorking, "task_1", buy, `{"percentage":1}`), Stale},
	} {
		after, e, v := Apply(op, tc.o)
		clash := tc.want == Conflict || tc.want == WrongTask
		if v != tc.want || (after.Attention != nil) != clash || (e.Kind == EventConflict) != clash {
			t.Errorf("%s: %s, event %+v, attention %+v", name, v, e, after.Attention)
		}
		told := e.Kind == EventNews && e.Notification != nil && e.Detail != ""
		if v == News && (!told || after.ADCPStatus != op.ADCPStatus) {
			t.Errorf("%s: event %+v, status %s", name, e, after.ADCPStatus)
		}
		if after.State != Completed || !reflect.DeepEqual(after.Terminal, op.Terminal) {
			t.Errorf("%s changed the end", name)
		}
	}
	_, e, _ := Apply(op, about(adcp.StatusCanceled, "task_1", buy, `{"media_buy_id":"mb_1"}`))
	if !strings.Contains(e.Detail, "it is canceled") {
		t.Errorf("the timeline says %q", e.Detail)
	}
	// An update that was done is not taken back by its own task; the buy may still end.
	update := newOperation(Working)
	update.Type = adcp.UpdateMediaBuy
	update, _, _ = Apply(update, observe(ByPoll, adcp.StatusCompleted, `{"media_buy_id":"mb_1","affected_packages":[]}`))
	for value, want := range map[string]Verdict{
		`{"media_buy_id":"mb_1"}`: Conflict, `{"media_buy_id":"mb_1","media_buy_status":"rejected"}`: News,
	} {
		if _, _, v := Apply(update, about(adcp.StatusRejected, "task_1", "update_media_buy", value)); v != want {
			t.Errorf("an update, then %s: %s", value, v)
		}
	}
	// Before the end nothing is news: a report on another task is refused, as ever.
	open := newOperation(Working)
	if _, _, v := Apply(open, about(adcp.StatusCompleted, "imp_1", buy, known)); v != WrongTask {
		t.Errorf("before the end: %s", v)
	}
}

// A task that is completed names its buy as it stands, and a buy can be canceled or rejected later
// (contract A11, A31). That is no other end of the task.
func TestEndOfTheBuyIsNoOtherEndOfItsTask(t *testing.T) {
	t.Parallel()
	op, _, _ := Apply(newOperation(Working), observe(ByWebhook, adcp.StatusCompleted, synchronous+"}"))
	for buy, end := range map[string]adcp.Status{
		"canceled": adcp.StatusCanceled, "rejected": adcp.StatusRejected, "pending_approval": adcp.StatusSubmitted,
	} {
		later := strings.NewReplacer("pending_creatives", buy, `"2026-11-23T12:00:00Z"`, "null").Replace(synchronous)
		result := json.RawMessage(later + "}")
		a := adcp.ReadWebhook(adcp.CreateMediaBuy, adcp.Webhook{TaskID: "task_1", TaskType: "create_media_buy",
			Status: adcp.StatusCompleted, Result: result})
		if a.Status != end {
			t.Fatalf("%s: the webhook says %s", buy, a.Status)
		}
		after, _, v := Apply(op, Observation{Channel: ByWebhook, Answer: a, At: op.UpdatedAt})
		if v != News || after.State != Completed || after.Attention != nil {
			t.Errorf("%s by webhook: %s, attention %+v", buy, v, after.Attention)
		}
		after, _, v = Apply(op, Observation{Channel: ByPoll, Answer: a, At: op.UpdatedAt})
		if v == Conflict || after.Attention != nil {
			t.Errorf("%s by poll: %s, attention %+v", buy, v, after.Attention)
		}
		open := newOperation(Working)
		if after, _, _ := Apply(open, Observation{Channel: ByWebhook, Answer: a, At: open.UpdatedAt}); end.Terminal() &&
			string(after.State) != string(end) {
			t.Errorf("%s before the end: %s", buy, after.State)
		}
	}
}

// An agent that can't be polled may say completed for ever and never show what it bought.
func TestEndWithoutResultByWebhookOnlyRaisesAttention(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		support AgentSupport
		taskID  string
		want    bool
	}{
		"nothing to poll by":  {AgentSupport{}, "task_1", true},
		"nothing to poll for": {fullSupport, "", true},
		"a poll may bring it": {fullSupport, "task_1", false},
	} {
		op := newOperation(Working)
		op.TaskID = tc.taskID
		for n := range 10 {
			o := observe(ByWebhook, adcp.StatusCompleted, "")
			o.Answer.TaskID = tc.taskID
			op, _, _ = Apply(op, o)
			op.Plan(noon, 0, tc.support)
			raised := op.Attention != nil && op.Attention.Reason == ResultMissing
			if raised != (tc.want && n+1 >= attentionAfter) || op.State != Working {
				t.Errorf("%s, delivery %d: attention %+v in %s", name, n+1, op.Attention, op.State)
			}
		}
		op, _, _ = Apply(op, observe(ByWebhook, adcp.StatusCompleted, result))
		if op.State != Completed || op.Attention != nil || op.Attempts.ResultsMissing != 0 {
			t.Errorf("%s, with its result: %s, %+v, %+v", name, op.State, op.Attention, op.Attempts)
		}
	}
}
