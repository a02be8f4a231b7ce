package memory

import (
	"cmp"
	"context"
	"errors"

	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/store"
)

// LoadDelivery reads everything to verify a delivery against.
func (s *Store) LoadDelivery(_ context.Context, q inbox.DeliveryQuery) (inbox.DeliveryContext, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var got inbox.DeliveryContext
	tenant, sender := q.Token.Tenant, q.Token.Sender
	op, err := s.read(id{tenant, q.Token.OperationID})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return got, err
	}
	got.Operation = op
	if q.KeyID == "" {
		return got, nil
	}
	got.Keyring = cloneDocument(s.keyrings[id{tenant, sender}])
	if q.Nonce != "" {
		n := inbox.Nonce{Tenant: tenant, Sender: sender, KeyID: q.KeyID, Value: q.Nonce}
		got.NonceSeen = s.nonceSeen(n)
		got.NonceFull = s.nonceCounts[s.nonceCounter(n)] >= cmp.Or(q.MaxNonces, inbox.NoncesPerWindow)
	}
	return got, nil
}
