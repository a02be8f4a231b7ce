package endpoint

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strconv"
	"time"
)

// Secret is a generation of an endpoint's secret. The secret itself is stored nowhere: it is
// derived from a root secret (ADR 0015).
type Secret struct {
	Generation int `json:"generation"`
	// RootID names the root secret that this generation is derived from.
	RootID    string    `json:"root_id"`
	CreatedAt time.Time `json:"created_at"`
	// ExpiresAt is zero for the newest generation.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	// KeyHash is the digest of the Idempotency-Key that the generation was made with.
	KeyHash string `json:"key_hash,omitempty"`
	Unknown string `json:"-" document:"unknown"`
}

// maxSecrets is how many generations are in use at once: each adds a signature to every request.
const maxSecrets = 3

// secretPrefix begins every secret, as Standard Webhooks demands.
const secretPrefix = "whsec_"

// Derive returns the secret of a generation: whsec_ and 32 bytes in base64, different for each
// tenant, endpoint and generation.
func Derive(root, tenant, endpointID string, generation int) string {
	m := hmac.New(sha256.New, []byte(root))
	m.Write([]byte("webhook-endpoint\x00" + tenant + "\x00" + endpointID + "\x00" + strconv.Itoa(generation)))
	return secretPrefix + base64.StdEncoding.EncodeToString(m.Sum(nil))
}

// RootID identifies a root secret without revealing it: 16 hexadecimal digits.
func RootID(root string) string {
	m := hmac.New(sha256.New, []byte(root))
	m.Write([]byte("root-id"))
	return hex.EncodeToString(m.Sum(nil)[:8])
}

// inUse returns the generations that have not expired, the newest first.
func (e Endpoint) inUse(now time.Time) []Secret {
	return slices.DeleteFunc(slices.Clone(e.Secrets), func(s Secret) bool {
		return !s.ExpiresAt.IsZero() && !now.Before(s.ExpiresAt)
	})
}

// secrets derives those generations in use whose root is still known, the newest first.
func (e Endpoint) secrets(roots []string, now time.Time) (texts []string) {
	for _, s := range e.inUse(now) {
		if text := e.derive(roots, s); text != "" {
			texts = append(texts, text)
		}
	}
	return texts
}

// derive returns the secret of a generation, "" if its root is none of the roots.
func (e Endpoint) derive(roots []string, s Secret) string {
	for _, root := range roots {
		if RootID(root) == s.RootID {
			return Derive(root, e.Tenant, e.ID, s.Generation)
		}
	}
	return ""
}

// roll adds a generation of the secret. The generations before it stay in use until a time.
func (e Endpoint) roll(rootID, keyHash string, now, until time.Time) Endpoint {
	next := Secret{Generation: 1, RootID: rootID, CreatedAt: now, KeyHash: keyHash}
	former := e.inUse(now)
	if len(e.Secrets) > 0 {
		next.Generation = e.Secrets[0].Generation + 1
	}
	for i, s := range former {
		if s.ExpiresAt.IsZero() || s.ExpiresAt.After(until) {
			former[i].ExpiresAt = until
		}
	}
	e.Secrets = append([]Secret{next}, former...)
	e.Secrets = Endpoint{Secrets: e.Secrets}.inUse(now) // with no overlap the former are over at once
	return e
}
