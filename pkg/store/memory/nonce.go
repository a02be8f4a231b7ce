package memory

import (
	"context"
	"strconv"
	"time"

	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/store"
)

// ClaimNonce stores a nonce and counts it. It returns store.ErrNonceSeen or store.ErrFull.
func (s *Store) ClaimNonce(_ context.Context, n inbox.Nonce, until time.Time, limit int) error {
	if err := s.conflict("ClaimNonce", maxTries); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.nonceSeen(n) {
		return store.ErrNonceSeen
	}
	counter := s.nonceCounter(n)
	if s.nonceCounts[counter] >= limit {
		return store.ErrFull
	}
	s.nonces[nonceID(n)] = until
	s.nonceCounts[counter]++
	return nil
}

// nonceSeen reports whether a nonce was claimed and has not expired. The caller holds the lock.
func (s *Store) nonceSeen(n inbox.Nonce) bool {
	until, ok := s.nonces[nonceID(n)]
	return ok && !s.now().After(until)
}

// nonceCounter names the counter of a nonce: that of its key and of the current window.
func (s *Store) nonceCounter(n inbox.Nonce) id {
	window := s.now().Unix() / int64(inbox.NonceWindow/time.Second)
	return id{n.Tenant, n.Sender + "\x00" + n.KeyID + "\x00" + strconv.FormatInt(window, 10)}
}

func nonceID(n inbox.Nonce) id {
	return id{n.Tenant, n.Sender + "\x00" + n.KeyID + "\x00" + n.Value}
}
