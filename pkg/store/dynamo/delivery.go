package dynamo

import (
	"cmp"
	"context"
	"errors"

	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
)

// LoadDelivery reads everything to verify a delivery against, with one request. It reads the
// keyring only for signed deliveries.
func (s *Store) LoadDelivery(ctx context.Context, q inbox.DeliveryQuery) (inbox.DeliveryContext, error) {
	now := s.now().Unix()
	n := inbox.Nonce{Tenant: q.Token.Tenant, Sender: q.Token.Sender, KeyID: q.KeyID, Value: q.Nonce}
	counter, room := nonceCounter(n, now, cmp.Or(q.MaxNonces, inbox.NoncesPerWindow))
	keys := []item{operationKey(n.Tenant, q.Token.OperationID, layout.SKOperation)}
	if q.KeyID != "" {
		keys = append(keys, keyringKey(n.Tenant, n.Sender))
		if q.Nonce != "" {
			keys = append(keys, nonceKey(n), counter)
		}
	}
	found, err := s.getAll(ctx, keys)
	if err != nil {
		return inbox.DeliveryContext{}, err
	}
	got := inbox.DeliveryContext{Keyring: readDocument(found(keyringKey(n.Tenant, n.Sender)))}
	if i := found(keys[0]); i != nil {
		got.Operation, err = layout.ReadOperation(plain(i), s.now())
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return inbox.DeliveryContext{}, err
		}
	}
	// TTL only cleans up: the expiry is compared here (contract F77).
	nonce := found(nonceKey(n))
	got.NonceSeen = nonce != nil && number(nonce, "ttl") >= now
	got.NonceFull = number(found(counter), "n") >= room
	return got, nil
}
