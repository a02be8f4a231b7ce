package keyring

import (
	"cmp"
	"fmt"
	"time"

	"adcp-orchestrator/pkg/httpsig"
	"adcp-orchestrator/pkg/store"
)

// snapshot is one version of a sender's state, with indexes.
type snapshot struct {
	state
	version int64
	listURL string // state.revocationURL
	keys    map[string]httpsig.JWK
	revoked map[string]struct{}
}

func newSnapshot(version int64, st state) *snapshot {
	s := &snapshot{
		state:   st,
		version: version,
		listURL: st.revocationURL(),
		keys:    make(map[string]httpsig.JWK, len(st.Keys)),
	}
	for _, k := range st.Keys {
		s.keys[k.KID] = k
	}
	if len(st.List.Revoked) > 0 {
		s.revoked = make(map[string]struct{}, len(st.List.Revoked))
	}
	for _, kid := range st.List.Revoked {
		s.revoked[kid] = struct{}{}
	}
	return s
}

// size returns about how many bytes a snapshot holds. The texts of keys and revoked ids count once:
// the indexes share them.
func (s *snapshot) size() int {
	const (
		word   = 8
		text   = 2 * word // of a string, besides its bytes
		moment = 3 * word
		key    = 9*text + 3*word
	)
	size := 1024 + len(s.BrandURL) + len(s.JWKSURI) + len(s.listURL) + len(s.Unknown) +
		len(s.List.URL) + len(s.List.From) + len(s.List.ETag)
	if s.PendingChange != nil {
		size += len(s.PendingChange.JWKSURI)
	}
	for _, k := range s.Keys {
		size += 2*(key+text) + len(k.KeyOps)*2*text
		for _, m := range []string{k.KID, k.KeyType, k.Curve, k.Alg, k.Use, k.AdCPUse, k.X, k.Y, k.D} {
			size += len(m) + word // what an allocation rounds up to
		}
	}
	for _, kid := range s.List.Revoked {
		size += 3*text + word + len(kid)
	}
	for _, m := range s.Missing {
		size += text + moment + len(m.KID)
	}
	for _, a := range s.Seen {
		size += text + 2*word + len(a.KID)
	}
	return size
}

// readSnapshot parses a document. A malformed one is our own fault and an error: to start again
// with an empty state would forget the pin and the revoked keys.
func readSnapshot(d store.Document) (*snapshot, error) {
	var st state
	if d.Version > 0 {
		if err := store.DecodeDocument(d.Body, &st); err != nil {
			return &snapshot{}, fmt.Errorf("read a sender's keys: %w", err)
		}
	}
	return newSnapshot(d.Version, st), nil
}

// findKey returns the key, or the error that holds if nothing is fetched. fetch says that a refresh
// is due first.
func (s *snapshot) findKey(keyID string, now time.Time) (key httpsig.JWK, fetch bool, err error) {
	key, known := s.keys[keyID]
	cooling := recent(s.FailedAt, failureCooldown, now)
	unavailable := func() error {
		code := cmp.Or(s.Failure, codeStale)
		return &UnavailableError{Code: code, RetryAfter: remaining(s.FailedAt, failureCooldown, now)}
	}
	switch {
	case known && recent(s.FetchedAt, freshFor, now):
		return key, false, nil
	case known && recent(s.FetchedAt, usableFor, now):
		return key, !cooling, nil
	case !recent(s.FetchedAt, freshFor, now):
		return key, !cooling, unavailable()
	case s.PendingChange != nil: // the key may be in the set that nobody has confirmed
		fetch = !cooling && !recent(s.MissedAt, missCooldown, now)
		return key, fetch, &UnavailableError{Code: codePendingChange, RetryAfter: pendingRetry}
	case s.missed(keyID, now):
		return key, false, httpsig.ErrKeyUnknown
	case cooling:
		return key, false, unavailable()
	case recent(s.MissedAt, missCooldown, now):
		return key, false, &UnavailableError{Code: codeCooldown, RetryAfter: remaining(s.MissedAt, missCooldown, now)}
	}
	return key, true, &UnavailableError{Code: codeChanging, RetryAfter: time.Second}
}

// missed reports whether a recent fetch has shown that the sender does not publish the key.
func (s *snapshot) missed(keyID string, now time.Time) bool {
	for _, m := range s.Missing {
		if m.KID == keyID && recent(m.At, missCooldown, now) {
			return true
		}
	}
	return false
}

// checkRevocation returns the verdict on a key that holds if nothing is fetched, nil for a good
// key. fetch says that the list is due first.
func (s *snapshot) checkRevocation(keyID string, now time.Time) (fetch bool, err error) {
	if s.listURL == "" {
		fetch = !recent(s.FailedAt, failureCooldown, now)
	} else {
		fetch = s.List.due(s.listURL, now)
	}
	_, revoked := s.revoked[keyID]
	failure, failedAt := s.List.Failure, s.List.FailedAt
	switch {
	case revoked:
		return fetch, httpsig.ErrKeyRevoked
	case s.List.known() && now.After(s.List.staleAt()):
		return fetch, httpsig.ErrRevocationStale
	case s.List.known() || s.List.None:
		return fetch, nil
	case s.listURL == "":
		failure, failedAt = s.Failure, s.FailedAt
	}
	code := cmp.Or(failure, codeNoList)
	return fetch, &UnavailableError{Code: code, RetryAfter: remaining(failedAt, failureCooldown, now)}
}
