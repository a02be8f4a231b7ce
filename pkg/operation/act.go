package operation

import "time"

// Refusal is the code of an ActRefusedError.
type Refusal string

// Why an act is not possible.
const (
	OperationEnded   Refusal = "operation_ended"   // nothing can be done about it any more
	NotStarted       Refusal = "not_started"       // the agent has not been called: there is nothing to ask
	IsPaused         Refusal = "paused"            // a person lets no call leave
	PolledRecently   Refusal = "polled_recently"   // one poll a minute may be asked for
	RedrivenRecently Refusal = "redriven_recently" // one redrive a minute
	NotCancellable   Refusal = "not_cancellable"   // it has ended, and made no buy that is known
	CancellationSent Refusal = "cancellation_sent" // the wish has become an operation of its own
	NotUnclear       Refusal = "not_unclear"       // the orchestrator can still find out by itself
	LiveBuy          Refusal = "live_buy"          // the agent shows what was to be said not to be
	LookUpFailed     Refusal = "look_up_failed"    // the agent could not show that there is nothing
)

// ActRefusedError says that a person's act is not possible as the operation stands: nothing was
// stored.
type ActRefusedError struct {
	Code  Refusal
	State State
	// Why says what stands in the way, and what would help.
	Why string
	// RetryAfter is when the same act is possible, 0 if time alone does not help.
	RetryAfter time.Duration
	// OperationID is another operation that matters, "" if none does.
	OperationID string
}

// Error returns the code.
func (e *ActRefusedError) Error() string { return string(e.Code) }

func (op *Operation) refuse(code Refusal, why string) *ActRefusedError {
	return &ActRefusedError{Code: code, State: op.State, Why: why}
}

// actEvery is how often a person may ask for the same thing that makes a call.
const actEvery = time.Minute

// tooSoon refuses what was done less than actEvery ago; nil if it may be done again.
func (op *Operation) tooSoon(now, last time.Time, code Refusal, why string) error {
	wait := last.Add(actEvery).Sub(now)
	if last.IsZero() || wait <= 0 {
		return nil
	}
	e := op.refuse(code, why)
	e.RetryAfter = wait
	return e
}

// Held reports whether no call may leave, though one is due: a person has paused the operation, or
// wants to have it canceled before it was carried out.
func (op *Operation) Held() bool { return op.Braked() || op.cancelsUnsent() }

// AskPoll brings the next poll forward because a person wants it, and returns when it is made: not
// before the agent's own time and the call's slot have come (contract D8). It returns an
// *ActRefusedError.
func (op *Operation) AskPoll(now time.Time) (e Event, at time.Time, err error) {
	switch {
	case op.State.Terminal():
		return e, at, op.refuse(OperationEnded, "the operation has ended; read it")
	case op.State == Requested:
		return e, at, op.refuse(NotStarted, "the agent has not been called yet, so there is nothing to ask; "+
			"a redrive has it called at once")
	case op.Braked():
		return e, at, op.refuse(IsPaused, "the operation is paused, and no call leaves; resume it")
	}
	if err := op.tooSoon(now, op.PollAskedAt, PolledRecently, "a poll was asked for less than a minute ago"); err != nil {
		return e, at, err
	}
	for at = now; at.Before(op.NotBefore) || at.Before(op.Admission.Slot); {
		at = later(op.NotBefore, op.Admission.Slot)
	}
	op.PollAskedAt = now
	op.followOn(now)
	if op.flaggedFor(GaveUp) {
		op.Attention = nil
	}
	op.signal(at, NextPoll)
	op.BumpVersion(now)
	return op.event(EventPollRequested, ByAPI, op.State, now, ""), at, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// signal notes what the execution is told to do at a time. If the signal is lost, the reconciler
// looks soon after that.
func (op *Operation) signal(at time.Time, next Next) {
	op.Signal = next
	op.dueSoon(at)
}

// MayRedrive returns an *ActRefusedError if the operation was redriven less than a minute ago.
func (op *Operation) MayRedrive(now time.Time) error {
	return op.tooSoon(now, op.RedrivenAt, RedrivenRecently, "it was redriven less than a minute ago")
}
