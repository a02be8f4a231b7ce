package keyring

import (
	"context"
	"errors"
	"time"

	"adcp-orchestrator/pkg/httpsig"
	"adcp-orchestrator/pkg/store"
)

// Keys gives one delivery its sender's keys. It implements httpsig.Keys and httpsig.Revocation. It
// is not safe for concurrent use.
type Keys struct {
	source   *Source
	sender   Sender
	snapshot *snapshot
	readErr  error         // of a malformed document
	failure  *failure      // of this delivery's last refresh, or of its list
	waited   time.Duration // for refreshes, so far
}

var (
	_ httpsig.Keys       = (*Keys)(nil)
	_ httpsig.Revocation = (*Keys)(nil)
)

// Open returns the Keys for one delivery. d is the sender's document as it was read with the
// delivery, the zero Document if there is none. If d is malformed, the methods of Keys return the
// error.
func (s *Source) Open(sender Sender, d store.Document) *Keys {
	k := &Keys{source: s, sender: sender}
	k.snapshot, k.readErr = s.open(sender, d)
	return k
}

// Key returns the key with that id. It fetches the sender's keys if the stored ones are too old or
// lack it (contract F.5 step 7). It returns httpsig.ErrKeyUnknown, an *UnavailableError, an error
// of the store or that of ctx.
func (k *Keys) Key(ctx context.Context, keyID string) (httpsig.JWK, error) {
	if k.readErr != nil {
		return httpsig.JWK{}, k.readErr
	}
	if !validKeyID(keyID) { // no stored key has such an id, and the document must not store it as missed
		return httpsig.JWK{}, httpsig.ErrKeyUnknown
	}
	key, fetch, err := k.snapshot.findKey(keyID, k.source.Now())
	if fetch {
		due := func(s *snapshot, now time.Time) bool {
			_, fetch, _ := s.findKey(keyID, now)
			return fetch
		}
		if err := k.refreshIfDue(ctx, due, true, keyID); err != nil {
			return httpsig.JWK{}, err
		}
		key, _, err = k.snapshot.findKey(keyID, k.source.Now())
	}
	if err != nil {
		return httpsig.JWK{}, k.withCause(err)
	}
	return key, nil
}

// Check returns nil if the key is not revoked. It fetches the revocation list if that is due
// (contract F.5 step 9). It returns httpsig.ErrKeyRevoked, httpsig.ErrRevocationStale, an
// *UnavailableError, an error of the store or that of ctx.
func (k *Keys) Check(ctx context.Context, keyID string) error {
	if k.readErr != nil {
		return k.readErr
	}
	fetch, err := k.snapshot.checkRevocation(keyID, k.source.Now())
	if fetch {
		due := func(s *snapshot, now time.Time) bool {
			fetch, _ := s.checkRevocation(keyID, now)
			return fetch
		}
		if err := k.refreshIfDue(ctx, due, false, ""); err != nil {
			return err
		}
		_, err = k.snapshot.checkRevocation(keyID, k.source.Now())
	}
	if errors.Is(err, httpsig.ErrRevocationStale) {
		k.source.count(eventRevocationStale) // contract F63: the sender gives up, so nobody else notices
	}
	return k.withCause(err)
}

// withCause adds the failure of this delivery's refresh to an *UnavailableError with the same code.
func (k *Keys) withCause(err error) error {
	if u := (*UnavailableError)(nil); errors.As(err, &u) && k.failure != nil && k.failure.code == u.Code {
		u.Cause = k.failure
	}
	return err
}
