package outbox

import (
	"context"
	"errors"
	"time"

	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/store"
)

// FeedStore is what reading a feed needs of the store. Every read is consistent.
type FeedStore interface {
	// FeedEnd returns the last position of a tenant's feed that was reserved, and when; 0 if none was.
	FeedEnd(ctx context.Context, tenant string) (position int64, at time.Time, err error)
	// FeedEntries returns what stands at the positions from first on, at most n, in order. What is
	// missing is not stored: it is about to be, its process died, or it was deleted.
	FeedEntries(ctx context.Context, tenant string, first int64, n int) ([]notice.Told, error)
	// VoidPosition makes sure that no notice will ever stand at a position. It returns store.ErrStale
	// if something does already.
	VoidPosition(ctx context.Context, tenant string, position int64, now time.Time) error
	// NoticePosition returns where the notice of an id stands, or store.ErrNotFound if there is none
	// or it was not told yet.
	NoticePosition(ctx context.Context, tenant, id string) (int64, error)
}

// Feed lets a tenant read what was told, in the order in which it was told.
//
// Positions are dense: a reader knows by the numbers that nothing is missing. A notice gets its
// position by a conditional write, after the position was reserved; a reader stops before a
// position that is empty, until it is filled, or makes it void by a conditional write on the same
// item. So what a reader has passed stays as it is, whatever the clocks say and however slow a
// process is.
type Feed struct {
	Store FeedStore
	Now   func() time.Time
}

// Page is a part of a feed.
type Page struct {
	Notices []notice.Notice
	// Next is where the next page begins: after position Next.
	Next Cursor
	// More is true if there is something to be read at once.
	More bool
}

// Cursor is how far a feed was read: the last position, and when what stands there was told.
type Cursor struct {
	Position int64
	At       time.Time
}

const (
	// Kept is for how long a feed is kept.
	Kept = 30 * 24 * time.Hour
	// voidAfter is how long a reserved position may stay empty. It only has to be longer than a write
	// takes usually: a slow one takes another position.
	voidAfter = 15 * time.Second
	// feedBatch is how many positions one read looks at; pageLooks how often a page reads.
	feedBatch = 100
	pageLooks = 5
)

// ErrFeedGone says that some of what comes after a cursor is not kept any more.
var ErrFeedGone = errors.New("what comes after is older than what is kept")

// After returns the cursor of a notice, or store.ErrNotFound.
func (f Feed) After(ctx context.Context, tenant, id string) (Cursor, error) {
	p, err := f.Store.NoticePosition(ctx, tenant, id)
	if err != nil {
		return Cursor{}, err
	}
	told, err := f.Store.FeedEntries(ctx, tenant, p, 1)
	if err != nil || len(told) == 0 { // deleted: it is older than anything that is kept
		return Cursor{Position: p, At: f.Now().Add(-2 * Kept)}, err
	}
	return Cursor{Position: p, At: told[0].At}, nil
}

// Read returns at most limit notices that were told after a cursor, of one type if that is not
// empty. It looks at a bounded number of positions: a page may be short although there is More.
func (f Feed) Read(ctx context.Context, tenant string, after Cursor, t notice.Type, limit int) (Page, error) {
	page := Page{Next: after}
	end, endAt, err := f.Store.FeedEnd(ctx, tenant)
	if err != nil {
		return page, err
	}
	for range pageLooks {
		first := page.Next.Position + 1
		if first > end {
			return page, nil
		}
		told, err := f.Store.FeedEntries(ctx, tenant, first, int(min(feedBatch, end-page.Next.Position)))
		if err != nil {
			return page, err
		}
		to := min(end, page.Next.Position+feedBatch)
		for page.Next.Position < to {
			if len(page.Notices) == limit {
				page.More = true
				return page, nil
			}
			p := page.Next.Position + 1
			if len(told) == 0 || told[0].Position != p {
				passed, err := f.pass(ctx, tenant, p, page.Next.At, latest(told, endAt))
				if errors.Is(err, store.ErrStale) { // it was filled meanwhile
					break
				}
				if err != nil || !passed {
					return page, err
				}
				page.Next.Position = p
				continue
			}
			page.Next = Cursor{p, told[0].At}
			if n := told[0].Notice; n != nil && (t == "" || n.Type == t) {
				page.Notices = append(page.Notices, *n)
			}
			told = told[1:]
		}
	}
	page.More = page.Next.Position < end
	return page, nil
}

// latest is a time at which an empty position had been reserved already: that of the next one that
// is filled, or of the last reservation.
func latest(told []notice.Told, endAt time.Time) time.Time {
	if len(told) > 0 {
		return told[0].At
	}
	return endAt
}

// pass goes over an empty position. It does not while the position may be filled soon: reserved is
// a time by which it had been reserved. It returns ErrFeedGone if what stood there may have been
// deleted: before is when the position before it was filled. It returns store.ErrStale if the
// position was filled meanwhile.
func (f Feed) pass(ctx context.Context, tenant string, position int64, before, reserved time.Time) (bool, error) {
	now := f.Now().UTC()
	if now.Sub(reserved) < voidAfter {
		return false, nil
	}
	if now.Sub(before) > Kept {
		return false, ErrFeedGone
	}
	err := f.Store.VoidPosition(ctx, tenant, position, now)
	return err == nil, err
}

// Start returns the cursor before the oldest notice that is kept.
func (f Feed) Start(ctx context.Context, tenant string) (Cursor, error) {
	end, _, err := f.Store.FeedEnd(ctx, tenant)
	if err != nil {
		return Cursor{}, err
	}
	oldest := f.Now().Add(-Kept)
	start := Cursor{Position: end, At: f.Now()}
	for low := int64(1); low <= start.Position; { // everything from start on is kept, nothing before low is
		middle := low + (start.Position-low)/2
		told, err := f.Store.FeedEntries(ctx, tenant, middle, int(min(feedBatch, end-middle+1)))
		if err != nil {
			return Cursor{}, err
		}
		switch {
		case len(told) == 0 && end-middle < feedBatch: // nothing is filled from here on
			start.Position = middle - 1
		case len(told) == 0: // a hundred in a row were deleted
			low = middle + feedBatch
		case told[0].At.Before(oldest):
			low = told[0].Position + 1
		default:
			start = Cursor{Position: middle - 1, At: told[0].At}
		}
	}
	return start, nil
}
