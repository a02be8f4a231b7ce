package apikey

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

const (
	// UsedEvery is how exactly it is known when a key was last used.
	UsedEvery = time.Hour
	// touchTimeout is how long a request waits for its use to be noted, once in UsedEvery.
	touchTimeout = 250 * time.Millisecond
	// touchPause is how long a process notes nothing after that has failed: no table that is slow
	// makes every request slow.
	touchPause = time.Minute
)

// Usage notes when keys are used: at most once in UsedEvery for a secret, and as well as it can. It
// neither fails a request nor delays it noticeably.
type Usage struct {
	Store Store

	pausedUntil atomic.Int64 // Unix nanoseconds
}

// Note notes that a key was used now.
func (u *Usage) Note(ctx context.Context, k Key, now time.Time) {
	if now.Sub(k.UsedAt) < UsedEvery || now.UnixNano() < u.pausedUntil.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, touchTimeout)
	defer cancel()
	if err := u.Store.Touch(ctx, k.Tenant, k.Hash, now); err != nil {
		u.pausedUntil.Store(now.Add(touchPause).UnixNano())
		slog.WarnContext(ctx, "the use of a key is not noted", "key_id", k.Principal().KeyID, "error", err)
	}
}
