// Package apikey authenticates clients by API keys, and makes, rolls and revokes the keys. A key
// names its tenant, because every key of the table begins with one. Only its hash is stored. A key
// is known by its id, which is public and says nothing about the key; rolling it gives the same id
// another secret.
package apikey

import (
	"context"
	"crypto/subtle"
	"errors"
	"slices"
	"time"

	"adcp-orchestrator/pkg/digest"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/validation"
)

// Key is what is stored of one secret of a key, and all that a request needs: never the secret
// itself.
type Key struct {
	Tenant string `json:"tenant"`
	Hash   string `json:"hash"`
	// ID is the key's id. A key of before keys had ids has none.
	ID        string    `json:"id,omitempty"`
	Name      string    `json:"name"`
	Scopes    []string  `json:"scopes"`
	CreatedAt time.Time `json:"created_at"`
	// ExpiresAt is when this secret ends, zero for never: with the key, or after a roll's overlap.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	RevokedAt time.Time `json:"revoked_at,omitzero"`
	Unknown   string    `json:"-" document:"unknown"`

	// UsedAt is when the secret was last seen, to the hour; zero for never. It is stored beside the
	// document, so that noting it does not compete with a change of the key.
	UsedAt time.Time `json:"-"`
}

// ErrUnauthorized says that the key is missing, malformed, unknown, revoked or expired. A caller
// must not learn which.
var ErrUnauthorized = errors.New("no valid API key")

// Principal is who a request comes from: by its credential, never by its body (contract L8).
type Principal struct {
	Tenant string
	// KeyID is the key's id; of a key without one it is the start of the hash.
	KeyID   string
	KeyName string
	Scopes  []string
	// KeyExpiresAt is when the key that was sent ends, zero for never.
	KeyExpiresAt time.Time
}

// May reports whether the principal has a scope.
func (p Principal) May(scope string) bool { return slices.Contains(p.Scopes, scope) }

// Principal is who sends requests with the key.
func (k Key) Principal() Principal {
	id := k.ID
	if id == "" {
		id = k.Hash[:12]
	}
	return Principal{Tenant: k.Tenant, KeyID: id, KeyName: k.Name, Scopes: k.Scopes, KeyExpiresAt: k.ExpiresAt}
}

// Live reports whether the secret is in force.
func (k Key) Live(now time.Time) bool {
	return k.RevokedAt.IsZero() && (k.ExpiresAt.IsZero() || now.Before(k.ExpiresAt))
}

// Store is what a request's key is looked up in.
type Store interface {
	// Key returns the secret with that hash, or store.ErrNotFound.
	Key(ctx context.Context, tenant, hash string) (Key, error)
	// Touch notes that a secret was used at a time, unless that was noted within UsedEvery.
	Touch(ctx context.Context, tenant, hash string, at time.Time) error
}

var (
	tenantForm = validation.Pattern(`^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$`)
	keyForm    = validation.Pattern(`^adcp_([a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?)_([A-Za-z0-9_-]{43})$`)
)

// Authorize returns what is stored of an API key that is in force. It returns ErrUnauthorized, or a
// fault of the store.
func Authorize(ctx context.Context, s Store, key string, now time.Time) (Key, error) {
	m := keyForm().FindStringSubmatch(key)
	if m == nil {
		return Key{}, ErrUnauthorized
	}
	hash := digest.Hex(key)
	k, err := s.Key(ctx, m[1], hash)
	if errors.Is(err, store.ErrNotFound) {
		return Key{}, ErrUnauthorized
	}
	if err != nil {
		return Key{}, err
	}
	if subtle.ConstantTimeCompare([]byte(k.Hash), []byte(hash)) != 1 || !k.Live(now) {
		return Key{}, ErrUnauthorized
	}
	return k, nil
}
