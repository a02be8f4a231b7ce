package quota

import (
	"context"
	"fmt"
	"time"
)

// The names of the limits, as clients see them.
const (
	RequestsPerSecond    = "requests_per_second"
	SubmissionsPerSecond = "submissions_per_second"
	DeliveriesPerSecond  = "deliveries_per_second"
	Agents               = "agents"
	OpenOperations       = "open_operations"
	WebhookEndpoints     = "webhook_endpoints"
)

// ExceededError says that a limit refuses a request. Nothing was done.
type ExceededError struct {
	// Limit is the limit's name, Value the limit. Burst is how many are allowed at once, 0 if the
	// limit is a number and no rate.
	Limit        string
	Value, Burst int
	RetryAfter   time.Duration
}

func (e *ExceededError) Error() string { return fmt.Sprintf("%s is limited to %d", e.Limit, e.Value) }

// Guard applies the limits of tenants. A nil Guard lets everything through.
type Guard struct {
	limiter *Limiter
	limits  Limits
}

// NewGuard returns a guard with limits that are the same for all tenants.
func NewGuard(s Store, l Limits, now func() time.Time) *Guard {
	return &Guard{limiter: NewLimiter(s, now), limits: l}
}

// The buckets. That of a sender has its name behind deliveriesBucket.
const (
	requestsBucket    = "requests"
	SubmissionsBucket = "submissions" // SubmissionsBucket also counts the operations that are open.
	deliveriesBucket  = "deliveries#"
)

// Request counts a request of a tenant. It returns an *ExceededError.
func (g *Guard) Request(ctx context.Context, tenant string) error {
	if g == nil || g.limits.Requests.PerSecond == 0 {
		return nil
	}
	return g.rate(ctx, tenant, requestsBucket, RequestsPerSecond, g.limits.Requests)
}

// Delivery counts an authentic delivery of a sender. It returns an *ExceededError.
func (g *Guard) Delivery(ctx context.Context, tenant, sender string) error {
	if g == nil || g.limits.Deliveries.PerSecond == 0 {
		return nil
	}
	return g.rate(ctx, tenant, deliveriesBucket+sender, DeliveriesPerSecond, g.limits.Deliveries)
}

func (g *Guard) rate(ctx context.Context, tenant, bucket, name string, r Rate) error {
	refused, ok := g.limiter.take(ctx, tenant, bucket, r, 0)
	if ok {
		return nil
	}
	return &ExceededError{name, r.PerSecond, r.Burst, refused.wait}
}

// unlimited is the rate of submissions if only the open operations are limited.
var unlimited = Rate{maxValue, maxValue}

// Submission counts an operation that a tenant opens. It returns an *ExceededError.
func (g *Guard) Submission(ctx context.Context, tenant string) error {
	if g == nil || g.limits.Submissions.PerSecond == 0 && g.limits.OpenOperations == 0 {
		return nil
	}
	r := g.limits.Submissions
	if r.PerSecond == 0 {
		r = unlimited
	}
	refused, ok := g.limiter.take(ctx, tenant, SubmissionsBucket, r, g.limits.OpenOperations)
	switch {
	case ok:
		return nil
	case refused.full:
		return &ExceededError{OpenOperations, g.limits.OpenOperations, 0, refused.wait}
	}
	return &ExceededError{SubmissionsPerSecond, r.PerSecond, r.Burst, refused.wait}
}

// Limits returns the limits; of a nil Guard nothing is bounded.
func (g *Guard) Limits() Limits {
	if g == nil {
		return Limits{}
	}
	return g.limits
}

// MaxAgents returns how many agents a tenant may register, 0 for any number.
func (g *Guard) MaxAgents() int {
	if g == nil {
		return 0
	}
	return g.limits.Agents
}
