package orchestrator

import (
	"context"
	"crypto/subtle"
	"errors"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/digest"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
)

// The reasons why an authentic delivery is not applied: the caller has to quarantine it. Every
// other error of Receive is an internal fault, and the sender should try again.
var (
	// ErrUnknownOperation: the payload's operation_id is no operation of the sender's (contract F6),
	// or one whose webhooks are authenticated in another mode (contract F33).
	ErrUnknownOperation = errors.New("operation_id names no operation of this sender")
	// ErrToken: the payload's token is missing or wrong (contract F29).
	ErrToken = errors.New("token is missing or wrong")
	// ErrKeyReused: the delivery's key was used with another payload (contract F79).
	ErrKeyReused = errors.New("idempotency_key was used with another payload")
	// ErrConflict: the delivery contradicts what is known. It changes nothing (contract H2, H3).
	ErrConflict = errors.New("contradicts what is known of the task")
	// ErrTooMany: more deliveries for one operation than any honest sender makes.
	ErrTooMany = errors.New("too many deliveries for this operation")
)

// ReceiveStore is what Receive needs of the store.
type ReceiveStore interface {
	operations
	inbox.Quarantine
	inbox.Deliveries
	registry.Profiles
}

// Receive applies authentic webhooks.
type Receive struct {
	Store    ReceiveStore
	Workflow Waker
	Deps     Deps
}

// deliveryTTL is how long a delivery's key is remembered: longer than any sender may retry
// (contract F74, F85).
const deliveryTTL = 8 * 24 * time.Hour

// ReceiveResult is what a delivery did.
type ReceiveResult struct {
	Operation operation.Operation
	Verdict   operation.Verdict
	// First is false for a delivery that was accepted before.
	First bool
}

// Run applies a webhook that came in by registered's callback and was authenticated against its
// webhook configuration. fingerprint is its PayloadFingerprint. The payload's operation_id alone
// says which operation it is for (contract F5); that has to be one of the same sender's and mode's
// (contract F6, F33). The delivery's key is claimed in the same write that applies it; only then is
// the waiting execution woken.
func (r Receive) Run(ctx context.Context, registered operation.Operation, w adcp.Webhook, fingerprint string) (
	ReceiveResult, error) {
	target, o, err := r.observe(ctx, registered, w, TokenHash(w.Token))
	if err != nil {
		return ReceiveResult{Operation: target}, err
	}
	return r.apply(ctx, target, o, digest.Hex(w.IdempotencyKey), fingerprint)
}

// observe finds the operation that a webhook is for, checks its token, and reads what it says. The
// operation is registered if the error says that there is no other.
func (r Receive) observe(ctx context.Context, registered operation.Operation, w adcp.Webhook, tokenHash string) (
	operation.Operation, operation.Observation, error) {
	o := operation.Observation{Channel: operation.ByWebhook, News: w.News()}
	target, err := r.target(ctx, registered, w.OperationID)
	if err != nil {
		return registered, o, err
	}
	if !tokenMatches(target, tokenHash) && !(w.Bare && tokenHash == "") { // its schemas have no place for one
		return target, o, ErrToken
	}
	if o.Answer = adcp.ReadWebhook(target.Type, w); !target.Keeps(o) && target.TooManyDeliveries(o.Answer) {
		return target, o, ErrTooMany
	}
	if o.News.Type == adcp.CapabilitiesChanged {
		// Before the delivery is stored: who dies in between gets it again.
		if err := registry.Outdate(ctx, r.Store, agentOf(target), r.Deps.Now().UTC()); err != nil {
			return target, o, err
		}
	}
	return target, o, nil
}

// target returns the operation that a payload names. The delivery was authenticated for registered,
// so both have to be of one sender (contract F6, F47), and registered in one mode: else an old
// registration in a weaker mode, or one of a former seller, would speak for a new operation
// (contract F33).
func (r Receive) target(ctx context.Context, registered operation.Operation, id string) (operation.Operation, error) {
	if id == registered.ID {
		return registered, nil
	}
	if !inbox.OperationIDForm().MatchString(id) {
		return operation.Operation{}, ErrUnknownOperation
	}
	target, err := r.Store.Get(ctx, registered.Tenant, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return operation.Operation{}, ErrUnknownOperation
	case err != nil:
		return operation.Operation{}, err
	case inbox.SenderID(target.Target) != inbox.SenderID(registered.Target),
		target.Webhook.Mode != registered.Webhook.Mode:
		return operation.Operation{}, ErrUnknownOperation
	}
	return target, nil
}

// TokenHash is what is known of a push token that came with a delivery, "" if none did.
func TokenHash(token string) string {
	if token == "" {
		return ""
	}
	return digest.Hex(token)
}

// tokenMatches compares the hash of the payload's push token in constant time.
func tokenMatches(op operation.Operation, tokenHash string) bool {
	want := op.Webhook.TokenHash
	return want != "" && subtle.ConstantTimeCompare([]byte(tokenHash), []byte(want)) == 1
}

// PayloadFingerprint is the hexadecimal SHA-256 of a payload's JCS (contract F82): retries may
// order its members differently. A payload without a canonical form, for example with half an emoji
// in its message, is taken byte for byte: the event in it is as authentic as any.
func PayloadFingerprint(body []byte) string {
	fingerprint, err := digest.JSON(body)
	if err != nil {
		return digest.Hex(string(body))
	}
	return fingerprint
}

// apply puts an observation through the convergence function, and stores it with the claim of the
// delivery's key.
func (r Receive) apply(ctx context.Context, target operation.Operation, o operation.Observation,
	keyHash, fingerprint string) (ReceiveResult, error) {
	got := ReceiveResult{First: true}
	var pollSoon bool
	var err error
	got.Operation, err = updateFrom(ctx, r.Store, target, func(op operation.Operation) (*operation.Change, error) {
		var c *operation.Change
		c, got.Verdict, pollSoon = r.change(op, o, keyHash, fingerprint)
		return c, nil
	})
	var taken *store.DeliveryTakenError
	switch {
	case errors.As(err, &taken) && taken.First.Fingerprint != fingerprint:
		return got, ErrKeyReused
	case errors.As(err, &taken):
		got.First, got.Verdict = false, taken.First.Verdict
	case errors.Is(err, store.ErrTaskTaken):
		return got, ErrConflict
	case errors.Is(err, store.ErrNotFound): // it has expired since it was read
		return ReceiveResult{Operation: target}, ErrUnknownOperation
	case err != nil:
		return got, err
	}
	if got.Verdict == operation.Conflict || got.Verdict == operation.WrongTask {
		return got, ErrConflict
	}
	r.wakeAfter(ctx, got.Operation, pollSoon)
	return got, nil
}

// change is what a delivery's observation does to an operation, with the claim of the delivery's
// key. pollSoon says that the agent is to be polled now.
func (r Receive) change(op operation.Operation, o operation.Observation, keyHash, fingerprint string) (
	c *operation.Change, verdict operation.Verdict, pollSoon bool) {
	now, bound := r.Deps.Now().UTC(), op.TaskID
	o.At = now
	op, e, verdict := operation.Apply(op, o)
	pollSoon = verdict == operation.Repeated && o.Answer.Status == adcp.StatusCompleted &&
		!op.State.Terminal() && op.PollSoon(now)
	op.ReconcileSoon(now)
	result := resultOf(&op, o.Answer, verdict, now)
	delivery := &operation.Delivery{Tenant: op.Tenant, Sender: inbox.SenderID(op.Target), KeyHash: keyHash,
		Fingerprint: fingerprint, OperationID: op.ID, Verdict: verdict, ExpiresAt: now.Add(deliveryTTL).Unix()}
	c = &operation.Change{Op: op, Result: result, BindTask: op.TaskID != bound, Delivery: delivery}
	if e.Kind != "" {
		c.Events = []operation.Event{e}
	}
	return c, verdict, pollSoon
}

// wakeAfter signals what a delivery has changed. A repeated delivery wakes again: the process of
// the first may have died before it did.
func (r Receive) wakeAfter(ctx context.Context, op operation.Operation, pollSoon bool) {
	switch {
	case op.Unpublished():
		r.wake(ctx, op, operation.NextSettle)
	case pollSoon:
		r.wake(ctx, op, operation.NextPoll)
	}
}

// PollSoon brings the next poll forward for an authentic delivery that can't be read: older agents
// leave operation_id out, which contract F21 demands, or write a number for a text. Nothing of the
// delivery is applied; the agent is polled instead. The operation is the one that the payload
// names, or without a name the one whose webhook it came to.
func (r Receive) PollSoon(ctx context.Context, registered operation.Operation, operationID string) error {
	target, err := registered, error(nil)
	if operationID != "" {
		target, err = r.target(ctx, registered, operationID)
	}
	if errors.Is(err, ErrUnknownOperation) {
		return nil
	}
	if err != nil {
		return err
	}
	noted := false
	op, err := updateFrom(ctx, r.Store, target, func(op operation.Operation) (*operation.Change, error) {
		now := r.Deps.Now().UTC()
		if noted = op.PollSoon(now); !noted {
			return nil, nil
		}
		e := op.Note(now, operation.ByWebhook, "a delivery that can't be read: not applied, the agent is polled")
		return &operation.Change{Op: op, Events: []operation.Event{e}}, nil
	})
	if err == nil && noted {
		r.wake(ctx, op, operation.NextPoll)
	}
	return err
}

// wake signals after the store. If it fails nothing is lost: the wait's own timeout polls, and
// finds what is stored.
func (r Receive) wake(ctx context.Context, op operation.Operation, next operation.Next) {
	if err := wakeNow(ctx, r.Workflow, op, next); err != nil {
		opLog(op).WarnContext(ctx, "execution not woken, left to its timeout", "error", err)
	}
}

// Quarantine keeps a delivery that was not applied. It returns store.ErrFull for more than any
// honest sender makes.
func (r Receive) Quarantine(ctx context.Context, q inbox.Quarantined) error {
	return r.Store.Quarantine(ctx, q)
}
