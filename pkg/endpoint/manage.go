package endpoint

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"adcp-orchestrator/pkg/digest"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/quota"
	"adcp-orchestrator/pkg/store"
)

// Manage is what tenants do with their endpoints.
type Manage struct {
	Store interface {
		Reader
		Writer
		Deliveries
	}
	Queue  Queue
	Sender Sender
	// Roots returns the root secrets, the current one first.
	Roots func(context.Context) ([]string, error)
	// CheckURL returns an error for an address that must not be called.
	CheckURL func(url string) error
	// NewID returns a new id of an endpoint.
	NewID func() string
	// Source is our public address.
	Source string
	Now    Clock
}

// The errors of Manage, beside a *quota.ExceededError and store.ErrNotFound.
var (
	// ErrKeyReused: the Idempotency-Key made another endpoint, or one that was deleted since.
	ErrKeyReused = errors.New("the idempotency key was used with another request")
	// ErrVersion: the endpoint has another version than the request demands.
	ErrVersion = errors.New("the endpoint has another version")
	// ErrSecretsOverlap: as many secrets are in use already as can be.
	ErrSecretsOverlap = errors.New("former secrets are still in use")
)

// Issued is an endpoint with its newest secret, which is shown this once.
type Issued struct {
	Endpoint
	Secret string
	// Replayed: the request was made before with the same Idempotency-Key.
	Replayed bool
}

// Create makes an endpoint of what Check has found right. The same key with the same members
// returns the same endpoint and secret for KeyFor.
func (m Manage) Create(ctx context.Context, tenant, key string, in Change) (Issued, error) {
	roots, err := m.Roots(ctx)
	if err != nil {
		return Issued{}, err
	}
	now := m.Now().UTC()
	e := Endpoint{Tenant: tenant, ID: m.NewID(), State: On, CreatedAt: now}
	e = in.apply(e, now).roll(RootID(roots[0]), "", now, now)
	e.Version = 1
	keyHash := digest.Hex(key)
	fingerprint, err := in.fingerprint()
	if err != nil {
		return Issued{}, err
	}
	c := Creation{Tenant: tenant, EndpointID: e.ID, Fingerprint: fingerprint, At: now}
	switch err := m.Store.AddEndpoint(ctx, e, keyHash, c); {
	case errors.Is(err, store.ErrKeyTaken):
		return m.created(ctx, tenant, keyHash, fingerprint, roots)
	case errors.Is(err, store.ErrFull):
		return Issued{}, &quota.ExceededError{Limit: quota.WebhookEndpoints, Value: MaxEndpoints, RetryAfter: time.Hour}
	case err != nil:
		return Issued{}, fmt.Errorf("add endpoint: %w", err)
	}
	return Issued{Endpoint: e, Secret: e.derive(roots, e.Secrets[0])}, nil
}

// created returns what an Idempotency-Key has made. Its first secret is shown again, while it is
// the newest: the first answer may be lost.
func (m Manage) created(ctx context.Context, tenant, keyHash, fingerprint string, roots []string) (Issued, error) {
	c, err := m.Store.Creation(ctx, tenant, keyHash)
	if err != nil {
		return Issued{}, err
	}
	if c.Fingerprint != fingerprint {
		return Issued{}, ErrKeyReused
	}
	e, err := m.Store.Endpoint(ctx, tenant, c.EndpointID)
	if errors.Is(err, store.ErrNotFound) {
		return Issued{}, ErrKeyReused
	}
	if err != nil {
		return Issued{}, err
	}
	out := Issued{Endpoint: e, Replayed: true}
	if e.Secrets[0].Generation == 1 {
		out.Secret = e.derive(roots, e.Secrets[0])
	}
	return out, nil
}

// apply returns the endpoint with a change.
func (in Change) apply(e Endpoint, now time.Time) Endpoint {
	e.UpdatedAt = now
	if in.URL != nil && *in.URL != e.URL {
		e.URL, e.FailsFrom = *in.URL, now
	}
	if in.Description != nil {
		e.Description = *in.Description
	}
	if in.Types != nil {
		e.Types = slices.Clone(*in.Types)
	}
	if in.AgentID != nil {
		e.AgentID = *in.AgentID
	}
	switch {
	case in.State == nil || *in.State == e.State:
	case *in.State == On:
		e.State, e.Disabled, e.FailsFrom = On, nil, now
	default:
		version := e.Version
		e = e.disable(ByOwner, now)
		e.Version = version
	}
	return e
}

// maxTries is how often a change is decided anew that another one has overtaken.
const maxTries = 5

// Change changes what was sent, which Check has found right. version, if not 0, is the version that
// the endpoint must have.
func (m Manage) Change(ctx context.Context, tenant, id string, version int64, in Change) (Endpoint, error) {
	return m.update(ctx, tenant, id, version, func(e Endpoint, now time.Time) (Endpoint, error) {
		return in.apply(e, now), nil
	})
}

// errUnchanged says that an endpoint is as it should be.
var errUnchanged = errors.New("unchanged")

// update stores a change of an endpoint.
func (m Manage) update(ctx context.Context, tenant, id string, version int64,
	to func(e Endpoint, now time.Time) (Endpoint, error)) (Endpoint, error) {
	for try := 1; ; try++ {
		e, err := m.Store.Endpoint(ctx, tenant, id)
		if err != nil {
			return e, err
		}
		if version != 0 && e.Version != version {
			return e, ErrVersion
		}
		changed, err := to(e, m.Now().UTC())
		if err != nil {
			return e, err
		}
		changed.Version = e.Version + 1
		err = m.Store.PutEndpoint(ctx, changed)
		if !errors.Is(err, store.ErrStale) || try == maxTries {
			return changed, err
		}
	}
}

// Roll gives an endpoint a new secret. The former ones stay in use for the overlap. The same key
// returns the same secret, while it is the newest. version is as that of Change.
func (m Manage) Roll(ctx context.Context, tenant, id, key string, version int64, overlap time.Duration) (
	Issued, error) {
	roots, err := m.Roots(ctx)
	if err != nil {
		return Issued{}, err
	}
	keyHash := ""
	if key != "" {
		keyHash = digest.Hex(key)
	}
	e, err := m.update(ctx, tenant, id, version, func(e Endpoint, now time.Time) (Endpoint, error) {
		if keyHash != "" && e.Secrets[0].KeyHash == keyHash {
			return e, errUnchanged
		}
		e = e.roll(RootID(roots[0]), keyHash, now, now.Add(overlap))
		if len(e.Secrets) > maxSecrets {
			return e, ErrSecretsOverlap
		}
		e.UpdatedAt = now
		return e, nil
	})
	out := Issued{Endpoint: e, Replayed: errors.Is(err, errUnchanged)}
	if err != nil && !out.Replayed {
		return Issued{}, err
	}
	out.Secret = e.derive(roots, e.Secrets[0])
	return out, nil
}

// Test sends a notice of its own kind to an endpoint, once and at once, whether it is enabled or
// not. The delivery is listed as any other.
// request identifies the request.
func (m Manage) Test(ctx context.Context, tenant, id, request string) (Delivery, error) {
	e, err := m.Store.Endpoint(ctx, tenant, id)
	if err != nil {
		return Delivery{}, err
	}
	now := m.Now().UTC()
	n := notice.Tried(tenant, id, request, now)
	body, err := n.Encode(m.Source)
	if err != nil {
		return Delivery{}, err
	}
	on := e
	on.State = On
	d := newDelivery(on, n, body, now)
	switch err := m.Store.AddDelivery(ctx, d); {
	case errors.Is(err, store.ErrStale): // the same request
		return m.Store.WebhookDelivery(ctx, tenant, id, d.ID)
	case err != nil:
		return Delivery{}, fmt.Errorf("add delivery: %w", err)
	}
	r, err := attempt(ctx, m.Sender, m.Roots, e, d, now)
	if err != nil {
		return Delivery{}, err
	}
	to := Decision{State: Delivered}
	if r.Fault != "" {
		to.State = Dead
	}
	tried := d.tried(r, to, now, m.Now().UTC())
	if err := m.Store.PutDelivery(ctx, tried); err != nil {
		return Delivery{}, fmt.Errorf("put delivery: %w", err)
	}
	return tried, nil
}

// Redeliver begins a new round of a delivery that has ended. One that is pending is queued again
// and stays as it is: its message may be lost. ErrDisabled: the endpoint takes nothing.
func (m Manage) Redeliver(ctx context.Context, tenant, id, deliveryID string) (Delivery, error) {
	e, err := m.Store.Endpoint(ctx, tenant, id)
	if err != nil {
		return Delivery{}, err
	}
	if e.State == Off {
		return Delivery{}, ErrDisabled
	}
	for try := 1; ; try++ {
		d, err := m.Store.WebhookDelivery(ctx, tenant, id, deliveryID)
		if err != nil {
			return d, err
		}
		if d.Fault == FaultTooLarge {
			return d, ErrTooLarge
		}
		if d.State != Pending {
			d = d.again(m.Now().UTC())
			if err := m.Store.PutDelivery(ctx, d); errors.Is(err, store.ErrStale) && try < maxTries {
				continue
			} else if err != nil {
				return d, fmt.Errorf("put delivery: %w", err)
			}
		}
		return d, enqueue(ctx, m.Queue, d)
	}
}

// The errors of Redeliver.
var (
	ErrDisabled = errors.New("the endpoint is disabled")
	ErrTooLarge = errors.New("the notice is too large to be sent")
)
