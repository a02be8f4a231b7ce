package operation

import "time"

// Cancellation is a person's wish to cancel an operation. AdCP can't cancel a task (contract K1,
// K4): the wish is a flag and no state. Only a buy can be canceled, by an operation of its own.
type Cancellation struct {
	State CancelState `json:"state"`
	// Buy is what becomes of the buy if there is one all the same.
	Buy    BuyWish   `json:"buy"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
	Actor  Actor     `json:"actor"`
	// OperationID is the operation that cancels the buy, once it is decided that there is one.
	OperationID string `json:"operation_id,omitempty"`
	Unknown     string `json:"-" document:"unknown"`
}

// CancelState is what has become of the wish to cancel.
type CancelState string

// The states of a wish to cancel.
const (
	CancelWished CancelState = "wished" // kept until the operation ends
	// CancelSending: the operation that cancels the buy is about to be stored. It can't be taken back.
	CancelSending     CancelState = "sending"
	CancelSent        CancelState = "sent"         // an operation of its own cancels the buy; what it reaches, it says
	CancelDone        CancelState = "done"         // the operation has ended without a buy
	CancelKept        CancelState = "kept"         // it was completed, and the buy was to be kept
	CancelNotPossible CancelState = "not_possible" // it was completed, and there is no buy that could be canceled
)

// BuyWish is what becomes of a buy whose purchase was to be canceled.
type BuyWish string

// What can become of a buy.
const (
	CancelBuy BuyWish = "cancel"
	KeepBuy   BuyWish = "keep"
)

// stands reports whether something is still to be done because of the wish.
func (c *Cancellation) stands() bool {
	return c != nil && (c.State == CancelWished || c.State == CancelSending)
}

// CancelDue reports whether the operation that cancels the buy is to be made.
func (op *Operation) CancelDue() bool {
	return op.State == Completed && op.Cancellation.stands()
}

// provablyUnsent reports whether nothing of the request can have been carried out, and no call is
// under way.
func (op *Operation) provablyUnsent() bool {
	called := op.State == CallingAdCP && !op.Call.InFlight && !op.Call.Unclear && op.TaskID == "" && op.MediaBuyID == ""
	return op.State == Requested || called
}

// cancelsUnsent reports whether an operation that is to be canceled can end so: its call has ended,
// and nothing was carried out.
func (op *Operation) cancelsUnsent() bool {
	return op.Cancellation.stands() && op.provablyUnsent()
}

// Cancel does what a person's wish to cancel does by state (contract K): it ends what was never
// sent, keeps the wish while the agent works, and asks for the cancellation of a buy that is there.
// changed is false if that was done before. It returns an *ActRefusedError.
func (op *Operation) Cancel(now time.Time, who Actor, reason string, buy BuyWish) (e Event, changed bool, err error) {
	c := op.Cancellation
	switch {
	case op.State == Canceled:
		return e, false, nil
	case c != nil && (c.State == CancelSending || c.State == CancelSent):
		return e, false, nil
	case c.stands() && c.Buy == buy:
		return e, false, nil
	case op.State.Terminal() && op.State != Completed:
		return e, false, op.refuse(NotCancellable, "the operation has "+endedAs(op.State)+": there is nothing to cancel")
	case op.State == Completed && (!op.Type.MakesBuy() || buy == KeepBuy):
		return e, false, op.refuse(NotCancellable, "the operation is completed, and what it did can't be canceled by it; "+
			`of a purchase the buy can be: send "buy": "cancel"`)
	case op.State == Completed && op.BuyID() == "":
		return e, false, op.refuse(NotCancellable, "the operation is completed, and the agent has named no buy; "+
			"look for it there, and submit update_media_buy")
	}
	op.Cancellation = &Cancellation{State: CancelWished, Buy: buy, Reason: reason, At: now, Actor: who}
	if op.provablyUnsent() {
		return op.endUnsent(now, ByAPI, CancelRequested, "not sent: canceled before anything was carried out"), true, nil
	}
	if op.State == Completed {
		op.dueSoon(now)
	}
	op.BumpVersion(now)
	return op.event(EventCancelRequested, ByAPI, op.State, now, "buy: "+string(buy)), true, nil
}

// endedAs is a terminal state in a sentence.
func endedAs(s State) string {
	if s == Rejected {
		return "been rejected"
	}
	return string(s)
}

// Withdraw takes a wish to cancel back. changed is false if there is none. It returns an
// *ActRefusedError.
func (op *Operation) Withdraw(now time.Time) (e Event, changed bool, err error) {
	c := op.Cancellation
	switch {
	case c != nil && (c.State == CancelSending || c.State == CancelSent):
		err := op.refuse(CancellationSent, "operation "+c.OperationID+" cancels the buy, and that can't be taken back")
		err.OperationID = c.OperationID
		return e, false, err
	case c.stands():
	case op.State == Canceled:
		return e, false, op.refuse(OperationEnded, "the operation has ended as canceled; submit the request again")
	default:
		return e, false, nil
	}
	op.Cancellation = nil
	op.BumpVersion(now)
	return op.event(EventCancelWithdrawn, ByAPI, op.State, now, ""), true, nil
}

// CancelUnsent ends an operation that is to be canceled and of which nothing was carried out. ok is
// false if it is none, or if a call may still be.
func (op *Operation) CancelUnsent(now time.Time) (e Event, ok bool) {
	if !op.cancelsUnsent() {
		return Event{}, false
	}
	return op.endUnsent(now, ByAPI, CancelRequested, "not sent again: canceled, and nothing was carried out"), true
}

// concludeCancellation decides what the operation's end makes of the wish to cancel it. What is
// completed with a buy that is to be canceled keeps the wish: see CancelDue. It is called when the
// attention of the end is set.
func (op *Operation) concludeCancellation(now time.Time) {
	if op.Cancels != "" && op.State != Completed {
		op.flag(NotCanceled, now, "the buy of "+op.Cancels+" is not canceled by this operation: it may be live")
	}
	if op.Cancellation == nil || op.Cancellation.State != CancelWished {
		return
	}
	c := *op.Cancellation
	switch {
	case op.State != Completed:
		c.State = CancelDone
	case c.Buy == KeepBuy:
		c.State = CancelKept
	case !op.Type.MakesBuy() || op.BuyID() == "":
		c.State = CancelNotPossible
		if op.Attention == nil {
			op.flag(NotCanceled, now, "completed though it was to be canceled, and no buy is known that could be canceled")
		}
	}
	op.Cancellation = &c
}

// BeginCancelBuy decides that the operation of that id cancels the buy. From then on the wish can't
// be taken back. ok is false if that is decided, or if nothing is to be canceled.
func (op *Operation) BeginCancelBuy(now time.Time, id string) (ok bool) {
	if !op.CancelDue() || op.Cancellation.State != CancelWished {
		return false
	}
	c := *op.Cancellation
	c.State, c.OperationID = CancelSending, id
	op.Cancellation = &c
	op.dueSoon(now)
	op.BumpVersion(now)
	return true
}

// FinishCancelBuy records that the operation which cancels the buy is stored. ok is false if that
// is recorded already.
func (op *Operation) FinishCancelBuy(now time.Time) (e Event, ok bool) {
	if !op.CancelDue() || op.Cancellation.State != CancelSending {
		return Event{}, false
	}
	c := *op.Cancellation
	c.State = CancelSent
	op.Cancellation = &c
	if !op.PublishedAt.IsZero() && !op.ExpiryPending {
		op.DueAt = time.Time{}
	}
	op.BumpVersion(now)
	return op.event(EventCancelSent, ByOrchestrator, op.State, now, c.OperationID+" cancels the buy"), true
}
