package apikey

import (
	"context"
	"slices"
	"time"

	"adcp-orchestrator/pkg/operation"
)

// Record is a key as people know it: by its id, with the secrets that it has and had.
type Record struct {
	Tenant    string          `json:"tenant"`
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Scopes    []string        `json:"scopes"`
	CreatedAt time.Time       `json:"created_at"`
	CreatedBy operation.Actor `json:"created_by"`
	ExpiresAt time.Time       `json:"expires_at,omitzero"`
	RolledAt  time.Time       `json:"rolled_at,omitzero"`
	RevokedAt time.Time       `json:"revoked_at,omitzero"`
	RevokedBy operation.Actor `json:"revoked_by,omitzero"`
	// LastUsedAt is when one of the secrets was last used, to the hour; zero for never.
	LastUsedAt time.Time `json:"last_used_at,omitzero"`
	// Secrets has those that are in force and those of before a roll whose overlap was not over then;
	// the last one is the newest.
	Secrets []Secret `json:"secrets"`
	Unknown string   `json:"-" document:"unknown"`

	// Version counts the changes. It is stored beside the document.
	Version int64 `json:"-"`
}

// Secret names one secret of a key.
type Secret struct {
	Hash      string    `json:"hash"`
	CreatedAt time.Time `json:"created_at"`
	// ExpiresAt is when its overlap ends, zero for with the key.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	Unknown   string    `json:"-" document:"unknown"`
}

// State is where a key stands.
type State string

// The states of keys.
const (
	Active  State = "active"
	Expired State = "expired"
	Revoked State = "revoked"
)

// State returns where the key stands.
func (r Record) State(now time.Time) State {
	switch {
	case !r.RevokedAt.IsZero():
		return Revoked
	case !r.ExpiresAt.IsZero() && !now.Before(r.ExpiresAt):
		return Expired
	}
	return Active
}

// admin reports whether the key can make and delete keys, once it is in force.
func (r Record) admin() bool { return slices.Contains(r.Scopes, ScopeKeysWrite) }

// OverlapUntil is when the last secret of before a roll ends, zero if none is in force.
func (r Record) OverlapUntil(now time.Time) (until time.Time) {
	for _, s := range r.Secrets {
		if s.ExpiresAt.After(now) && s.ExpiresAt.After(until) {
			until = s.ExpiresAt
		}
	}
	return until
}

// Admins are the keys of a tenant that have keys:write. They are one record, so that two who each
// delete the other's key can't both succeed.
type Admins struct {
	Keys    []Admin `json:"keys"`
	Unknown string  `json:"-" document:"unknown"`

	// Version counts the changes; 0 is not stored yet.
	Version int64 `json:"-"`
}

// Admin is a key that has keys:write.
type Admin struct {
	ID string `json:"id"`
	// ExpiresAt is zero for never.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	Unknown   string    `json:"-" document:"unknown"`
}

func (a Admin) ended(now time.Time) bool { return !a.ExpiresAt.IsZero() && !now.Before(a.ExpiresAt) }

// others reports whether a key other than id is in force.
func (a Admins) others(id string, now time.Time) bool {
	return slices.ContainsFunc(a.Keys, func(k Admin) bool { return k.ID != id && !k.ended(now) })
}

// without returns the next version without a key, and without those that have ended.
func (a Admins) without(id string, now time.Time) Admins {
	a.Keys = slices.DeleteFunc(slices.Clone(a.Keys), func(k Admin) bool { return k.ID == id || k.ended(now) })
	a.Version++
	return a
}

// Request is what an Idempotency-Key was used for.
type Request struct {
	Hash        string `json:"hash"` // of the Idempotency-Key
	KeyID       string `json:"key_id"`
	Fingerprint string `json:"fingerprint"`
	Unknown     string `json:"-" document:"unknown"`

	ExpiresAt time.Time `json:"-"`
}

// Change is one change of a tenant's keys, which is stored as a whole or not at all.
type Change struct {
	Tenant string
	// Record is the key after the change, if its version is not 0.
	Record Record
	// Secrets are written over what is stored of them, but for when they were used.
	Secrets []Key
	// Admins are those after the change, if their version is not 0.
	Admins Admins
	// Request is bound to the change, if it has a hash.
	Request Request
}

// Keys is what keys are managed in.
type Keys interface {
	Store
	// KeyRecord returns a key, or store.ErrNotFound. It is up to date.
	KeyRecord(ctx context.Context, tenant, id string) (Record, error)
	// KeyRecords lists a page of a tenant's keys, the newest first. A key that was made in the last
	// moment can be missing. after is an earlier page's next, "" for the first; next is "" on the
	// last.
	KeyRecords(ctx context.Context, tenant, after string, limit int) (page []Record, next string, err error)
	// KeyAdmins returns the keys that have keys:write; of a tenant without any it is zero.
	KeyAdmins(ctx context.Context, tenant string) (Admins, error)
	// KeyRequest returns what an Idempotency-Key was used for, or store.ErrNotFound.
	KeyRequest(ctx context.Context, tenant, hash string) (Request, error)
	// ChangeKeys stores a change. It returns store.ErrStale if the record or the admins have changed
	// since they were read, or store.ErrKeyTaken if the Idempotency-Key was used.
	ChangeKeys(ctx context.Context, c Change) error
}
