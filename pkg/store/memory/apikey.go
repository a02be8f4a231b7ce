package memory

import (
	"context"
	"errors"
	"time"

	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
)

// Key returns the secret of an API key with that hash, or store.ErrNotFound.
func (s *Store) Key(_ context.Context, tenant, hash string) (apikey.Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, err := s.item(layout.APIKeyKey(tenant, hash))
	if err != nil {
		return apikey.Key{}, err
	}
	return layout.ReadSecret(i)
}

// Touch notes that a secret was used, unless that was noted a short time ago.
func (s *Store) Touch(_ context.Context, tenant, hash string, at time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := layout.APIKeyKey(tenant, hash).Text("pk")
	i, ok := s.items[k]
	if used := i.Number(layout.AttrUsedAt); ok && (used == 0 || used <= at.Add(-apikey.UsedEvery).Unix()) {
		s.items[k] = i.With(layout.Item{layout.AttrUsedAt: at.Unix()})
	}
	return nil
}

// KeyRecord returns an API key, or store.ErrNotFound.
func (s *Store) KeyRecord(_ context.Context, tenant, id string) (apikey.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, err := s.item(layout.KeyRecordKey(tenant, id))
	if err != nil {
		return apikey.Record{}, err
	}
	return s.readRecord(i)
}

// readRecord reads a record, and when its secrets were used. The caller holds the lock.
func (s *Store) readRecord(i layout.Item) (apikey.Record, error) {
	r, err := layout.ReadKeyRecord(i)
	for _, secret := range r.Secrets {
		k, missing := s.item(layout.APIKeyKey(r.Tenant, secret.Hash))
		if read, err := layout.ReadSecret(k); missing == nil && err == nil && read.UsedAt.After(r.LastUsedAt) {
			r.LastUsedAt = read.UsedAt
		}
	}
	return r, err
}

// KeyRecords lists a page of a tenant's API keys, the newest first.
func (s *Store) KeyRecords(_ context.Context, tenant, after string, limit int) (
	page []apikey.Record, next string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	items, next := s.listed(layout.ListQuery{Tenant: tenant, Kind: layout.KindKeys, Before: after}, limit)
	for _, i := range items {
		r, err := s.readRecord(i)
		if err != nil {
			return nil, "", err
		}
		page = append(page, r)
	}
	return page, next, nil
}

// KeyAdmins returns the API keys of a tenant that make keys.
func (s *Store) KeyAdmins(_ context.Context, tenant string) (apikey.Admins, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, err := s.item(layout.KeyAdminsKey(tenant))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return apikey.Admins{}, err
	}
	return layout.ReadKeyAdmins(i)
}

// KeyRequest returns what an Idempotency-Key was used for, or store.ErrNotFound.
func (s *Store) KeyRequest(_ context.Context, tenant, hash string) (apikey.Request, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, err := s.item(layout.KeyRequestKey(tenant, hash))
	if err != nil {
		return apikey.Request{}, err
	}
	return layout.ReadDoc[apikey.Request](i)
}

// ChangeKeys stores a change of a tenant's API keys as a whole. It returns store.ErrStale or
// store.ErrKeyTaken.
func (s *Store) ChangeKeys(_ context.Context, c apikey.Change) error {
	var items []layout.Item
	var failed error
	add := func(i layout.Item, err error) {
		failed = errors.Join(failed, err)
		items = append(items, i)
	}
	if c.Request.Hash != "" {
		add(layout.KeyRequestItem(c.Tenant, c.Request))
	}
	if c.Record.Version > 0 {
		add(layout.KeyRecordItem(c.Record))
	}
	if c.Admins.Version > 0 {
		add(layout.KeyAdminsItem(c.Tenant, c.Admins))
	}
	for _, k := range c.Secrets {
		add(layout.SecretItem(k))
	}
	if err := errors.Join(failed, layout.CheckTransaction(items, 0)); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.item(layout.KeyRequestKey(c.Tenant, c.Request.Hash)); c.Request.Hash != "" && err == nil {
		return store.ErrKeyTaken
	}
	for _, i := range items {
		if v, versioned := i["version"].(int64); versioned && s.items[i.Text("pk")].Number("version") != v-1 {
			return store.ErrStale
		}
	}
	for _, i := range items {
		s.items[i.Text("pk")] = s.items[i.Text("pk")].With(i)
	}
	return nil
}
