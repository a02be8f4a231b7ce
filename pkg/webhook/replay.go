package webhook

import (
	"context"
	"errors"
	"net/http"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store"
)

// The reasons why a delivery can't be replayed or discarded.
var (
	// ErrNotAuthentic: anyone may have sent it.
	ErrNotAuthentic = errors.New("the delivery is not authentic")
	// ErrBodyGone: its body is not kept, or not any more.
	ErrBodyGone = errors.New("the body is not kept any more")
	// ErrDiscarded: a person has decided that it is not needed.
	ErrDiscarded = errors.New("the delivery was discarded")
)

// ReplayStore is what Replayer needs of the store.
type ReplayStore interface {
	// Get returns an operation as stored, or store.ErrNotFound.
	Get(ctx context.Context, tenant, id string) (operation.Operation, error)
	inbox.QuarantineReader
	inbox.QuarantineHandler
}

// replayReceiver is the use case behind the Replayer. It returns the errors of
// orchestrator.Receive.Replay.
type replayReceiver interface {
	Replay(ctx context.Context, registered operation.Operation, w adcp.Webhook, p orchestrator.Replay) (
		orchestrator.ReceiveResult, error)
}

// Replayer lets kept deliveries in again after their authentication, which is not repeated: the
// nonce and the time of a signature are long over, and the body is without its secrets.
type Replayer struct {
	Store ReplayStore
	Apply replayReceiver
	Now   func() time.Time
}

// ReplayResult is what a replay did.
type ReplayResult struct {
	Quarantined inbox.Quarantined
	// Applied: the delivery was taken, and Verdict is what it did. Otherwise Code says why it was not,
	// and it stays as it is.
	Applied bool
	Verdict operation.Verdict
	Code    string
	// Operation is the one that the delivery is for, as it is now.
	Operation operation.Operation
}

// Run replays a delivery. A replay that was not applied can be tried again when something has
// changed; one that was applied answers the same whenever it is repeated. It returns
// store.ErrNotFound, ErrNotAuthentic, ErrDiscarded, ErrBodyGone, orchestrator.ErrAlreadyApplied or
// orchestrator.ErrEnded, the last two with the verdict.
func (r Replayer) Run(ctx context.Context, tenant, id, reason string, actor operation.Actor) (ReplayResult, error) {
	q, err := r.Store.QuarantinedByID(ctx, tenant, id)
	got := ReplayResult{Quarantined: q}
	switch {
	case err != nil:
		return got, err
	case !q.Authentic:
		return got, ErrNotAuthentic
	case q.State == inbox.Discarded:
		return got, ErrDiscarded
	}
	registered, err := r.Store.Get(ctx, tenant, q.OperationID)
	if errors.Is(err, store.ErrNotFound) { // it has ended and expired
		return got, orchestrator.ErrEnded
	}
	if err != nil {
		return got, err
	}
	if got.Operation = registered; q.State == inbox.Replayed {
		got.Applied, got.Verdict = true, q.Handled.Verdict
		return got, nil
	}
	body, err := r.Store.QuarantinedBody(ctx, tenant, id)
	if errors.Is(err, store.ErrNotFound) {
		return got, ErrBodyGone
	}
	if err != nil {
		return got, err
	}
	if err := r.apply(ctx, &got, registered, body, actor); err != nil {
		return got, err
	}
	handled := inbox.Handled{At: r.Now().UTC(), Actor: actor, Reason: reason, Verdict: got.Verdict, Code: got.Code}
	state := inbox.Kept
	if got.Applied {
		state = inbox.Replayed
	}
	err = r.Store.HandleQuarantined(ctx, tenant, id, state, handled)
	if err != nil && !errors.Is(err, store.ErrStale) { // else another replay has marked it
		return got, err
	}
	got.Quarantined, err = r.Store.QuarantinedByID(ctx, tenant, id)
	return got, err
}

// apply lets the body in.
func (r Replayer) apply(ctx context.Context, got *ReplayResult, registered operation.Operation, body []byte,
	actor operation.Actor) error {
	q := got.Quarantined
	in := inbound{op: registered, delivery: Delivery{Method: http.MethodPost, Header: http.Header{}, Body: body}}
	w, err := in.parse()
	var envelope *adcp.EnvelopeError
	switch {
	case errors.Is(err, adcp.ErrNoTask):
		got.Code = "ignored"
		return nil
	case errors.As(err, &envelope):
		got.Code = envelope.Code
		return nil
	case err != nil:
		got.Code = codeBodyMalformed
		return nil
	}
	w.IdempotencyKey = keyOf(w, q.Arrival.Fingerprint)
	result, err := r.Apply.Replay(ctx, registered, w, orchestrator.Replay{ID: q.ID(), Actor: actor, Arrival: q.Arrival})
	got.Operation, got.Verdict = result.Operation, result.Verdict
	for _, n := range notApplied {
		if errors.Is(err, n.err) {
			got.Code = n.reply.Code
			return nil
		}
	}
	got.Applied = err == nil
	return err
}

// Discard stores that a delivery is not needed. A discarded one stays as it was discarded first. It
// returns store.ErrNotFound, or orchestrator.ErrAlreadyApplied for one that was replayed.
func (r Replayer) Discard(ctx context.Context, tenant, id, reason string, actor operation.Actor) (
	inbox.Quarantined, error) {
	q, err := r.Store.QuarantinedByID(ctx, tenant, id)
	if err != nil || q.State == inbox.Discarded {
		return q, err
	}
	err = r.Store.HandleQuarantined(ctx, tenant, id, inbox.Discarded,
		inbox.Handled{At: r.Now().UTC(), Actor: actor, Reason: reason})
	if errors.Is(err, store.ErrStale) {
		return q, orchestrator.ErrAlreadyApplied
	}
	if err != nil {
		return q, err
	}
	return r.Store.QuarantinedByID(ctx, tenant, id)
}
