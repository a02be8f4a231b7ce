package dynamo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/outbox"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
)

// noticePage is how many events of an operation one read for notices takes: what waits is among the
// newest.
const noticePage = 25

// outboxDepth is how many entries of a shard of the outbox a sweep looks at: some four pages. How
// many tenants wait can't be seen on the first one, which may be full of one tenant's.
const outboxDepth = 20_000

// tell is the write of a transaction that puts a notice into the outbox.
func (s *Store) tell(n notice.Notice) (types.TransactWriteItem, error) {
	i, err := layout.NoticeItem(n)
	return s.put(attributes(i), "", nil, nil), err
}

// signaled calls the store's signal for a Ref whose notices were put into the outbox.
func (s *Store) signaled(ctx context.Context, r notice.Ref) {
	if s.signal != nil {
		s.signal(ctx, r)
	}
}

// PendingNotices returns the notices of a Ref that wait to be sent, the oldest first. It reads the
// newest first: so it sees none of which it does not see those before.
func (s *Store) PendingNotices(ctx context.Context, r notice.Ref) (rows []notice.Row, err error) {
	err = s.newestNotices(ctx, r, func(page []layout.Item) (bool, error) {
		waiting, goOn, err := layout.WaitingRows(page)
		rows = append(rows, waiting...)
		return goOn, err
	})
	slices.Reverse(rows)
	return rows, err
}

// newestNotices reads the items that may carry notices of a Ref, the newest first, as long as look
// wants more.
func (s *Store) newestNotices(ctx context.Context, r notice.Ref, look func([]layout.Item) (bool, error)) error {
	if r.OperationID == "" {
		i, err := s.get(ctx, attributes(layout.NoticeKey(r.Tenant, r.NoticeID)))
		if err == nil && i != nil {
			_, err = look([]layout.Item{plain(i)})
		}
		return err
	}
	consistent, newestFirst, most := true, false, int32(noticePage)
	condition, projection := "pk = :pk AND begins_with(sk, :sk)", "pk, sk, #notice, due_pk, #position, mark"
	in := &dynamodb.QueryInput{
		TableName:                &s.table,
		ConsistentRead:           &consistent,
		ScanIndexForward:         &newestFirst,
		Limit:                    &most,
		KeyConditionExpression:   &condition,
		ProjectionExpression:     &projection,
		ExpressionAttributeNames: map[string]string{"#notice": layout.AttrNotice, "#position": layout.AttrPosition},
		ExpressionAttributeValues: item{
			":pk": operationKey(r.Tenant, r.OperationID, "")["pk"], ":sk": str(layout.SKEvent),
		},
	}
	for {
		out, err := s.api.Query(ctx, in)
		if err != nil {
			return fmt.Errorf("query notices: %w", err)
		}
		goOn, err := look(plainAll(out.Items))
		if err != nil || !goOn || len(out.LastEvaluatedKey) == 0 {
			return err
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

// ReservePositions takes the next n positions of a tenant's feed, and returns the first of them. If
// an answer is lost, the SDK repeats the request, and the positions that it took first stay empty.
func (s *Store) ReservePositions(ctx context.Context, tenant string, n int, now time.Time) (int64, error) {
	update := "SET #at = :at ADD #n :n"
	out, err := crowded(ctx, func() (*dynamodb.UpdateItemOutput, error) {
		return s.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName:                 &s.table,
			Key:                       attributes(layout.FeedEndKey(tenant)),
			UpdateExpression:          &update,
			ExpressionAttributeNames:  map[string]string{"#at": "at", "#n": "n"},
			ExpressionAttributeValues: item{":at": num(now.UnixMilli()), ":n": num(int64(n))},
			ReturnValues:              types.ReturnValueUpdatedNew,
		})
	})
	if err != nil {
		return 0, fmt.Errorf("reserve positions: %w", err)
	}
	return number(out.Attributes, "n") - int64(n) + 1, nil
}

// AcknowledgeNotice takes a notice out of the outbox, puts it into the feed, and counts what its
// mark says: once, because another acknowledgement of it fails. It returns
// store.ErrStale if the notice does not wait any more, or if the position is void.
func (s *Store) AcknowledgeNotice(ctx context.Context, r notice.Ref, row notice.Row, position int64,
	now time.Time) error {
	fed, err := layout.FeedItem(r.Tenant, position, &row.Notice, now)
	if err != nil {
		return err
	}
	counting, err := s.counting(ctx, r, row.Mark)
	if err != nil {
		return err
	}
	update, condition := "SET #position = :position REMOVE due_pk, due_at", "attribute_exists(due_pk)"
	failed, err := s.transact(ctx, append([]types.TransactWriteItem{
		{Update: &types.Update{
			TableName:                 &s.table,
			Key:                       attributes(layout.RowKey(r, row.Key)),
			UpdateExpression:          &update,
			ConditionExpression:       &condition,
			ExpressionAttributeNames:  map[string]string{"#position": layout.AttrPosition},
			ExpressionAttributeValues: item{":position": num(position)},
		}},
		s.put(attributes(fed), absent, nil, nil),
	}, s.countWrites(counting)...))
	switch {
	case err == nil && len(failed) > 0:
		return store.ErrStale
	case err == nil && counting != nil && s.counted != nil:
		s.counted(counting.Facts)
	}
	return err
}

// WaitingNotices returns whose notices should have been sent before now, and whose rests counted:
// at most limit, a fair share of each tenant's, those of the oldest first. A shard that can't be
// read is left out, unless none can.
func (s *Store) WaitingNotices(ctx context.Context, now time.Time, limit int) (outbox.Waiting, error) {
	names := layout.OutboxPartitions()
	shards, faults := make([][]layout.Due, len(names)), make([]error, len(names))
	var wg sync.WaitGroup
	for n, name := range names {
		wg.Go(func() { shards[n], faults[n] = s.dueOf(ctx, name, now, max(limit, outboxDepth)) })
	}
	wg.Wait()
	refs, list := layout.Outbox(shards, limit)
	w := outbox.Waiting{Refs: refs, Total: list.Total, OldestAt: list.OldestAt}
	if !slices.Contains(faults, nil) {
		return w, errors.Join(faults[0])
	}
	return w, nil
}

// PutOffNotices leaves the notices of a Ref that wait, and its rest, alone until a time.
func (s *Store) PutOffNotices(ctx context.Context, r notice.Ref, until time.Time) error {
	putOff := func(k layout.Item) error {
		change := rewrite(k.With(layout.Item{"due_at": layout.Timestamp(until)}), nil)
		change.onCondition("attribute_exists(due_pk)", nil)
		err := s.update(ctx, change)
		if errors.As(err, new(*types.ConditionalCheckFailedException)) { // it does not wait any more
			return nil
		}
		return err
	}
	err := s.newestNotices(ctx, r, func(page []layout.Item) (bool, error) {
		for _, i := range page {
			if i.Text("due_pk") == "" {
				continue
			}
			if err := putOff(layout.RowKey(r, i.Text("sk"))); err != nil {
				return false, err
			}
		}
		return true, nil
	})
	if err != nil || r.OperationID == "" {
		return err
	}
	return putOff(layout.RestKey(r.Tenant, r.OperationID))
}
