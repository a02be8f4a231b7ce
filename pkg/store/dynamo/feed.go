package dynamo

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
)

// FeedEnd returns the last position of a tenant's feed that was reserved, and when.
func (s *Store) FeedEnd(ctx context.Context, tenant string) (int64, time.Time, error) {
	i, err := s.get(ctx, attributes(layout.FeedEndKey(tenant)))
	return number(i, "n"), time.UnixMilli(number(i, "at")).UTC(), err
}

// FeedEntries returns what stands at the positions from first on, at most n, in order.
func (s *Store) FeedEntries(ctx context.Context, tenant string, first int64, n int) (told []notice.Told, err error) {
	keys := make([]item, n)
	for k := range keys {
		keys[k] = attributes(layout.FeedKey(tenant, first+int64(k)))
	}
	found, err := s.getAll(ctx, keys)
	if err != nil {
		return nil, err
	}
	for k := range keys {
		i := found(keys[k])
		if i == nil {
			continue
		}
		t, err := layout.ReadFeedItem(first+int64(k), plain(i))
		if err != nil {
			return nil, err
		}
		told = append(told, t)
	}
	return told, nil
}

// VoidPosition makes sure that no notice will ever stand at a position. It returns store.ErrStale
// if something does already.
func (s *Store) VoidPosition(ctx context.Context, tenant string, position int64, now time.Time) error {
	i, err := layout.FeedItem(tenant, position, nil, now)
	if err != nil {
		return err
	}
	change := rewrite(i, nil)
	change.onCondition(absent, nil)
	err = s.update(ctx, change)
	if errors.As(err, new(*types.ConditionalCheckFailedException)) {
		return store.ErrStale
	}
	return err
}

// NoticePosition returns where the notice of an id stands, or store.ErrNotFound if there is none or
// it was not told yet.
func (s *Store) NoticePosition(ctx context.Context, tenant, id string) (position int64, err error) {
	r := notice.Ref{Tenant: tenant, OperationID: notice.OperationOf(id)}
	if r.OperationID == "" {
		r.NoticeID = id
	}
	found := false
	err = s.newestNotices(ctx, r, func(page []layout.Item) (bool, error) {
		position, found = layout.PositionOf(id, page)
		return !found, nil
	})
	if err == nil && !found {
		err = store.ErrNotFound
	}
	return position, err
}
