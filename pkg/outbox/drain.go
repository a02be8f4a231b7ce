package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
)

// Store is what sending notices needs of the store.
type Store interface {
	// PendingNotices returns the notices of a Ref that wait to be sent, the oldest first. It sees
	// every write that was stored before.
	PendingNotices(ctx context.Context, r notice.Ref) ([]notice.Row, error)
	// ReservePositions takes the next n positions of a tenant's feed, and returns the first of them.
	// No position is taken twice.
	ReservePositions(ctx context.Context, tenant string, n int, now time.Time) (first int64, err error)
	// AcknowledgeNotice takes a notice out of the outbox and puts it into the feed, in one write. It
	// returns store.ErrStale if the notice does not wait any more, or if the position is void.
	AcknowledgeNotice(ctx context.Context, r notice.Ref, row notice.Row, position int64, now time.Time) error
	// CountRest counts what an operation has used after its end and no notice counts, if that waits to
	// be counted: once, in one write. It returns store.ErrStale if another process was faster, or if
	// the operation has used more meanwhile: then that waits.
	CountRest(ctx context.Context, r notice.Ref) error
}

// Bus publishes notices on an event bus.
type Bus interface {
	// Publish publishes notices in their order, and returns an error for each: nil if it is on the
	// bus. Of one operation nothing is published after a notice that failed. After an error it is not
	// known whether anybody received the notice.
	Publish(ctx context.Context, notices []notice.Notice) []error
}

// Fanout sends notices to the endpoints of their tenant.
type Fanout interface {
	// Send sends a notice to everybody who wants it. It may be called again for the same notice, after
	// an error and without one.
	Send(ctx context.Context, n notice.Notice) error
}

// Drain sends what waits in the outbox.
type Drain struct {
	Store Store
	Bus   Bus
	// Fanout may be nil: nobody else is told.
	Fanout Fanout
	Now    func() time.Time
}

const (
	// drainBatch is how many notices are published before the first of them is acknowledged.
	drainBatch = 20
	// drainRounds is how often a run begins anew: others may be faster, and new notices come.
	drainRounds = 50
)

// errBusy says that other processes were faster again and again. What waits is sent by them.
var errBusy = errors.New("others send the same notices")

// Run sends all notices of a Ref that wait, in their order, and acknowledges each in that order.
// Any number of runs may do so at once: each sends all that wait, so a consumer that drops the ids
// which it has seen sees them in order, and each of them. It returns an error if some may still
// wait.
func (d Drain) Run(ctx context.Context, r notice.Ref) error {
	for range drainRounds {
		rows, err := d.Store.PendingNotices(ctx, r)
		if err != nil || len(rows) == 0 {
			return err
		}
		rows = rows[:min(len(rows), drainBatch)]
		sent, err := d.send(ctx, rows)
		if stored := d.acknowledge(ctx, r, rows[:sent]); stored != nil {
			return stored
		}
		if err != nil {
			return err
		}
	}
	return errBusy
}

// Publish sends everything that waits to be told of an operation.
func (d Drain) Publish(ctx context.Context, op operation.Ref) error {
	return d.Run(ctx, notice.Ref{Tenant: op.Tenant, OperationID: op.OperationID})
}

// send sends notices in their order. It returns how many of the first ones were sent.
func (d Drain) send(ctx context.Context, rows []notice.Row) (int, error) {
	notices := make([]notice.Notice, len(rows))
	for n, row := range rows {
		notices[n] = row.Notice
	}
	for n, err := range d.Bus.Publish(ctx, notices) {
		if err == nil && d.Fanout != nil {
			err = d.Fanout.Send(ctx, notices[n])
		}
		if err != nil {
			return n, fmt.Errorf("send %s: %w", notices[n].ID, err)
		}
	}
	return len(rows), nil
}

// acknowledge records that notices were sent. Where another process was faster it stops: its
// positions come before those of the other, and what is left has to come after.
func (d Drain) acknowledge(ctx context.Context, r notice.Ref, rows []notice.Row) error {
	if len(rows) == 0 {
		return nil
	}
	now := d.Now().UTC()
	first, err := d.Store.ReservePositions(ctx, r.Tenant, len(rows), now)
	for n := 0; err == nil && n < len(rows); n++ {
		err = d.Store.AcknowledgeNotice(ctx, r, rows[n], first+int64(n), now)
	}
	if errors.Is(err, store.ErrStale) {
		return nil
	}
	return err
}
