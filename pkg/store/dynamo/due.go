package dynamo

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
)

const (
	// dueReaders is how many shards of the index are read at once.
	dueReaders = 16
	// maxDuePages is how many pages of one shard a round reads: some 5,000 entries each.
	maxDuePages = 16
)

// Due returns operations that stand in the index before now: at most limit of them, a fair share of
// each tenant's, the longest due first. All shards are read at once, as far as maxDuePages reaches:
// a fair share can't be seen on the first page. A shard that can't be read is left out, unless none
// can. The index lags behind the table, so the caller has to read each operation again.
func (s *Store) Due(ctx context.Context, now time.Time, limit int) (operation.DueList, error) {
	shards, faults := make([][]layout.Due, layout.MaxDueShards), make([]error, layout.MaxDueShards)
	slots := make(chan struct{}, dueReaders)
	var wg sync.WaitGroup
	for n := range shards {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			shards[n], faults[n] = s.dueOf(ctx, layout.DueShard(n), now, 0)
		})
	}
	wg.Wait()
	list, failed := layout.ShareDue(shards, limit), 0
	for n, err := range faults {
		if err != nil {
			failed++
			slog.WarnContext(ctx, "shard of the due index not read", "shard", n, "error", err)
		}
	}
	if failed == len(faults) {
		return list, errors.Join(faults[0])
	}
	return list, nil
}

// dueOf reads a partition of the index up to a time: limit entries, or with 0 as many as
// maxDuePages hold. What was read before an error counts.
func (s *Store) dueOf(ctx context.Context, shard string, before time.Time, limit int) (
	due []layout.Due, err error) {
	index, condition, wanted := layout.DueIndex.Name, "due_pk = :shard AND due_at < :now", "pk, due_at"
	in := &dynamodb.QueryInput{
		TableName:              &s.table,
		IndexName:              &index,
		KeyConditionExpression: &condition,
		ProjectionExpression:   &wanted,
		ExpressionAttributeValues: item{
			":shard": str(shard), ":now": str(layout.Timestamp(before)),
		},
	}
	if limit > 0 {
		most := int32(limit)
		in.Limit = &most
	}
	for range maxDuePages {
		out, err := s.api.Query(ctx, in)
		if err != nil {
			return due, err
		}
		for _, i := range out.Items {
			due = append(due, layout.Due{PK: text(i, "pk"), At: text(i, "due_at")})
		}
		if in.ExclusiveStartKey = out.LastEvaluatedKey; len(out.LastEvaluatedKey) == 0 || limit > 0 && len(due) >= limit {
			break
		}
	}
	return due, nil
}

// MoveDue moves an operation in the index, if it is stored as it was read, or returns
// store.ErrStale. It changes nothing else of the item, so that newer and full ones move too.
func (s *Store) MoveDue(ctx context.Context, op operation.Operation, at time.Time) error {
	return s.setEntry(ctx, operation.Ref{Tenant: op.Tenant, OperationID: op.ID},
		layout.DueEntry(op.ID, at, s.dueShards), "version = :before", item{":before": num(op.Version)})
}

// PutOff moves an operation in the index after a look that failed, for longer the more looks in a
// row have failed. It does nothing if the operation has been moved or taken out meanwhile.
func (s *Store) PutOff(ctx context.Context, r operation.Ref, now time.Time) error {
	stored, err := s.get(ctx, attributes(layout.OperationKey(r.Tenant, r.OperationID, layout.SKFailures)))
	failures := layout.ReadFailures(plain(stored)).After(now)
	if err == nil {
		err = s.update(ctx, rewrite(failures.Item(r), nil))
	}
	moved := s.setEntry(ctx, r, layout.DueEntry(r.OperationID, now.Add(operation.PutOff(int(failures.N))), s.dueShards),
		"due_at < :now", item{":now": str(layout.Timestamp(now))})
	if errors.Is(moved, store.ErrStale) {
		moved = nil
	}
	return errors.Join(err, moved)
}

// setEntry writes the place in the index of a stored operation on a condition. It returns
// store.ErrStale if that fails.
func (s *Store) setEntry(ctx context.Context, r operation.Ref, entry layout.Item, condition string, values item) error {
	change := rewrite(layout.OperationKey(r.Tenant, r.OperationID, layout.SKOperation).With(entry), nil)
	change.onCondition(condition, values)
	err := s.update(ctx, change)
	if errors.As(err, new(*types.ConditionalCheckFailedException)) {
		return store.ErrStale
	}
	return err
}
