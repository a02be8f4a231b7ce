package memory

import (
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/store"
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"
)

// Arrive implements orchestrator.Store.
func (s *Store) LoadDelivery(_ context.Context, a inbox.DeliveryQuery) (inbox.DeliveryContext, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var got inbox.DeliveryContext
	r := a.Route
	if k, ok := s.operations[id{r.Tenant, r.OperationID}]; ok {
		got.Operation = clone(k.op)
	}
	if a.KeyID == "" {
		return got, nil
	}
	got.Keyring = cloneDocument(s.keyrings[id{r.Tenant, r.Sender}])
	if a.Nonce != "" {
		n := inbox.Nonce{Tenant: r.Tenant, Sender: r.Sender, KeyID: a.KeyID, Value: a.Nonce}
		got.NonceSeen, got.NonceFull = s.seen(n), s.claimed[s.counter(n)] >= cmp.Or(a.MaxNonces, inbox.NoncesPerWindow)
	}
	return got, nil
}

// ClaimNonce implements orchestrator.Store.
func (s *Store) ClaimNonce(_ context.Context, n inbox.Nonce, until time.Time, most int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen(n) {
		return store.ErrNonceSeen
	}
	counter := s.counter(n)
	if s.claimed[counter] >= most {
		return store.ErrFull
	}
	s.nonces[nonceID(n)] = until
	s.claimed[counter]++
	return nil
}

// seen reports whether a nonce is kept. The lock is held.
func (s *Store) seen(n inbox.Nonce) bool {
	until, ok := s.nonces[nonceID(n)]
	return ok && !s.now().After(until)
}

// counter names what a nonce is counted in.
func (s *Store) counter(n inbox.Nonce) id {
	window := s.now().Unix() / int64(inbox.NonceWindow/time.Second)
	return id{n.Tenant, n.Sender + "\x00" + n.KeyID + "\x00" + strconv.FormatInt(window, 10)}
}

func nonceID(n inbox.Nonce) id {
	return id{n.Tenant, n.Sender + "\x00" + n.KeyID + "\x00" + n.Value}
}

// Keyring implements orchestrator.Store.
func (s *Store) Keyring(_ context.Context, tenant, sender string) (store.Document, error) {
	d, err := find(s, s.keyrings, id{tenant, sender})
	return cloneDocument(d), err
}

// PutKeyring implements orchestrator.Store.
func (s *Store) PutKeyring(_ context.Context, tenant, sender string, d store.Document) error {
	return s.putDocument(s.keyrings, id{tenant, sender}, d)
}

// putDocument stores a document if the version before it is stored.
func (s *Store) putDocument(kept map[id]store.Document, k id, d store.Document) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if kept[k].Version != d.Version-1 {
		return store.ErrStale
	}
	kept[k] = cloneDocument(d)
	return nil
}

func cloneDocument(d store.Document) store.Document {
	d.Body = slices.Clone(d.Body)
	return d
}
