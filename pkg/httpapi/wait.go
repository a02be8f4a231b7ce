package httpapi

import (
	"context"
	"log/slog"
	"time"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/quota"
)

// maxWait is the longest wait for a change, in seconds: the function and API Gateway, which both
// end a request, have to leave time for the answer.
const maxWait = 20

// waitStep is how far the reads of a wait are apart.
const waitStep = time.Second

// Waits are the requests that wait for a change of an operation. Each holds a run of a function, so
// at most Max of all tenants begin within the longest wait, whatever processes serve them: a bucket
// in the table gives them out. One that gets no place is answered at once, and told when to ask
// again: a wait is a wish.
type Waits struct {
	Buckets quota.Store
	// Max is how many hold a run at once; 0 allows none.
	Max int
	Now func() time.Time
	// Sleep waits for a time, or until the context ends.
	Sleep func(ctx context.Context, d time.Duration) error
}

// everybody has the bucket of waits. No tenant has this name.
const everybody = "-"

// wait reads an operation each second until its version differs, or the time is over. It returns
// the operation as it was last read. header gets Retry-After where the client was not let wait for
// as long as it wanted.
func (w Waits) wait(ctx context.Context, s orchestrator.OperationReader, op operation.Operation, seconds int,
	header map[string]string) (operation.Operation, error) {
	if retry := w.place(ctx); retry > 0 {
		header["Retry-After"] = wholeSeconds(retry)
		return op, nil
	}
	for range seconds {
		if w.Sleep(ctx, waitStep) != nil { // whoever runs the function wants an end
			header["Retry-After"] = wholeSeconds(waitStep)
			return op, nil
		}
		next, err := s.Get(ctx, op.Tenant, op.ID)
		if err != nil || next.Version != op.Version {
			return next, err
		}
	}
	return op, nil
}

// place takes a place for a wait. It returns 0, or after what time to ask again.
func (w Waits) place(ctx context.Context) (retry time.Duration) {
	const busy = 5 * time.Second // as clients that do not wait ask
	if w.Max <= 0 {
		return busy
	}
	// Half of them at once, and the other half in the course of the longest wait.
	burst := (w.Max + 1) / 2
	taken, err := w.Buckets.TakeTokens(ctx, quota.Take{Tenant: everybody, Bucket: "waits", Now: w.Now().UTC(),
		Tokens: 1, Interval: maxWait * time.Second / time.Duration(max(1, w.Max/2)), Burst: burst})
	switch {
	case err != nil:
		slog.WarnContext(ctx, "a wait got no place", "error", err)
		return busy
	case !taken.OK:
		return max(waitStep, min(taken.Wait, busy))
	}
	return 0
}

// Sleep waits for a time, or until the context ends, whose error it returns then.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
