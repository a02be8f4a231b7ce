package memory

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"adcp-orchestrator/pkg/endpoint"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
)

// webhooks are the items of webhook endpoints, of their creations and of their deliveries, by their
// keys.
type webhooks map[string]layout.Item

func keyOf(i layout.Item) string { return i.Text("pk") + "\x00" + i.Text("sk") }

// of returns the items of a partition by their sort keys.
func (w webhooks) of(partition layout.Item) (items []layout.Item) {
	for _, k := range slices.Sorted(maps.Keys(w)) {
		if strings.HasPrefix(k, partition.Text("pk")+"\x00") {
			items = append(items, w[k])
		}
	}
	return items
}

// putVersion stores an item if the version before its own is stored. The caller holds the lock.
func (w webhooks) putVersion(i layout.Item) error {
	stored := w[keyOf(i)]
	if stored.Number("version") != i.Number("version")-1 {
		return store.ErrStale
	}
	w[keyOf(i)] = stored.With(i)
	return nil
}

// Endpoints returns all webhook endpoints of a tenant, by id.
func (s *Store) Endpoints(_ context.Context, tenant string) (all []endpoint.Endpoint, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.webhooks.of(layout.EndpointKey(tenant, "")) {
		e, err := layout.ReadEndpoint(tenant, i)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

// Endpoint returns a webhook endpoint, or store.ErrNotFound.
func (s *Store) Endpoint(_ context.Context, tenant, id string) (endpoint.Endpoint, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.webhooks[keyOf(layout.EndpointKey(tenant, id))]
	if !ok {
		return endpoint.Endpoint{}, store.ErrNotFound
	}
	return layout.ReadEndpoint(tenant, i)
}

// AddEndpoint stores a new webhook endpoint and its Idempotency-Key. It returns store.ErrKeyTaken,
// store.ErrFull or, for an id that exists, store.ErrStale.
func (s *Store) AddEndpoint(_ context.Context, e endpoint.Endpoint, keyHash string, c endpoint.Creation) error {
	i, err := layout.EndpointItem(e)
	if err != nil {
		return err
	}
	key, err := layout.EndpointCreationItem(keyHash, c)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if first, ok := s.webhooks[keyOf(key)]; ok && !first.Expired(s.now()) {
		return store.ErrKeyTaken
	}
	if s.webhooks[keyOf(i)] != nil {
		return store.ErrStale
	}
	if len(s.webhooks.of(layout.EndpointKey(e.Tenant, ""))) >= endpoint.MaxEndpoints {
		return store.ErrFull
	}
	s.webhooks[keyOf(i)], s.webhooks[keyOf(key)] = i, key
	return nil
}

// Creation returns what an Idempotency-Key made, or store.ErrNotFound.
func (s *Store) Creation(_ context.Context, tenant, keyHash string) (endpoint.Creation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.webhooks[keyOf(layout.EndpointCreationKey(tenant, keyHash))]
	if !ok || i.Expired(s.now()) {
		return endpoint.Creation{}, store.ErrNotFound
	}
	c, err := layout.ReadDoc[endpoint.Creation](i)
	c.Tenant = tenant
	return c, err
}

// PutEndpoint stores a webhook endpoint, and what consumers are told of it, if the version before
// it is stored, or returns store.ErrStale. Its health stays.
func (s *Store) PutEndpoint(_ context.Context, e endpoint.Endpoint, told ...notice.Notice) error {
	i, err := layout.EndpointItem(e)
	if err == nil {
		err = i.Check()
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.webhooks.putVersion(i); err != nil {
		return err
	}
	return s.tell(told...)
}

// DeleteEndpoint deletes a webhook endpoint, or returns store.ErrNotFound.
func (s *Store) DeleteEndpoint(_ context.Context, tenant, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := keyOf(layout.EndpointKey(tenant, id))
	if s.webhooks[k] == nil {
		return store.ErrNotFound
	}
	delete(s.webhooks, k)
	return nil
}

// SetHealth records that an attempt at an endpoint succeeded, or failed.
func (s *Store) SetHealth(_ context.Context, tenant, id string, ok bool, at time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := keyOf(layout.EndpointKey(tenant, id))
	i := s.webhooks[k]
	if i == nil {
		return nil
	}
	if !ok {
		s.webhooks[k] = i.With(layout.Item{layout.FailingSince: layout.Timestamp(at)})
		return nil
	}
	i = i.With(layout.Item{layout.LastSuccessAt: layout.Timestamp(at)})
	delete(i, layout.FailingSince)
	s.webhooks[k] = i
	return nil
}

// ClaimProbe claims an attempt at an endpoint that fails. It returns false if one was claimed less
// than endpoint.ProbeEvery ago.
func (s *Store) ClaimProbe(_ context.Context, tenant, id string, at time.Time) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := keyOf(layout.EndpointKey(tenant, id))
	i := s.webhooks[k]
	if i == nil || i.Text(layout.ProbedAt) > layout.Timestamp(at.Add(-endpoint.ProbeEvery)) {
		return false, nil
	}
	s.webhooks[k] = i.With(layout.Item{layout.ProbedAt: layout.Timestamp(at)})
	return true, nil
}

// AddDelivery stores a delivery to a webhook endpoint, or returns store.ErrStale if there is one.
func (s *Store) AddDelivery(ctx context.Context, d endpoint.Delivery) error {
	return s.PutDelivery(ctx, d)
}

// PutDelivery stores a delivery if the version before it is stored, or returns store.ErrStale.
func (s *Store) PutDelivery(_ context.Context, d endpoint.Delivery) error {
	i, err := layout.WebhookDeliveryItem(d)
	if err == nil {
		err = i.Check()
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.webhooks.putVersion(i)
}

// WebhookDelivery returns a delivery to a webhook endpoint, or store.ErrNotFound.
func (s *Store) WebhookDelivery(_ context.Context, tenant, endpointID, id string) (endpoint.Delivery, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.webhooks[keyOf(layout.WebhookDeliveryKey(tenant, endpointID, id))]
	if !ok || i.Expired(s.now()) {
		return endpoint.Delivery{}, store.ErrNotFound
	}
	return layout.ReadWebhookDelivery(tenant, i)
}

// ListDeliveries returns a page of an endpoint's deliveries, the newest first. It looks at no more
// than limit of them.
func (s *Store) ListDeliveries(_ context.Context, tenant, endpointID string, state endpoint.DeliveryState,
	before string, limit int) (page []endpoint.Delivery, next string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	items := s.webhooks.of(layout.WebhookDeliveryKey(tenant, endpointID, ""))
	slices.Reverse(items)
	looked := 0
	for _, i := range items {
		if before != "" && i.Text("sk") >= before {
			continue
		}
		if looked++; looked > limit {
			return page, next, nil
		}
		next = i.Text("sk")
		d, err := layout.ReadWebhookDelivery(tenant, i)
		if err != nil {
			return nil, "", err
		}
		d.Body = nil
		if !i.Expired(s.now()) && (state == "" || d.State == state) {
			page = append(page, d)
		}
	}
	return page, "", nil
}
