package endpoint

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/store"
)

// Clock tells the time.
type Clock = func() time.Time

// Request is one request to an endpoint.
type Request struct {
	URL  string
	ID   string    // webhook-id: the notice's, the same at each attempt
	At   time.Time // webhook-timestamp: that of the attempt
	Body []byte
	// Secrets sign the request, each by a signature of its own.
	Secrets []string
}

// Sender sends requests. It follows no redirect, and waits for AttemptTime at most.
type Sender interface {
	Send(ctx context.Context, r Request) Result
}

// AttemptTime is how long a receiver has for its answer.
const AttemptTime = 10 * time.Second

// People publishes texts for people. Subscriptions may choose by the tenant.
type People interface {
	Publish(ctx context.Context, tenant string, t Text) error
}

// Deliver sends what is queued.
type Deliver struct {
	Store interface {
		Reader
		Writer
		Health
		Deliveries
	}
	Sender Sender
	People People
	// Roots returns the root secrets, the current one first.
	Roots  func(context.Context) ([]string, error)
	Now    Clock
	Jitter func() float64
}

// healthEvery is how often a success is recorded of an endpoint that does not fail.
const healthEvery = time.Minute

// Run handles a message that was received for the nth time. It returns 0 if the message is done
// with, else after which time it is to be received again. An error is a fault of ours: the message
// comes again as well.
func (d Deliver) Run(ctx context.Context, m Message, received int) (again time.Duration, err error) {
	if m.Text != nil {
		if err := d.People.Publish(ctx, m.Tenant, *m.Text); err != nil {
			return Delay(received, d.Jitter()), fmt.Errorf("publish: %w", err)
		}
		return 0, nil
	}
	e, err := d.Store.Endpoint(ctx, m.Tenant, m.EndpointID)
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil // it was deleted
	}
	if err != nil {
		return 0, err
	}
	del, err := d.Store.WebhookDelivery(ctx, m.Tenant, m.EndpointID, m.DeliveryID)
	switch now := d.Now(); {
	case errors.Is(err, store.ErrNotFound):
		return 0, nil // it has expired
	case err != nil:
		return 0, err
	case del.Round != m.Round || del.State != Pending:
		return 0, nil // a repetition of what is over
	case e.State == Off:
		return 0, d.end(ctx, del, FaultDisabled)
	case now.Before(del.NextAt.Add(-time.Second)): // the process before died before it hid the message
		return min(maxAfter, del.NextAt.Sub(now)), nil
	default:
		fails, rationed := e.rationed(now)
		if !rationed {
			return d.try(ctx, e, del)
		}
		return d.probe(ctx, e, del, fails, now)
	}
}

// probe makes an attempt at an endpoint that fails, if it is the turn of this delivery. One that
// has waited for its whole time without a turn is dead.
func (d Deliver) probe(ctx context.Context, e Endpoint, del Delivery, fails time.Duration, now time.Time) (
	time.Duration, error) {
	claimed := false
	if !now.Before(e.ProbedAt.Add(ProbeEvery)) { // most need not even ask
		var err error
		if claimed, err = d.Store.ClaimProbe(ctx, e.Tenant, e.ID, now); err != nil {
			return 0, err
		}
	}
	switch {
	case claimed:
		return d.try(ctx, e, del)
	case now.Sub(del.QueuedAt) >= GiveUpAfter:
		return 0, d.end(ctx, del, FaultFailing)
	}
	return look(fails, d.Jitter()), nil
}

// try makes one attempt.
func (d Deliver) try(ctx context.Context, e Endpoint, del Delivery) (time.Duration, error) {
	began := d.Now()
	r, err := attempt(ctx, d.Sender, d.Roots, e, del, began)
	if err != nil {
		return 0, err
	}
	now := d.Now()
	to := Decide(r, del, e.failing(began), now, d.Jitter())
	if r.Fault != FaultNoSecret {
		d.recordHealth(ctx, e, r.Fault == "", now)
	}
	if to.Disable != "" {
		if err := d.disable(ctx, e, to.Disable, now); err != nil {
			return 0, err // the delivery stays pending, so that its message comes again
		}
	}
	switch err := d.Store.PutDelivery(ctx, del.tried(r, to, began, now)); {
	case errors.Is(err, store.ErrStale):
		return time.Second, nil // another process has tried as well, or somebody asked for it again
	case err != nil:
		return 0, fmt.Errorf("put delivery: %w", err)
	case to.State == Pending:
		return to.After, nil
	}
	return 0, nil
}

// attempt signs and sends a delivery. It returns an error if the secrets can't be read.
func attempt(ctx context.Context, s Sender, roots func(context.Context) ([]string, error), e Endpoint, del Delivery,
	now time.Time) (Result, error) {
	known, err := roots(ctx)
	if err != nil {
		return Result{}, err
	}
	secrets := e.secrets(known, now)
	if len(secrets) == 0 {
		return Result{Fault: FaultNoSecret}, nil
	}
	return s.Send(ctx, Request{URL: e.URL, ID: del.NoticeID, At: now, Body: del.Body, Secrets: secrets}), nil
}

// recordHealth stores what an attempt says about the endpoint, unless it says nothing new. It is
// worth no failed delivery.
func (d Deliver) recordHealth(ctx context.Context, e Endpoint, ok bool, now time.Time) {
	if known := ok && e.FailingSince.IsZero() && now.Sub(e.LastSuccessAt) < healthEvery; known {
		return
	}
	if !ok && !e.FailingSince.Before(e.FailsFrom) && !e.FailingSince.IsZero() {
		return
	}
	if err := d.Store.SetHealth(ctx, e.Tenant, e.ID, ok, now); err != nil {
		slog.WarnContext(ctx, "the health of a webhook endpoint was not stored", "tenant", e.Tenant, "endpoint", e.ID,
			"error", err)
	}
}

// end ends a delivery without an attempt.
func (d Deliver) end(ctx context.Context, del Delivery, f Fault) error {
	err := d.Store.PutDelivery(ctx, del.ended(f, d.Now()))
	if errors.Is(err, store.ErrStale) {
		return nil // it has ended elsewhere, or its next round has a message of its own
	}
	return err
}

// disable disables an endpoint and tells its owner, in one write. If somebody has changed the
// endpoint meanwhile it stays as it is: the next failure decides anew.
func (d Deliver) disable(ctx context.Context, e Endpoint, r Reason, now time.Time) error {
	off := e.disable(r, now)
	n := notice.Disabled(e.Tenant, e.ID, off.Version, e.why(r, now), now)
	switch err := d.Store.PutEndpoint(ctx, off, n); {
	case errors.Is(err, store.ErrStale):
		return err
	case err != nil:
		return fmt.Errorf("disable: %w", err)
	}
	slog.WarnContext(ctx, "a webhook endpoint was disabled", "tenant", e.Tenant, "endpoint", e.ID, "reason", r)
	return nil
}

// why says in our words why an endpoint is disabled.
func (e Endpoint) why(r Reason, now time.Time) string {
	if r == Gone {
		return "the receiver answered 410 Gone"
	}
	return fmt.Sprintf("nothing could be delivered for %d days", int(now.Sub(e.failing(now)).Hours())/24)
}
