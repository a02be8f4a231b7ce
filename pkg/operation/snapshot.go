package operation

import (
	"fmt"
	"slices"
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// The pace of reading a buy (contract F90): reads that succeed are snapshotGap apart, and an hour
// after the first snapshotsFast; those that fail are tried again snapshotTries times.
const (
	snapshotGap     = 5 * time.Minute
	snapshotLater   = time.Hour
	snapshotsFast   = 20
	snapshotTries   = 8
	snapshotMaxWait = 6 * time.Hour
)

// wantSnapshot asks for a read of the buy. The reconciler starts it once the operation is settled.
func (op *Operation) wantSnapshot(now time.Time) {
	r := &op.News.Read
	r.Wanted++
	if !r.Due {
		gap := snapshotGap
		if r.Done >= snapshotsFast {
			gap = snapshotLater
		}
		r.Due, r.Failures, r.NotBefore, r.LookAt = true, 0, now, time.Time{}
		if next := r.LastAt.Add(gap); r.Done > 0 && next.After(now) {
			r.NotBefore = next
		}
	}
}

// AwaitsSnapshot reports whether the buy is to be read, once the operation has ended and its end is
// published: until then its own channels say more.
func (op *Operation) AwaitsSnapshot() bool {
	return op.News.Read.Due && op.State.Terminal() && !op.PublishedAt.IsZero()
}

// SnapshotDue reports whether the buy is to be read now.
func (op *Operation) SnapshotDue(now time.Time) bool {
	return op.AwaitsSnapshot() && !now.Before(op.snapshotAt())
}

// snapshotAt is when the buy of a settled operation may be read, zero if it is not: never earlier
// than the agent asked (contract D8).
func (op *Operation) snapshotAt() time.Time {
	switch at := op.News.Read.NotBefore; {
	case !op.AwaitsSnapshot():
		return time.Time{}
	case at.Before(op.NotBefore):
		return op.NotBefore
	default:
		return at
	}
}

// LooksAt is when the reconciler looks at the operation, zero when nothing is left to do: at DueAt,
// or because its buy is to be read.
func (op *Operation) LooksAt() time.Time {
	at := op.snapshotAt()
	if look := op.News.Read.LookAt; !at.IsZero() && look.After(at) {
		at = look
	}
	if at.IsZero() || !op.DueAt.IsZero() && op.DueAt.Before(at) {
		return op.DueAt
	}
	return at
}

// beginRead keeps the reconciler from an operation whose buy is about to be read.
func (op *Operation) beginRead(now time.Time) {
	if op.AwaitsSnapshot() {
		op.News.Read.LookAt = now.Add(reconcileGrace)
	}
}

// HurrySnapshot makes a read of the buy due now, because a person wants it.
func (op *Operation) HurrySnapshot(now time.Time) {
	r := &op.News.Read
	r.NotBefore, r.LookAt, r.Failures, op.RedrivenAt = now, time.Time{}, 0, now
	op.BumpVersion(now)
}

// NoSnapshot records that the buy can't be read: the agent has no tool for it, or no buy is known.
// What was kept stands alone.
func (op *Operation) NoSnapshot(now time.Time) {
	op.News.Read.Due = false
	op.BumpVersion(now)
}

// PutOffSnapshot records a read that failed, or that could not be made: then the agent was not
// asked. tell is false while it is tried again: each time later, and not before the agent wants it
// (contract D8).
func (op *Operation) PutOffSnapshot(now time.Time, wait time.Duration, asked bool, detail string) (
	e Event, tell bool) {
	r := &op.News.Read
	r.Failures++
	if asked {
		op.countRead(false)
	}
	op.BumpVersion(now)
	if r.Failures >= snapshotTries {
		r.Due, r.LastAt = false, now
		if !op.News.room(now) {
			return Event{}, false
		}
		return op.event(EventSnapshot, ByPoll, op.State, now, "the buy could not be read: "+detail), true
	}
	r.LookAt = time.Time{}
	r.NotBefore = now.Add(max(wait, min(time.Minute<<(2*(r.Failures-1)), snapshotMaxWait)))
	return Event{}, false
}

// OvertakenRead records a read of which another one was faster: it counts, and nothing else.
func (op *Operation) OvertakenRead(now time.Time, answered bool) {
	op.countRead(answered)
	op.BumpVersion(now)
}

// BuySeen is what a read of the buy found.
type BuySeen struct {
	// Found: the agent shows the buy, as Facts say. Gone: it does not, though its list is proven to be
	// complete (contract G17).
	Found, Gone bool
	Facts       adcp.BuyFacts
	// Unconfirmed: the seller has not committed itself to it (contract A9). Ours: its context names
	// the operation.
	Unconfirmed, Ours bool
}

// TakeSnapshot stores what a read found that began when wanted news had asked for it, and raises
// attention if that contradicts the operation's end (contract F91). tell is false if the timeline
// needs no event: nothing has changed since the last read.
func (op *Operation) TakeSnapshot(now time.Time, wanted int, seen BuySeen) (e Event, tell bool) {
	n, before := &op.News, op.News.Snapshot
	clash := op.contradictedBy(seen)
	r := &n.Read
	r.Due, r.Failures, r.LastAt, r.LookAt = r.Wanted != wanted, 0, now, time.Time{}
	r.Done++
	op.countRead(true)
	if r.Due {
		r.NotBefore = now.Add(snapshotGap)
	}
	after := BuySnapshot{Facts: seen.Facts, AsOf: now, Missing: !seen.Found}
	if before != nil {
		after.Unknown = before.Unknown
		if !seen.Found {
			after.Facts = before.Facts
		}
	}
	n.Snapshot = &after
	op.BumpVersion(now)
	first := seen.Found && n.noteEnd(seen.Facts.Status)
	if clash != "" {
		op.flag(ProtocolClash, now, clash)
	}
	if before != nil && before.Missing == after.Missing && sameFacts(before.Facts, after.Facts) && clash == "" {
		return Event{}, false
	}
	if !first && clash == "" && !n.room(now) {
		return Event{}, false
	}
	detail := "the buy as the agent shows it"
	if !seen.Found {
		detail = "the agent does not show the buy"
	}
	e = op.event(EventSnapshot, ByPoll, op.State, now, detail)
	if seen.Found {
		e.Buy = &seen.Facts
	}
	return e, true
}

// contradictedBy says how what the agent shows contradicts the end that it reported, "" if it does
// not (contract F91). A buy that was canceled or rejected later, or is over, is no contradiction:
// that is its life (contract A11).
func (op *Operation) contradictedBy(seen BuySeen) string {
	n := op.News
	switch status := seen.Facts.Status; {
	case op.State == Completed && seen.Gone && n.Snapshot == nil && len(n.Ends) == 0:
		return "the agent reported the task as completed, and shows no such buy"
	case op.State == Completed && status == "rejected" && seen.Unconfirmed && !slices.Contains(n.Ends, "rejected") &&
		n.Snapshot == nil:
		return "the agent reported the task as completed, and shows its buy as rejected and never confirmed"
	case op.State != Completed && op.Type.MakesBuy() && seen.Ours && !seen.Unconfirmed && isLive(status):
		return fmt.Sprintf("the agent reported the task as %s, and shows its buy as %s", op.State, status)
	}
	return ""
}

func isLive(status string) bool {
	return slices.Contains([]string{"pending_creatives", "pending_start", "active", "paused"}, status)
}

// sameFacts reports whether two views of a buy tell the same.
func sameFacts(a, b adcp.BuyFacts) bool {
	return a.MediaBuyID == b.MediaBuyID && a.Status == b.Status && a.Revision == b.Revision && a.Health == b.Health &&
		a.Impaired == b.Impaired && slices.Equal(a.Impairments, b.Impairments)
}
