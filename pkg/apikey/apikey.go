// Package apikey authenticates clients by API keys. A key names its tenant, because every key of
// the table begins with one; only its hash is stored.
package apikey

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"adcp-orchestrator/pkg/digest"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/validation"
)

// Key is what is stored of a client's key: never the key itself.
type Key struct {
	Tenant    string    `json:"tenant"`
	Hash      string    `json:"hash"`
	Name      string    `json:"name"`
	Scopes    []string  `json:"scopes"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	Unknown   string    `json:"-" document:"unknown"`
}

// The scopes that a key can have.
const (
	ScopeOperationsRead  = "operations:read"
	ScopeOperationsWrite = "operations:write"
	ScopeAgentsRead      = "agents:read"
	ScopeAgentsWrite     = "agents:write"
	// ScopeAgentsCall allows to ask agents, with the tenant's credentials: that can cost money at an
	// agent, and shows accounts and buys that are kept there only.
	ScopeAgentsCall = "agents:call"
)

// maxName is the longest name of a key, in characters.
const maxName = 128

// Scopes returns every scope.
func Scopes() []string {
	return []string{ScopeOperationsRead, ScopeOperationsWrite, ScopeAgentsRead, ScopeAgentsWrite, ScopeAgentsCall}
}

// ErrUnauthorized says that the key is missing, malformed, unknown or expired. A caller must not
// learn which.
var ErrUnauthorized = errors.New("no valid API key")

// Principal is who a request comes from: by its credential, never by its body (contract L8).
type Principal struct {
	Tenant  string
	KeyID   string // the start of the key's hash, for logs
	KeyName string
	Scopes  []string
}

// May reports whether the principal has a scope.
func (p Principal) May(scope string) bool { return slices.Contains(p.Scopes, scope) }

// Store keeps API keys.
type Store interface {
	// Key returns the key with that hash, or store.ErrNotFound.
	Key(ctx context.Context, tenant, hash string) (Key, error)
	// PutKey stores a key.
	PutKey(ctx context.Context, k Key) error
}

var (
	tenantForm = validation.Pattern(`^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$`)
	keyForm    = validation.Pattern(`^adcp_([a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?)_([A-Za-z0-9_-]{43})$`)
)

// Authorize returns the principal of an API key. It returns ErrUnauthorized, or a fault of the
// store.
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
	expired := !k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt)
	if subtle.ConstantTimeCompare([]byte(k.Hash), []byte(hash)) != 1 || expired {
		return Principal{}, ErrUnauthorized
	}
	return Principal{Tenant: k.Tenant, KeyID: hash[:12], KeyName: k.Name, Scopes: k.Scopes}, nil
}

// Issue makes a key for a tenant and stores its hash. The key is returned this once and can't be
// read again. It returns a *validation.Error that names every wrong argument.
func Issue(ctx context.Context, s Store, random io.Reader, now time.Time, tenant, name string, scopes []string) (
	string, error) {
	var c validation.Checks
	if !tenantForm().MatchString(tenant) {
		c.Add("tenant", validation.InvalidValue, "must match "+tenantForm().String(),
			"choose lower-case letters, digits and hyphens")
	}
	if name != "" && !validation.Line(name, maxName) {
		c.Add("name", validation.InvalidValue,
			"must be at most "+strconv.Itoa(maxName)+" visible characters on one line", "choose a shorter, plain name")
	}
	choose := "choose from " + strings.Join(Scopes(), ", ")
	for _, scope := range scopes {
		if !slices.Contains(Scopes(), scope) {
			c.Add("scopes", validation.InvalidValue, "must be scopes, and "+scope+" is none", choose)
		}
	}
	if len(scopes) == 0 {
		c.Add("scopes", validation.Required, "must be at least one", choose)
	}
	if err := c.Err(); err != nil {
		return "", err
	}
	b := make([]byte, 32)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", err
	}
	key := "adcp_" + tenant + "_" + base64.RawURLEncoding.EncodeToString(b)
	return key, s.PutKey(ctx, Key{Tenant: tenant, Hash: digest.Hex(key), Name: name, Scopes: scopes,
		CreatedAt: now.UTC()})
}
