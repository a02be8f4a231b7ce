package operation

import (
	"errors"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// standing is how an operation stands when a person acts on it.
type standing struct {
	name string
	op   func() Operation
}

// standings are the columns of the table of acts: what an act does depends on them alone.
var standings = []standing{
	{"requested", func() Operation { op := newOperation(Requested); op.TaskID = ""; return op }},
	{"sent and refused", func() Operation { op := newOperation(CallingAdCP); op.TaskID = ""; return op }},
	{"in flight", inFlight},
	{"unclear", func() Operation {
		op := inFlight()
		op.FailAttempt(noon, 0, adcp.Ambiguous, 0, "")
		op.Flag(OutcomeUnclear, noon, "")
		return op
	}},
	{"submitted", func() Operation { return newOperation(Submitted) }},
	{"working", func() Operation { return newOperation(Working) }},
	{"given up", func() Operation { op := newOperation(Working); op.Flag(GaveUp, noon, ""); return op }},
	{"asks", func() Operation { op := newOperation(InputRequired); op.Flag(InputNeeded, noon, ""); return op }},
	{"paused", func() Operation {
		op := newOperation(Working)
		op.Paused = &Brake{At: noon}
		return op
	}},
	{"completed", func() Operation { return completedBuy() }},
	{"failed", func() Operation { return endedOperation(Failed) }},
	{"canceled", func() Operation { return endedOperation(Canceled) }},
	{"rejected", func() Operation { return endedOperation(Rejected) }},
}

func inFlight() Operation {
	op := newOperation(Requested)
	op.TaskID = ""
	op.StartAttempt(noon, AgentSupport{})
	return op
}

func endedOperation(s State) Operation {
	op := newOperation(s)
	op.Terminal = &Terminal{Status: adcp.Status(s), Channel: ByPoll, At: noon}
	return op
}

func completedBuy() Operation {
	op := endedOperation(Completed)
	op.MediaBuyID = "mb_1"
	return op
}

// codeOf is the code of a refusal, "" for none.
func codeOf(err error) Refusal {
	var refused *ActRefusedError
	if !errors.As(err, &refused) {
		return ""
	}
	return refused.Code
}

var someone = Actor{Type: ActorAPIKey, ID: "k1", RequestID: "r1"}

// Each act does by state what the table says, and the same act again changes nothing.
func TestTheTableOfActs(t *testing.T) {
	t.Parallel()
	later := noon.Add(time.Hour)
	acts := map[string]func(*Operation) (Event, bool, error){
		"cancel":   func(op *Operation) (Event, bool, error) { return op.Cancel(later, someone, "why", CancelBuy) },
		"keep":     func(op *Operation) (Event, bool, error) { return op.Cancel(later, someone, "why", KeepBuy) },
		"withdraw": func(op *Operation) (Event, bool, error) { return op.Withdraw(later) },
		"poll": func(op *Operation) (Event, bool, error) {
			e, _, err := op.AskPoll(later)
			return e, err == nil, err
		},
		"pause":   func(op *Operation) (Event, bool, error) { return op.Pause(later, someone, "why") },
		"resume":  func(op *Operation) (Event, bool, error) { return op.Release(later) },
		"resolve": func(op *Operation) (Event, bool, error) { return Event{}, false, op.MayResolve(later) },
	}
	const same, done = "same", "done" // nothing changes; one event
	for act, want := range map[string]map[string]string{
		"cancel": {
			"requested": done, "sent and refused": done, "in flight": done, "unclear": done, "submitted": done,
			"working": done, "given up": done, "asks": done, "paused": done, "completed": done, "canceled": same,
			"failed": "not_cancellable", "rejected": "not_cancellable",
		},
		"keep": {
			"requested": done, "sent and refused": done, "in flight": done, "unclear": done, "submitted": done,
			"working": done, "given up": done, "asks": done, "paused": done, "completed": "not_cancellable",
			"canceled": same, "failed": "not_cancellable", "rejected": "not_cancellable",
		},
		"withdraw": {
			"requested": same, "sent and refused": same, "in flight": same, "unclear": same, "submitted": same,
			"working": same, "given up": same, "asks": same, "paused": same, "completed": same,
			"canceled": "operation_ended", "failed": same, "rejected": same,
		},
		"poll": {
			"requested": "not_started", "sent and refused": done, "in flight": done, "unclear": done, "submitted": done,
			"working": done, "given up": done, "asks": done, "paused": "paused", "completed": "operation_ended",
			"canceled": "operation_ended", "failed": "operation_ended", "rejected": "operation_ended",
		},
		"pause": {
			"requested": done, "sent and refused": done, "in flight": done, "unclear": done, "submitted": done,
			"working": done, "given up": done, "asks": done, "paused": same, "completed": "operation_ended",
			"canceled": "operation_ended", "failed": "operation_ended", "rejected": "operation_ended",
		},
		"resume": {
			"requested": same, "sent and refused": same, "in flight": same, "unclear": same, "submitted": same,
			"working": same, "given up": same, "asks": same, "paused": done, "completed": "operation_ended",
			"canceled": "operation_ended", "failed": "operation_ended", "rejected": "operation_ended",
		},
		"resolve": { // MayResolve has no event: same is yes
			"requested": "not_unclear", "sent and refused": "not_unclear", "in flight": "not_unclear", "unclear": same,
			"submitted": "not_unclear", "working": "not_unclear", "given up": same, "asks": "not_unclear",
			"paused": "not_unclear", "completed": "operation_ended", "canceled": "operation_ended",
			"failed": "operation_ended", "rejected": "operation_ended",
		},
	} {
		for _, s := range standings {
			op := s.op()
			if act == "resolve" && s.name == "in flight" {
				op.Call.LeaseUntil = later.Add(time.Second)
			}
			before, state := op.Version, op.State
			e, changed, err := acts[act](&op)
			got := string(codeOf(err))
			switch {
			case err == nil && changed:
				got = done
			case err == nil:
				got = same
			}
			if got != want[s.name] {
				t.Errorf("%s of one that is %s: %s, want %q", act, s.name, got, want[s.name])
				continue
			}
			if changed != (op.Version == before+1) || changed && (e.Kind == "" || e.Seq != op.Version) {
				t.Errorf("%s of one that is %s: version %d after %d, event %+v", act, s.name, op.Version, before, e)
			}
			unsent := s.name == "requested" || s.name == "sent and refused"
			if ends := op.State != state; ends != (unsent && (act == "cancel" || act == "keep")) {
				t.Errorf("%s of one that is %s made it %s", act, s.name, op.State)
			}
			if !changed || act == "poll" {
				continue
			}
			version := op.Version
			if _, again, err := acts[act](&op); again || err != nil && codeOf(err) != OperationEnded || op.Version != version {
				t.Errorf("%s of one that is %s, again: %v, %v", act, s.name, again, err)
			}
		}
	}
}

// A wish ends with the operation as the table says: never as canceled where a buy is live.
func TestWhatBecomesOfAWishToCancel(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		task      adcp.Task
		buy       BuyWish
		status    adcp.Status
		value     string
		want      CancelState
		due       bool
		attention Reason
	}{
		"a buy":            {adcp.CreateMediaBuy, CancelBuy, adcp.StatusCompleted, result, CancelWished, true, ""},
		"a buy to be kept": {adcp.CreateMediaBuy, KeepBuy, adcp.StatusCompleted, result, CancelKept, false, ""},
		"a buy without an id": {
			adcp.CreateMediaBuy, CancelBuy, adcp.StatusCompleted, `{"packages":[]}`, CancelNotPossible, false, NotCanceled,
		},
		"what is no buy": {
			adcp.BuildCreative, CancelBuy, adcp.StatusCompleted, `{"creatives":[]}`, CancelNotPossible, false, NotCanceled,
		},
		"a failed purchase":    {adcp.CreateMediaBuy, CancelBuy, adcp.StatusFailed, "", CancelDone, false, ""},
		"a rejected purchase":  {adcp.CreateMediaBuy, CancelBuy, adcp.StatusRejected, "", CancelDone, false, ""},
		"a canceled purchase":  {adcp.CreateMediaBuy, CancelBuy, adcp.StatusCanceled, "", CancelDone, false, ""},
		"a purchase that goes": {adcp.CreateMediaBuy, CancelBuy, adcp.StatusWorking, "", CancelWished, false, ""},
	} {
		op := newOperation(Submitted)
		op.Type = tc.task
		if _, _, err := op.Cancel(noon, someone, "why", tc.buy); err != nil {
			t.Fatal(err)
		}
		o := observe(ByWebhook, tc.status, tc.value)
		if id := adcp.ReadBuyFacts(o.Answer.Value).MediaBuyID; tc.task.MakesBuy() {
			o.Answer.MediaBuyID = id
		}
		op, _, _ = Apply(op, o)
		reason := Reason("")
		if op.Attention != nil {
			reason = op.Attention.Reason
		}
		if op.Cancellation.State != tc.want || op.CancelDue() != tc.due || reason != tc.attention {
			t.Errorf("%s: %+v, due %v, attention %q", name, op.Cancellation, op.CancelDue(), reason)
		}
	}
}

// From the moment at which it is decided that an operation cancels the buy, the wish can't be taken
// back, and it is decided and recorded once.
func TestACancellationIsSentOnce(t *testing.T) {
	t.Parallel()
	op := completedBuy()
	op.PublishedAt = noon
	if _, changed, err := op.Cancel(noon, someone, "why", CancelBuy); !changed || err != nil || op.DueAt.IsZero() {
		t.Fatalf("%v, due at %v", err, op.DueAt)
	}
	if !op.BeginCancelBuy(noon, "op_2") || op.BeginCancelBuy(noon, "op_3") || op.Cancellation.OperationID != "op_2" {
		t.Errorf("%+v", op.Cancellation)
	}
	_, _, err := op.Withdraw(noon)
	var refused *ActRefusedError
	if !errors.As(err, &refused) || refused.Code != CancellationSent || refused.OperationID != "op_2" {
		t.Errorf("withdrawn: %v", err)
	}
	if !op.CancelDue() || op.WrittenSchema() != 3 {
		t.Errorf("due %v, schema %d", op.CancelDue(), op.WrittenSchema())
	}
	e, ok := op.FinishCancelBuy(noon)
	_, again := op.FinishCancelBuy(noon)
	if !ok || again || e.Kind != EventCancelSent || op.CancelDue() || !op.DueAt.IsZero() || op.WrittenSchema() != 1 {
		t.Errorf("%+v, again %v, due at %v", e, again, op.DueAt)
	}
}

// An operation that cancels a buy and does not succeed says that the buy may be live.
func TestACancellationThatFailsNeedsAPerson(t *testing.T) {
	t.Parallel()
	ends := []adcp.Status{adcp.StatusFailed, adcp.StatusRejected, adcp.StatusCanceled, adcp.StatusCompleted}
	for _, status := range ends {
		op := newOperation(Working)
		op.Type, op.Cancels = adcp.UpdateMediaBuy, "op_0"
		op, _, _ = Apply(op, observe(ByPoll, status, `{"media_buy_id":"mb_1"}`))
		if flagged := op.flaggedFor(NotCanceled); flagged != (status != adcp.StatusCompleted) {
			t.Errorf("%s: attention %+v", status, op.Attention)
		}
	}
}

// A paused operation waits half a day at a time, whatever was due; its polling ends later by the
// time of the pause.
func TestAPausedOperationWaits(t *testing.T) {
	t.Parallel()
	for _, s := range standings[:8] {
		op := s.op()
		if _, _, err := op.Pause(noon, someone, "why"); err != nil {
			t.Fatal(err)
		}
		at := noon.Add(200 * 24 * time.Hour)
		d := op.Plan(at, 0, fullSupport)
		if d.Next != NextAwait || d.Delay != int(maxDelay/time.Second) || op.DueAt.Before(at.Add(maxDelay)) {
			t.Errorf("%s: %+v, due at %v", s.name, d, op.DueAt)
		}
		_, called := op.StartAttempt(at, fullSupport)
		if called || op.GiveSlot(at, at) || op.PollSoon(at) || op.WrittenSchema() != 3 {
			t.Errorf("%s: it is called, given a slot, polled, or left to older code", s.name)
		}
		until := op.FollowUntil
		if _, _, err := op.Release(noon.Add(time.Hour)); err != nil || op.FollowUntil.Sub(until) != time.Hour {
			t.Errorf("%s: %v, followed until %v", s.name, err, op.FollowUntil)
		}
		want := NextPoll
		if op.NeedsCall() {
			want = NextRetry
		}
		if op.Signal != want || op.WrittenSchema() != 1 {
			t.Errorf("%s: told to %s", s.name, op.Signal)
		}
		if op.Plan(noon, 0, fullSupport); op.Signal != "" {
			t.Errorf("%s: still told to %s", s.name, op.Signal)
		}
	}
}

// The end of a paused operation is published like any other.
func TestAPausedOperationEnds(t *testing.T) {
	t.Parallel()
	op := newOperation(Working)
	if _, _, err := op.Pause(noon, someone, "why"); err != nil {
		t.Fatal(err)
	}
	op, _, v := Apply(op, observe(ByWebhook, adcp.StatusCompleted, result))
	if d := op.Plan(noon, 0, fullSupport); v != Advanced || d.Next != NextSettle || op.Braked() {
		t.Errorf("%s, %+v", v, d)
	}
}

// A poll that a person asks for comes once a minute, and not before the agent's own time.
func TestAPollThatIsAskedFor(t *testing.T) {
	t.Parallel()
	op := newOperation(Working)
	op.NotBefore = noon.Add(10 * time.Minute)
	op.DueAt = noon.Add(12 * time.Hour)
	_, at, err := op.AskPoll(noon)
	if err != nil || !at.Equal(op.NotBefore) || op.DueAt.After(at.Add(reconcileSoon)) || op.Signal != NextPoll {
		t.Errorf("at %v, due at %v, %v", at, op.DueAt, err)
	}
	_, _, err = op.AskPoll(noon.Add(59 * time.Second))
	var refused *ActRefusedError
	if !errors.As(err, &refused) || refused.Code != PolledRecently || refused.RetryAfter != time.Second {
		t.Errorf("after 59 seconds: %v", err)
	}
	if _, _, err = op.AskPoll(noon.Add(time.Minute)); err != nil {
		t.Errorf("after a minute: %v", err)
	}
}

// What is to be canceled ends as soon as it is certain that nothing was carried out, and is not
// sent again; what may have been carried out goes on.
func TestAWishedCancellationIsNotSentAgain(t *testing.T) {
	t.Parallel()
	for _, outcome := range []adcp.Outcome{adcp.Unsent, adcp.Ambiguous} {
		op := inFlight()
		if _, changed, err := op.Cancel(noon, someone, "why", CancelBuy); !changed || err != nil || op.State != CallingAdCP {
			t.Fatalf("%s, %v", op.State, err)
		}
		op.FailAttempt(noon, 0, outcome, time.Hour, "")
		certain := outcome == adcp.Unsent
		d := op.Plan(noon, 0, fullSupport)
		if early := d.Next == NextRetry && d.Delay == 1; early != certain {
			t.Errorf("%v: %+v", outcome, d)
		}
		_, sent := op.StartAttempt(noon.Add(time.Hour), fullSupport)
		if sent == certain {
			t.Errorf("%v: sent again: %v", outcome, sent)
		}
		e, ended := op.CancelUnsent(noon)
		if ended != certain || ended && (op.State != Canceled || op.Cancellation.State != CancelDone ||
			op.Terminal.Reason != CancelRequested || e.To != Canceled) {
			t.Errorf("%v: ended %v, %s", outcome, ended, op.State)
		}
	}
}

// Who has to act, and what comes next, in every standing.
func TestWhoIsWaitedForAndWhatComesNext(t *testing.T) {
	t.Parallel()
	type answer struct {
		who  Party
		next Action
	}
	want := map[string]answer{
		"requested": {WaitsForOrchestrator, ActionCall}, "sent and refused": {WaitsForOrchestrator, ActionCall},
		"in flight": {WaitsForAgent, ActionAwaitAnswer}, "unclear": {WaitsForPerson, ActionPoll},
		"submitted": {WaitsForAgent, ActionPoll}, "working": {WaitsForAgent, ActionPoll}, "given up": {WaitsForPerson, ""},
		"asks": {WaitsForPerson, ActionPoll}, "paused": {WaitsForPerson, ""},
		"completed": {WaitsForOrchestrator, ActionPublish}, "failed": {WaitsForOrchestrator, ActionPublish},
		"canceled": {WaitsForOrchestrator, ActionPublish}, "rejected": {WaitsForOrchestrator, ActionPublish},
	}
	check := func(name string, op Operation, want answer) {
		t.Helper()
		got := answer{who: op.WaitingOn()}
		if next := op.NextStep(); next != nil {
			if got.next = next.Action; next.At.Before(op.UpdatedAt) {
				t.Errorf("%s: next at %v, before its last change", name, next.At)
			}
		}
		if got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	for _, s := range standings {
		check(s.name, s.op(), want[s.name])
	}
	published := completedBuy()
	published.PublishedAt = noon
	check("published", published, answer{WaitsForNobody, ""})
	if _, _, err := published.Cancel(noon, someone, "why", CancelBuy); err != nil {
		t.Fatal(err)
	}
	check("published, to be canceled", published, answer{WaitsForOrchestrator, ActionCancelBuy})
	turn := newOperation(Requested)
	turn.WaitsFor = "op_0"
	check("in line", turn, answer{WaitsForOrchestrator, ActionTakeTurn})
	answered := newOperation(InputRequired)
	answered.InputRequest = InputRequest{Generation: 1, Input: Input{State: InputAccepted}}
	check("answered", answered, answer{WaitsForOrchestrator, ActionCall})
}
