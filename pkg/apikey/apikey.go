package apikey

import (
	"adcp-orchestrator/pkg/digest"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/validation"
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"io"
	"time"
)

// APIKey is what is stored of a client's key: never the key.
type Key struct {
	Tenant    string    `json:"tenant"`
	Hash      string    `json:"hash"`
	Name      string    `json:"name"`
	Scopes    []string  `json:"scopes"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

// The scopes that a key can have.
const (
	ScopeOperationsRead  = "operations:read"
	ScopeOperationsWrite = "operations:write"
	ScopeAgentsRead      = "agents:read"
	ScopeAgentsWrite     = "agents:write"
)

// Scopes lists every scope.
func Scopes() []string {
	return []string{ScopeOperationsRead, ScopeOperationsWrite, ScopeAgentsRead, ScopeAgentsWrite}
}

// ErrUnauthorized: the key is missing, malformed, unknown or expired. Which of these it is is nobody's business.
var ErrUnauthorized = errors.New("no valid API key")

// Principal is who a request comes from (contract L8: from the credential, never from the body).
type Principal struct {
	Tenant string
	KeyID  string // the start of the key's hash: for logs
	Scopes []string
}

// May reports whether the principal has a scope.
func (p Principal) May(scope string) bool {
	for _, s := range p.Scopes {
		if s == scope {
			return true
		}
	}
	return false
}

// KeyStore is what Authorize and IssueKey need of the store.
type Store interface {
	// Key returns the key with that hash, or ErrNotFound.
	Key(ctx context.Context, tenant, hash string) (Key, error)
	// PutKey stores a key.
	PutKey(ctx context.Context, k Key) error
}

// The form of a tenant's name, and of a key: the key names its tenant, because every key of the table starts with one.
var (
	tenantForm = validation.Pattern(`^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$`)
	keyForm    = validation.Pattern(`^adcp_([a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?)_([A-Za-z0-9_-]{43})$`)
)

// Authorize takes an API key to its principal. It returns ErrUnauthorized, or a fault of ours.
func Authorize(ctx context.Context, s Store, key string, now time.Time) (Principal, error) {
	m := keyForm().FindStringSubmatch(key)
	if m == nil {
		return Principal{}, ErrUnauthorized
	}
	hash := digest.Hex(key)
	k, err := s.Key(ctx, m[1], hash)
	if errors.Is(err, store.ErrNotFound) {
		return Principal{}, ErrUnauthorized
	}
	if err != nil {
		return Principal{}, err
	}
	if subtle.ConstantTimeCompare([]byte(k.Hash), []byte(hash)) != 1 || !k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt) {
		return Principal{}, ErrUnauthorized
	}
	return Principal{Tenant: k.Tenant, KeyID: hash[:12], Scopes: k.Scopes}, nil
}

// IssueKey makes a key for a tenant and stores its hash. The key is returned this once and can't be had again. It returns an *InvalidError.
func Issue(ctx context.Context, s Store, random io.Reader, now time.Time, tenant, name string, scopes []string) (string, error) {
	var c validation.Checks
	if !tenantForm().MatchString(tenant) {
		c.Add("tenant", "has to match "+tenantForm().String(), "choose lower-case letters, digits and hyphens")
	}
	for _, scope := range scopes {
		if !(Principal{Scopes: Scopes()}).May(scope) {
			c.Add("scopes", scope+" is no scope", "choose of operations:read, operations:write, agents:read, agents:write")
		}
	}
	if len(scopes) == 0 {
		c.Add("scopes", "at least one", "choose of operations:read, operations:write, agents:read, agents:write")
	}
	if err := c.Err(); err != nil {
		return "", err
	}
	b := make([]byte, 32)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", err
	}
	key := "adcp_" + tenant + "_" + base64.RawURLEncoding.EncodeToString(b)
	return key, s.PutKey(ctx, Key{Tenant: tenant, Hash: digest.Hex(key), Name: name, Scopes: scopes, CreatedAt: now.UTC()})
}
