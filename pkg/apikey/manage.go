package apikey

import (
	"context"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"adcp-orchestrator/pkg/digest"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
)

const (
	// CachedFor is how long a gateway may go on admitting a key that was revoked.
	CachedFor = time.Minute
	// RequestsFor is how long a repetition is recognized by its Idempotency-Key.
	RequestsFor = 24 * time.Hour
	// MaxOverlap is how long the secret of before a roll may go on working.
	MaxOverlap = 24 * time.Hour
	// RevokedFor is how long a revoked key is listed: as long as the audit log names it.
	RevokedFor = 400 * 24 * time.Hour
	// maxSecrets is how many secrets of a key may be in force.
	maxSecrets = 8
	// maxTries is how often a change is decided again that another one was faster than.
	maxTries = 12
)

// The refusals of changes.
var (
	// ErrRequestDiffers: the Idempotency-Key was used for something else.
	ErrRequestDiffers = errors.New("the idempotency key was used for another request")
	// ErrLastAdmin: without the key nobody could make keys.
	ErrLastAdmin = errors.New("the key is the last with " + ScopeKeysWrite)
	// ErrTooManySecrets: too many secrets of before earlier rolls are still in force.
	ErrTooManySecrets = errors.New("the key has too many secrets in force")
)

// EndedError says that a key is no longer active.
type EndedError struct{ State State }

func (e *EndedError) Error() string { return "the key is " + string(e.State) }

// ScopesError names the scopes that whoever changes a key would have to have.
type ScopesError struct{ Missing []string }

func (e *ScopesError) Error() string { return "the caller lacks " + strings.Join(e.Missing, ", ") }

// Issued is a key that was made or rolled. Secret is what clients send. It is shown this once: a
// repetition has none.
type Issued struct {
	Record Record
	Secret string
}

// Manager makes, rolls and revokes keys.
type Manager struct {
	Store  Keys
	Now    func() time.Time
	Random io.Reader
}

// Create makes a key for the tenant of a principal, with no scope that the principal lacks. A
// repetition with the same requestKey, "" for none, returns the same key without its secret. It
// returns a *validation.Error, a *ScopesError or ErrRequestDiffers.
func (m Manager) Create(ctx context.Context, by Principal, actor operation.Actor, requestKey string, n NewKey) (
	Issued, error) {
	if err := n.check(by, m.Now()); err != nil {
		return Issued{}, err
	}
	if missing := lacking(by, n.Scopes); missing != nil {
		return Issued{}, &ScopesError{missing}
	}
	return m.create(ctx, by.Tenant, actor, requestKey, n)
}

func lacking(by Principal, scopes []string) (missing []string) {
	for _, s := range scopes {
		if !by.May(s) {
			missing = append(missing, s)
		}
	}
	return missing
}

func (m Manager) create(ctx context.Context, tenant string, actor operation.Actor, requestKey string, n NewKey) (
	Issued, error) {
	request, err := newRequest(requestKey, m.Now(), "create", n)
	if err != nil {
		return Issued{}, err
	}
	id, err := m.newID()
	if err != nil {
		return Issued{}, err
	}
	secret, err := m.newSecret(tenant)
	if err != nil {
		return Issued{}, err
	}
	for range maxTries {
		if first, err := m.repeated(ctx, tenant, request); err != nil || first != nil {
			return first.issued(), err
		}
		now := m.Now().UTC()
		r := Record{Tenant: tenant, ID: id, Name: n.Name, Scopes: n.Scopes, CreatedAt: now, CreatedBy: actor,
			ExpiresAt: n.ExpiresAt, Version: 1, Secrets: []Secret{{Hash: digest.Hex(secret), CreatedAt: now}}}
		request.KeyID = id
		c := Change{Tenant: tenant, Record: r, Secrets: []Key{r.key(r.Secrets[0])}, Request: request}
		if r.admin() {
			admins, err := m.Store.KeyAdmins(ctx, tenant)
			if err != nil {
				return Issued{}, err
			}
			c.Admins = admins.without(id, now)
			c.Admins.Keys = append(c.Admins.Keys, Admin{ID: id, ExpiresAt: r.ExpiresAt})
		}
		switch err := m.Store.ChangeKeys(ctx, c); {
		case err == nil:
			return Issued{r, secret}, nil
		case !errors.Is(err, store.ErrStale) && !errors.Is(err, store.ErrKeyTaken):
			return Issued{}, err
		}
	}
	return Issued{}, errChangedTooOften
}

var errChangedTooOften = errors.New("the tenant's keys changed too often")

// Roll gives a key a new secret. That of before goes on working for the overlap, from 0 to
// MaxOverlap. Whoever rolls a key gets its secret, so nobody rolls a key with a scope that the
// principal lacks. It returns store.ErrNotFound, an *EndedError, a *ScopesError, ErrTooManySecrets,
// ErrRequestDiffers, or what allowed returns of the key as it is.
func (m Manager) Roll(ctx context.Context, by Principal, requestKey, id string, overlap time.Duration,
	allowed func(Record) error) (Issued, error) {
	request, err := newRequest(requestKey, m.Now(), "roll "+id, overlap)
	if err != nil {
		return Issued{}, err
	}
	secret, err := m.newSecret(by.Tenant)
	if err != nil {
		return Issued{}, err
	}
	for range maxTries {
		if first, err := m.repeated(ctx, by.Tenant, request); err != nil || first != nil {
			return first.issued(), err
		}
		r, err := m.Store.KeyRecord(ctx, by.Tenant, id)
		if err != nil {
			return Issued{}, err
		}
		if err := allowed(r); err != nil {
			return Issued{}, err
		}
		request.KeyID = id
		c, err := m.rolled(ctx, by, r, digest.Hex(secret), overlap)
		if err != nil {
			return Issued{}, err
		}
		c.Request = request
		switch err := m.Store.ChangeKeys(ctx, c); {
		case err == nil:
			return Issued{c.Record, secret}, nil
		case !errors.Is(err, store.ErrStale) && !errors.Is(err, store.ErrKeyTaken):
			return Issued{}, err
		}
	}
	return Issued{}, errChangedTooOften
}

// rolled is the change that gives a key another secret.
func (m Manager) rolled(ctx context.Context, by Principal, r Record, hash string, overlap time.Duration) (
	Change, error) {
	now := m.Now().UTC()
	if s := r.State(now); s != Active {
		return Change{}, &EndedError{s}
	}
	if missing := lacking(by, r.Scopes); missing != nil {
		return Change{}, &ScopesError{missing}
	}
	ended, used, err := m.secrets(ctx, r)
	if err != nil {
		return Change{}, err
	}
	r.LastUsedAt, r.RolledAt, r.Version = used, now, r.Version+1
	c := Change{Tenant: r.Tenant}
	var left []Secret
	for _, s := range r.Secrets {
		if s.ExpiresAt.IsZero() { // the newest one
			s.ExpiresAt = now.Add(overlap)
			if k, ok := ended[s.Hash]; ok {
				k.ExpiresAt = earlier(k.ExpiresAt, s.ExpiresAt)
				c.Secrets = append(c.Secrets, k)
			}
		}
		if s.ExpiresAt.After(now) {
			left = append(left, s)
		}
	}
	if len(left) >= maxSecrets {
		return Change{}, ErrTooManySecrets
	}
	newest := Secret{Hash: hash, CreatedAt: now}
	r.Secrets = append(left, newest)
	c.Secrets = append(c.Secrets, r.key(newest))
	c.Record = r
	return c, nil
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// secrets reads what is stored of a key's secrets, by hash, and when one was last used.
func (m Manager) secrets(ctx context.Context, r Record) (stored map[string]Key, used time.Time, err error) {
	stored, used = map[string]Key{}, r.LastUsedAt
	for _, s := range r.Secrets {
		k, err := m.Store.Key(ctx, r.Tenant, s.Hash)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, used, err
		}
		if stored[s.Hash] = k; k.UsedAt.After(used) {
			used = k.UsedAt
		}
	}
	return stored, used, nil
}

// Revoke ends a key and all of its secrets. A gateway can admit it for CachedFor after RevokedAt.
// It can be repeated. It returns store.ErrNotFound, ErrLastAdmin, or what allowed returns of the
// key as it is.
func (m Manager) Revoke(ctx context.Context, tenant string, actor operation.Actor, id string,
	allowed func(Record) error) (Record, error) {
	for range maxTries {
		r, err := m.Store.KeyRecord(ctx, tenant, id)
		if err != nil || !r.RevokedAt.IsZero() {
			return r, err
		}
		if err := allowed(r); err != nil {
			return Record{}, err
		}
		now := m.Now().UTC()
		stored, used, err := m.secrets(ctx, r)
		if err != nil {
			return Record{}, err
		}
		active := r.State(now) == Active
		r.RevokedAt, r.RevokedBy, r.LastUsedAt, r.Version = now, actor, used, r.Version+1
		c := Change{Tenant: tenant, Record: r}
		for _, s := range r.Secrets {
			if k, ok := stored[s.Hash]; ok {
				k.RevokedAt = now
				c.Secrets = append(c.Secrets, k)
			}
		}
		if r.admin() {
			admins, err := m.Store.KeyAdmins(ctx, tenant)
			if err != nil {
				return Record{}, err
			}
			if active && !admins.others(id, now) {
				return Record{}, ErrLastAdmin
			}
			c.Admins = admins.without(id, now)
		}
		if err := m.Store.ChangeKeys(ctx, c); !errors.Is(err, store.ErrStale) {
			return r, err
		}
	}
	return Record{}, errChangedTooOften
}

// key is what is stored of a secret of the key.
func (r Record) key(s Secret) Key {
	k := Key{Tenant: r.Tenant, Hash: s.Hash, ID: r.ID, Name: r.Name, Scopes: slices.Clone(r.Scopes),
		CreatedAt: s.CreatedAt, ExpiresAt: r.ExpiresAt}
	if !s.ExpiresAt.IsZero() {
		k.ExpiresAt = earlier(k.ExpiresAt, s.ExpiresAt)
	}
	return k
}

// repeated returns the key that an Idempotency-Key has made or rolled before, nil if it is new.
func (m Manager) repeated(ctx context.Context, tenant string, request Request) (*Record, error) {
	if request.Hash == "" {
		return nil, nil
	}
	first, err := m.Store.KeyRequest(ctx, tenant, request.Hash)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if first.Fingerprint != request.Fingerprint {
		return nil, ErrRequestDiffers
	}
	r, err := m.Store.KeyRecord(ctx, tenant, first.KeyID)
	return &r, err
}

func (r *Record) issued() Issued {
	if r == nil {
		return Issued{}
	}
	return Issued{Record: *r}
}

// newRequest names a request by its Idempotency-Key, "" for none.
func newRequest(key string, now time.Time, act string, content any) (Request, error) {
	if key == "" {
		return Request{}, nil
	}
	body, err := json.Marshal(content)
	return Request{Hash: digest.Hex(key), Fingerprint: digest.Hex(fmt.Sprintf("%s %s", act, body)),
		ExpiresAt: now.Add(RequestsFor)}, err
}

// newID returns an id that nobody can derive the key from, nor the other way round.
func (m Manager) newID() (string, error) {
	b := make([]byte, 10)
	_, err := io.ReadFull(m.Random, b)
	return "key_" + strings.ToLower(base32.StdEncoding.EncodeToString(b)), err
}

func (m Manager) newSecret(tenant string) (string, error) {
	b := make([]byte, 32)
	_, err := io.ReadFull(m.Random, b)
	return "adcp_" + tenant + "_" + base64.RawURLEncoding.EncodeToString(b), err
}
