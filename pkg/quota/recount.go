package quota

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// The count of a tenant's open operations goes up with each token of SubmissionsBucket and never
// down; a recount sets it to what the store's index holds. So it can be wrong in two ways, both of
// which the next recount ends. It is too high by the operations that have ended since, by tokens
// that were not used, and by submissions that failed. It is too low by the operations that were
// submitted while the index was being read. It can't drift: a count that was not corrected for
// countLife refuses nothing.
const (
	recountEvery = 5 * time.Minute
	countLife    = 3 * recountEvery
	// recountTimeout keeps a recount within the run of the reconciler.
	recountTimeout = 40 * time.Second
)

// OpenStore is what Recount needs of the store.
type OpenStore interface {
	// CountOpen returns how many operations of each tenant are followed, as far as the index shows
	// them. It does not name tenants without any.
	CountOpen(ctx context.Context) (map[string]int64, error)
	// SetOpen stores the count of a tenant as of a time, unless a later one is stored.
	SetOpen(ctx context.Context, tenant string, n int64, at time.Time) error
}

// Recount corrects the counts of open operations.
type Recount struct {
	Store OpenStore
	Now   func() time.Time
	// ByType counts a tenant's open operations by their types, and Gauge shows those of all tenants.
	// Both are nil if nobody wants to see that.
	ByType func(ctx context.Context, tenant string) (map[string]int64, error)
	Gauge  func(open map[string]int64)
}

// Run counts and stores. A tenant whose operations have all ended is not found; its count ends with
// countLife.
func (r Recount) Run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, recountTimeout)
	defer cancel()
	at := r.Now().UTC()
	open, err := r.Store.CountOpen(ctx)
	if err != nil {
		return err
	}
	for tenant, n := range open {
		if err := r.Store.SetOpen(ctx, tenant, n, at); err != nil {
			return err
		}
	}
	if r.ByType == nil {
		return nil
	}
	types := map[string]int64{}
	for tenant := range open {
		byType, err := r.ByType(ctx, tenant)
		if err != nil {
			return err
		}
		for t, n := range byType {
			types[t] += n
		}
	}
	r.Gauge(types)
	return nil
}

// Beside returns a function that runs each minute and, every recountEvery, recounts at the same
// time. A recount that fails is logged: the next one makes up for it.
func Beside[T any](r Recount, run func(context.Context) (T, error)) func(context.Context) (T, error) {
	return func(ctx context.Context) (T, error) {
		var wg sync.WaitGroup
		if every := int64(recountEvery / time.Minute); r.Now().Unix()/60%every == 0 {
			wg.Go(func() {
				if err := r.Run(ctx); err != nil {
					slog.ErrorContext(ctx, "open operations not counted", "error", err)
				}
			})
		}
		defer wg.Wait()
		return run(ctx)
	}
}
