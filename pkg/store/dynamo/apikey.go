package dynamo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
)

// Key returns the secret of an API key with that hash, or store.ErrNotFound.
func (s *Store) Key(ctx context.Context, tenant, hash string) (apikey.Key, error) {
	i, err := s.find(ctx, layout.APIKeyKey(tenant, hash))
	if err != nil {
		return apikey.Key{}, err
	}
	return layout.ReadSecret(i)
}

// find reads an item, or returns store.ErrNotFound if there is none or if it has expired.
func (s *Store) find(ctx context.Context, k layout.Item) (layout.Item, error) {
	i, err := s.get(ctx, attributes(k))
	if err != nil {
		return nil, err
	}
	if found := plain(i); i != nil && !found.Expired(s.now()) {
		return found, nil
	}
	return nil, store.ErrNotFound
}

// Touch notes that a secret was used, unless that was noted a short time ago.
func (s *Store) Touch(ctx context.Context, tenant, hash string, at time.Time) error {
	update, condition := "SET used_at = :at", "attribute_exists(pk) AND (attribute_not_exists(used_at) OR used_at <= :old)"
	_, err := s.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName:           &s.table,
		Key:                 attributes(layout.APIKeyKey(tenant, hash)),
		UpdateExpression:    &update,
		ConditionExpression: &condition,
		ExpressionAttributeValues: item{
			":at": num(at.Unix()), ":old": num(at.Add(-apikey.UsedEvery).Unix()),
		},
	})
	if err != nil && !errors.As(err, new(*types.ConditionalCheckFailedException)) {
		return fmt.Errorf("touch a key: %w", err)
	}
	return nil
}

// KeyRecord returns an API key, or store.ErrNotFound.
func (s *Store) KeyRecord(ctx context.Context, tenant, id string) (apikey.Record, error) {
	i, err := s.find(ctx, layout.KeyRecordKey(tenant, id))
	if err != nil {
		return apikey.Record{}, err
	}
	r, err := layout.ReadKeyRecord(i)
	if err != nil {
		return r, err
	}
	all := []apikey.Record{r}
	err = s.addUse(ctx, all)
	return all[0], err
}

// KeyRecords lists a page of a tenant's API keys, the newest first.
func (s *Store) KeyRecords(ctx context.Context, tenant, after string, limit int) (
	page []apikey.Record, next string, err error) {
	items, next, err := s.listed(ctx, layout.ListQuery{Tenant: tenant, Kind: layout.KindKeys, Before: after}, limit)
	if err != nil {
		return nil, "", err
	}
	for _, i := range items {
		r, err := layout.ReadKeyRecord(i)
		if err != nil {
			return nil, "", err
		}
		page = append(page, r)
	}
	return page, next, s.addUse(ctx, page)
}

// addUse adds to records when their secrets were used.
func (s *Store) addUse(ctx context.Context, records []apikey.Record) error {
	var keys []item
	for _, r := range records {
		for _, secret := range r.Secrets {
			keys = append(keys, attributes(layout.APIKeyKey(r.Tenant, secret.Hash)))
		}
	}
	items, err := s.stored(ctx, keys)
	if err != nil {
		return err
	}
	found := map[string]layout.Item{}
	for _, i := range items {
		found[i.Text("pk")] = i
	}
	for n, r := range records {
		for _, secret := range r.Secrets {
			i := found[layout.APIKeyKey(r.Tenant, secret.Hash).Text("pk")]
			if k, err := layout.ReadSecret(i); err == nil && k.UsedAt.After(records[n].LastUsedAt) {
				records[n].LastUsedAt = k.UsedAt
			}
		}
	}
	return nil
}

// KeyAdmins returns the API keys of a tenant that make keys.
func (s *Store) KeyAdmins(ctx context.Context, tenant string) (apikey.Admins, error) {
	i, err := s.find(ctx, layout.KeyAdminsKey(tenant))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return apikey.Admins{}, err
	}
	return layout.ReadKeyAdmins(i)
}

// KeyRequest returns what an Idempotency-Key was used for, or store.ErrNotFound.
func (s *Store) KeyRequest(ctx context.Context, tenant, hash string) (apikey.Request, error) {
	return getDocument[apikey.Request](ctx, s, layout.KeyRequestKey(tenant, hash))
}

// ChangeKeys stores a change of a tenant's API keys as a whole. It returns store.ErrStale or
// store.ErrKeyTaken.
func (s *Store) ChangeKeys(ctx context.Context, c apikey.Change) error {
	var writes []types.TransactWriteItem
	taken := -1
	if c.Request.Hash != "" {
		i, err := layout.KeyRequestItem(c.Tenant, c.Request)
		if err != nil {
			return err
		}
		taken = len(writes)
		writes = append(writes, s.put(attributes(i), absent+" OR #ttl < :now", item{":now": num(s.now().Unix())},
			map[string]string{"#ttl": "ttl"}))
	}
	versioned := func(i layout.Item, err error) error {
		if err != nil || i.Number("version") == 0 {
			return err
		}
		writes = append(writes, versionedWrite(i).inTransaction(&s.table))
		return nil
	}
	if err := versioned(layout.KeyRecordItem(c.Record)); err != nil {
		return err
	}
	if err := versioned(layout.KeyAdminsItem(c.Tenant, c.Admins)); err != nil {
		return err
	}
	for _, k := range c.Secrets {
		i, err := layout.SecretItem(k)
		if err != nil {
			return err
		}
		writes = append(writes, rewrite(i, nil).inTransaction(&s.table))
	}
	failed, err := s.transact(ctx, writes)
	if err != nil {
		return fmt.Errorf("change keys: %w", err)
	}
	if _, repeated := failed[taken]; repeated {
		return store.ErrKeyTaken
	}
	if len(failed) > 0 {
		return store.ErrStale
	}
	return nil
}
