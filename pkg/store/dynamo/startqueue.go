package dynamo

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store/layout"
)

// QueueStart puts an operation into the queue of starts, if it is stored as it was read and does
// not stand there already. It returns store.ErrStale if one of these is not so.
func (s *Store) QueueStart(ctx context.Context, op operation.Operation, since time.Time) error {
	return s.setEntry(ctx, operation.Ref{Tenant: op.Tenant, OperationID: op.ID}, layout.StartEntry(op.ID, since),
		"version = :before AND NOT begins_with(due_pk, :queue)",
		item{":before": num(op.Version), ":queue": str(layout.StartPrefix)})
}

// Queued returns the operations that wait for their start, the oldest first, at most limit of them.
// It may lag behind the last writes.
func (s *Store) Queued(ctx context.Context, limit int) (operation.DueList, error) {
	shards, faults := make([][]layout.Due, layout.StartShards), make([]error, layout.StartShards)
	var wg sync.WaitGroup
	for n := range shards {
		wg.Go(func() {
			// Clocks differ: what another one has queued a moment ahead of this one counts as well.
			shards[n], faults[n] = s.dueOf(ctx, layout.StartShard(n), s.now().Add(time.Hour), limit)
		})
	}
	wg.Wait()
	return layout.Oldest(shards, limit), errors.Join(faults...)
}

// Lease takes or extends a lease of the whole deployment until a time. It returns false while
// another owner has it. A time that is over gives it back.
func (s *Store) Lease(ctx context.Context, name, owner string, until time.Time) (bool, error) {
	change := rewrite(layout.LeaseKey(name).With(layout.Item{
		"owner": owner, "until": until.UnixMilli(), "ttl": wholeSeconds(until.Add(time.Hour)),
	}), nil)
	change.names["#owner"], change.names["#until"] = "owner", "until"
	change.onCondition(absent+" OR #owner = :owner OR #until < :now",
		item{":owner": str(owner), ":now": num(s.now().UnixMilli())})
	err := s.update(ctx, change)
	if errors.As(err, new(*types.ConditionalCheckFailedException)) {
		return false, nil
	}
	return err == nil, err
}
