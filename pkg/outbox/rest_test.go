package outbox_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"adcp-orchestrator/pkg/metrics"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/memory"
)

// use stores one more answer to an operation that has ended, of which nobody is told.
func (w *world) use(id string) {
	w.t.Helper()
	op := w.ops[id]
	op.Version++
	op.Tally.Answers++
	op.UpdatedAt = w.now
	w.must(w.store.Commit(context.Background(), operation.Change{Op: op, Used: true}))
	w.ops[id] = op
}

// answers is how many answers are counted.
func (w *world) answers() (n int64) {
	w.t.Helper()
	sums, err := w.store.Sums(context.Background(), tenant, metrics.All, epoch, epoch.Add(48*time.Hour))
	w.must(err)
	for _, s := range sums {
		n += s.Add[metrics.Answers]
	}
	return n
}

// No signal calls for what comes after the end, and nobody is told of it: the sweep counts it.
func TestTheSweepCountsWhatComesAfterTheEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("op_a")
	w.change("op_a", operation.Completed)
	w.must(w.drain().Run(t.Context(), ref("op_a")))
	w.use("op_a")
	w.use("op_a")
	feed, end := w.read(beginning)
	for range 2 {
		w.now = w.now.Add(time.Minute)
		if sum, err := w.sweep().Run(t.Context()); err != nil || sum.Failed > 0 || w.answers() != 2 {
			t.Errorf("%+v, %v: %d answers are counted", sum, err, w.answers())
		}
	}
	if more, _ := w.read(end); len(more) > 0 || !slices.Equal(w.bus.first, feed) {
		t.Errorf("told %v, published %v", more, w.bus.first)
	}
	if next := w.store.NextNotice(); !next.IsZero() {
		t.Errorf("something waits until %s", next)
	}
}

// restStore is a store whose counting of rests fails.
type restStore struct {
	*memory.Store
	err error
}

func (s restStore) CountRest(ctx context.Context, r notice.Ref) error {
	if s.err != nil {
		return s.err
	}
	return s.Store.CountRest(ctx, r)
}

// A rest that can't be counted is put off, and counted later. One that another process has counted
// is no failure.
func TestARestThatCantBeCountedIsPutOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, id := range []string{"op_a", "op_b"} {
		w.create(id)
		w.change(id, operation.Completed)
		w.must(w.drain().Run(t.Context(), ref(id)))
		w.use(id)
	}
	w.now = w.now.Add(time.Minute)
	sweep := w.sweep()
	sweep.Drain.Store = restStore{w.store, store.ErrStale}
	if sum, err := sweep.Run(t.Context()); err != nil || sum.Failed > 0 {
		t.Errorf("overtaken: %+v, %v", sum, err)
	}
	fault := errors.New("no table")
	sweep.Drain.Store = restStore{w.store, fault}
	sum, err := sweep.Run(t.Context())
	if !errors.Is(err, fault) || sum.Failed != 2 || !w.store.NextNotice().After(w.now) {
		t.Errorf("%+v, %v: it waits until %s", sum, err, w.store.NextNotice())
	}
	if sum, err = w.sweep().Run(t.Context()); err != nil || sum.Swept > 0 || w.answers() != 0 {
		t.Errorf("not put off: %+v, %v", sum, err)
	}
	w.now = w.now.Add(5 * time.Minute)
	if sum, err = w.sweep().Run(t.Context()); err != nil || sum.Swept != 2 || w.answers() != 2 {
		t.Errorf("%+v, %v: %d answers are counted", sum, err, w.answers())
	}
}
