package load

import (
	"context"
	"time"

	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/outbox"
	"adcp-orchestrator/pkg/store/layout"
)

// bus is the event bus.
type bus struct{ w *World }

// Publish implements outbox.Bus: a call has one notice of an operation.
func (b bus) Publish(_ context.Context, notices []notice.Notice) []error {
	for range notices {
		b.w.sleep(10 * time.Millisecond)
		b.w.usage.Published++
	}
	return make([]error, len(notices))
}

// outbox sends the notices of a world.
func (w *World) outbox() outbox.Drain { return outbox.Drain{Store: w.table, Bus: bus{w}, Now: w.Now} }

// noticeSize is the size of an event's item with its notice, or of a position in the feed.
const noticeSize = 1000

// signal lets the notices of an operation be sent after a write, by a function that the call on the
// bus invokes.
func (t *table) signal(r notice.Ref) {
	w := t.w
	w.usage.Published++
	w.after(50*time.Millisecond, func() {
		w.process(func() {
			// What fails here is sent by settle, or by the sweep.
			_ = w.function(notify, func(*breaker.Breaker) error { return w.outbox().Run(context.Background(), r) })
		})
	})
}

// PendingNotices reads the newest events of an operation.
func (t *table) PendingNotices(ctx context.Context, r notice.Ref) ([]notice.Row, error) {
	if err := t.request("Query (notices)", tries, readUnits(5*noticeSize)); err != nil {
		return nil, err
	}
	return t.Store.PendingNotices(ctx, r)
}

// ReservePositions counts positions of a tenant's feed.
func (t *table) ReservePositions(ctx context.Context, tenant string, n int, now time.Time) (int64, error) {
	end := pkOf(layout.FeedEndKey(tenant))
	if err := t.request("UpdateItem (feed)", crowded, writeUnits(small).of(end)); err != nil {
		return 0, err
	}
	return t.Store.ReservePositions(ctx, tenant, n, now)
}

// AcknowledgeNotice takes a notice out of the outbox, and its index, and puts it into the feed.
func (t *table) AcknowledgeNotice(ctx context.Context, r notice.Ref, row notice.Row, position int64,
	now time.Time) error {
	writes := []load{writeUnits(noticeSize).twice(), writeUnits(noticeSize).twice(), writeUnits(small).of(outboxOf(r))}
	if row.Mark != "" { // what was counted before is read, and its place and four counters are written
		if err := t.request("GetItem (counted)", 1, readUnits(small)); err != nil {
			return err
		}
		for range 5 {
			writes = append(writes, writeUnits(small).twice())
		}
	}
	err := t.request("TransactWriteItems (notice)", transactions, writes...)
	if err != nil {
		return err
	}
	return t.Store.AcknowledgeNotice(ctx, r, row, position, now)
}

// SweepNotices sends what signals have left in the outbox, and counts rests, as the schedule has it
// done each minute.
func (w *World) SweepNotices() {
	w.process(func() {
		_ = w.function(notify, func(*breaker.Breaker) error { // the next one does what this one leaves
			_, err := outbox.Sweep{Drain: w.outbox(), Store: w.table}.Run(context.Background())
			return err
		})
	})
}

// WaitingNotices queries the partitions of the outbox, and of the rests.
func (t *table) WaitingNotices(ctx context.Context, now time.Time, limit int) (outbox.Waiting, error) {
	for range layout.OutboxPartitions() {
		if err := t.request("Query (outbox)", tries, load{reads: 0.5}); err != nil {
			return outbox.Waiting{}, err
		}
	}
	return t.Store.WaitingNotices(ctx, now, limit)
}

// CountRest reads what an operation has used after its end, and what was counted of it before, and
// writes both and two counters.
func (t *table) CountRest(ctx context.Context, r notice.Ref) error {
	for _, name := range []string{"GetItem (rest)", "GetItem (counted)"} {
		if err := t.request(name, 1, readUnits(small)); err != nil {
			return err
		}
	}
	writes := []load{writeUnits(small)} // it leaves the index
	for range 4 {
		writes = append(writes, writeUnits(small).twice())
	}
	if err := t.request("TransactWriteItems (rest)", transactions, writes...); err != nil {
		return err
	}
	return t.Store.CountRest(ctx, r)
}

// outboxOf is the partition of the index that has an operation's notices.
func outboxOf(r notice.Ref) string {
	return layout.OutboxEntry(r.OperationID, time.Time{}).Text("due_pk")
}
