package outbox

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/store"
)

// SweepStore finds what waits in the outbox.
type SweepStore interface {
	// WaitingNotices returns whose notices should have been sent before now, and whose rests counted:
	// at most limit, a fair share of each tenant's, those of the oldest first. It may lag behind the
	// last writes.
	WaitingNotices(ctx context.Context, now time.Time, limit int) (Waiting, error)
	// PutOffNotices leaves the notices of a Ref that wait, and its rest, alone until a time. They keep
	// their order.
	// It does not read the notices themselves: one that can't be read is put off as well.
	PutOffNotices(ctx context.Context, r notice.Ref, until time.Time) error
}

// Waiting is what the outbox shows at a time.
type Waiting struct {
	Refs []notice.Ref
	// Total counts the notices and rests that were found, OldestAt is when the first of them should
	// have been sent or counted. Both are at least that if more wait than one read shows.
	Total    int
	OldestAt time.Time
}

// Sweep sends what signals have left in the outbox, and counts rests, for which there is no signal:
// few operations have one, and no consumer waits for it.
type Sweep struct {
	Drain Drain
	Store SweepStore
	// Parallel is how many Refs are drained at once; 0 is one.
	Parallel int
	// Record gets the summary of each run; nil is nobody.
	Record func(Summary)
}

// Summary is what a run did.
type Summary struct {
	Swept, Failed int
	// Waiting counts the notices that a run found first, OldestSeconds how long the oldest has waited:
	// since the sweep should have sent it, or, of those that could not be sent, since it happened.
	Waiting       int
	OldestSeconds int64
}

// The metrics that alarms watch.
const (
	MetricOldest = "NoticesOldestSeconds"
	MetricFailed = "NoticesFailed"
)

// Metrics returns the summary as values of metrics by their names.
func (s Summary) Metrics() map[string]int64 {
	return map[string]int64{MetricOldest: s.OldestSeconds, MetricFailed: int64(s.Failed),
		"NoticesSwept": int64(s.Swept), "NoticesWaiting": int64(s.Waiting)}
}

const (
	// sweepBatch is how many Refs one round takes.
	sweepBatch = 200
	// sweepMargin is how long before the end of its time a run begins no further round.
	sweepMargin = 15 * time.Second
	// sweepRounds bounds a run without an end of its time.
	sweepRounds = 100
	// A Ref whose notices can't be sent is left alone for half as long as it has waited, within these
	// bounds: it must not stand in the way of others, and must not fall out of sight of the alarm.
	minPutOff = 50 * time.Second
	maxPutOff = 4 * time.Minute
)

// Run sends what waits, of each tenant the oldest first, until nothing is left or its time is
// nearly over. What can't be sent is put off, so that the others are. It returns an error if all
// have failed.
func (s Sweep) Run(ctx context.Context) (Summary, error) {
	var sum Summary
	var last error
	for round := range sweepRounds {
		now := s.Drain.Now().UTC()
		if end, bounded := ctx.Deadline(); bounded && round > 0 && time.Until(end) < sweepMargin {
			break
		}
		found, err := s.Store.WaitingNotices(ctx, now, sweepBatch)
		if err != nil {
			last = err
			break
		}
		if round == 0 {
			sum.Waiting = found.Total
			if found.Total > 0 {
				sum.OldestSeconds = int64(now.Sub(found.OldestAt) / time.Second)
			}
		}
		sent, err := s.each(ctx, found.Refs, now, &sum)
		if err != nil {
			last = err
		}
		if sent < sweepBatch { // the index shows for a moment what was sent: the next run goes on
			break
		}
	}
	if s.Record != nil {
		s.Record(sum)
	}
	if sum.Swept > 0 {
		return sum, nil
	}
	return sum, last
}

// each drains Refs, some at once. It returns how many it has sent.
func (s Sweep) each(ctx context.Context, refs []notice.Ref, now time.Time, sum *Summary) (sent int, last error) {
	var mu sync.Mutex
	drain := func(r notice.Ref) {
		waits, err := s.one(ctx, r, now)
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			sent++
			sum.Swept++
			return
		}
		sum.Failed++
		sum.OldestSeconds = max(sum.OldestSeconds, int64(waits/time.Second))
		last = err
	}
	if s.Parallel <= 1 {
		for _, r := range refs {
			drain(r)
		}
		return sent, last
	}
	var wg sync.WaitGroup
	slots := make(chan struct{}, s.Parallel)
	for _, r := range refs {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			drain(r)
		})
	}
	wg.Wait()
	return sent, last
}

// sendAndCount drains a Ref, and then counts its rest: the end comes before what came after it.
func (s Sweep) sendAndCount(ctx context.Context, r notice.Ref) error {
	if err := s.Drain.Run(ctx, r); err != nil || r.OperationID == "" {
		return err
	}
	err := s.Drain.Store.CountRest(ctx, r)
	if errors.Is(err, store.ErrStale) { // what is still to be counted waits
		return nil
	}
	return err
}

// one sends and counts what waits of a Ref, and puts it off if that fails. It returns how long what
// failed has waited.
func (s Sweep) one(ctx context.Context, r notice.Ref, now time.Time) (waits time.Duration, err error) {
	err = s.sendAndCount(ctx, r)
	if err == nil || errors.Is(err, errBusy) || ctx.Err() != nil {
		return 0, err
	}
	slog.WarnContext(ctx, "notices not sent", "tenant", r.Tenant, "operation_id", r.OperationID,
		"notice_id", r.NoticeID, "error", err)
	if rows, unread := s.Drain.Store.PendingNotices(ctx, r); unread == nil && len(rows) > 0 {
		waits = now.Sub(rows[0].Notice.At)
	}
	until := now.Add(min(max(waits/2, minPutOff), maxPutOff))
	return waits, errors.Join(err, s.Store.PutOffNotices(ctx, r, until))
}
