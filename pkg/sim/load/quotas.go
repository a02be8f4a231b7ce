package load

import "time"

// Limit is a token bucket: what it holds at most, and what flows in each second.
type Limit struct{ Size, Rate float64 }

func (l Limit) over(factor float64) Limit { return Limit{l.Size / factor, l.Rate / factor} }

// Quotas are what AWS allows an account in one region, and what the stack allows its own clients.
type Quotas struct {
	StartExecution, SendTaskSuccess, StateTransition Limit
	// Executions may be open at one time, Concurrency is how many functions may run.
	Executions, Concurrency int
	// Reads and Writes of one partition of the table or of its index, and of the whole table, in
	// request units.
	PartitionReads, PartitionWrites, TableReads, TableWrites Limit
	// Submit and Webhook are the stage's own throttles.
	Submit, Webhook Limit
}

// Default are the quotas of a large region, such as us-east-1; SmallRegion those of the others.
var (
	Default = Quotas{
		StartExecution:  Limit{1300, 300},
		SendTaskSuccess: Limit{1000, 500},
		StateTransition: Limit{5000, 5000},
		Executions:      1_000_000,
		Concurrency:     1000,
		PartitionReads:  Limit{3000, 3000},
		PartitionWrites: Limit{1000, 1000},
		TableReads:      Limit{40_000, 40_000},
		TableWrites:     Limit{40_000, 40_000},
		Submit:          Limit{4000, 2000},
		Webhook:         Limit{4000, 2000},
	}
	SmallRegion = smallRegion()
)

func smallRegion() Quotas {
	q := Default
	q.StartExecution, q.SendTaskSuccess = Limit{800, 150}, Limit{800, 300}
	q.StateTransition = Limit{800, 800}
	return q
}

// unlimited is no limit.
var unlimited = Limit{1e15, 1e15}

// over divides all quotas that the whole load shares by a factor. Those of a partition depend on
// what it has.
func (q Quotas) over(factor float64) Quotas {
	for _, l := range []*Limit{&q.StartExecution, &q.SendTaskSuccess, &q.StateTransition,
		&q.TableReads, &q.TableWrites, &q.Submit, &q.Webhook} {
		*l = l.over(factor)
	}
	q.Executions = int(float64(q.Executions) / factor)
	q.Concurrency = max(1, int(float64(q.Concurrency)/factor))
	return q
}

// bucket is a Limit in use. A request goes through while anything is in the bucket, as DynamoDB has
// it: it may leave a debt.
type bucket struct {
	limit  Limit
	tokens float64
	at     time.Time
}

func newBucket(l Limit, now time.Time) *bucket { return &bucket{l, l.Size, now} }

func (b *bucket) fill(now time.Time) {
	if d := now.Sub(b.at); d > 0 {
		b.tokens, b.at = min(b.limit.Size, b.tokens+d.Seconds()*b.limit.Rate), now
	}
}

// open reports whether a request goes through now.
func (b *bucket) open(now time.Time) bool {
	b.fill(now)
	return b.tokens > 0
}

func (b *bucket) take(now time.Time, n float64) bool {
	if !b.open(now) {
		return false
	}
	b.tokens -= n
	return true
}

// reserve takes a token that may not be there yet, and returns how long it takes to come.
func (b *bucket) reserve(now time.Time) time.Duration {
	b.fill(now)
	if b.tokens--; b.tokens >= 0 {
		return 0
	}
	return time.Duration(-b.tokens / b.limit.Rate * float64(time.Second))
}
