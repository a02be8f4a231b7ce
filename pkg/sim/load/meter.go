package load

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"adcp-orchestrator/pkg/cost"
)

// Usage is what was used of AWS.
type Usage struct {
	Transitions, WriteUnits, ReadUnits, GBSeconds float64
	Invocations, HTTP, Published                  float64
	// Requests counts requests of services, by their names.
	Requests map[string]int
	// QueueSeconds is how long the first of the queue of starts waited at most.
	QueueSeconds int64
}

// Cost returns what it costs, in dollars.
func (u Usage) Cost() float64 {
	p := cost.Current()
	return u.Transitions*p.Transition + u.WriteUnits*p.WriteUnit + u.ReadUnits*p.ReadUnit +
		u.Invocations*(p.Invocation+cost.LogBytes*p.LogGB/(1<<30)) + u.GBSeconds*p.GBSecond +
		u.HTTP*p.Request + u.Published*p.BusEvent
}

// Since returns what was used since an earlier time.
func (u Usage) Since(before Usage) Usage {
	u.Transitions -= before.Transitions
	u.WriteUnits -= before.WriteUnits
	u.ReadUnits -= before.ReadUnits
	u.GBSeconds -= before.GBSeconds
	u.Invocations -= before.Invocations
	u.HTTP -= before.HTTP
	u.Published -= before.Published
	u.Requests = differences(u.Requests, before.Requests)
	return u
}

// copied returns a usage that does not change any more.
func (u Usage) copied() Usage {
	u.Requests = maps.Clone(u.Requests)
	return u
}

func differences(after, before map[string]int) map[string]int {
	d := map[string]int{}
	for k, n := range after {
		if n -= before[k]; n != 0 {
			d[k] = n
		}
	}
	return d
}

// meeting is how often requests met a quota.
type meeting struct {
	first time.Time
	times int
}

// met notes that a request met a quota.
func (w *World) met(quota string) {
	m := w.quotasMet[quota]
	if m == nil {
		m = &meeting{first: w.now}
		w.quotasMet[quota] = m
	}
	m.times++
}

// Met is a quota that was met.
type Met struct {
	Quota string
	First time.Duration // since the world began
	Times int
}

// QuotasMet returns the quotas that were met, in the order of that.
func (w *World) QuotasMet() (all []Met) {
	for quota, m := range w.quotasMet {
		all = append(all, Met{quota, m.first.Sub(epoch), m.times})
	}
	slices.SortFunc(all, func(a, b Met) int {
		return cmp.Or(cmp.Compare(a.First, b.First), cmp.Compare(a.Quota, b.Quota))
	})
	return all
}
