package metrics

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Sums are the counters of one hour and one group. The group is a task type or an agent, "" for
// all.
type Sums struct {
	Hour  time.Time
	Group string
	Add   map[Counter]int64
}

// Name is a metric as the API shows it.
type Name string

// The metrics. The first five are those that a buyer's operations are judged by.
const (
	PendingByType  Name = "pending"
	TimeToApproval Name = "time_to_approval"
	RejectionRate  Name = "rejection_rate"
	OverdueRate    Name = "overdue_rate"
	APIErrorRate   Name = "api_error_rate"
	EndsByChannel  Name = "ends_by_channel"
	ConflictCount  Name = "conflicts"
	CreatedCount   Name = "created"
)

// Names are all metrics.
func Names() []Name {
	return []Name{PendingByType, TimeToApproval, RejectionRate, OverdueRate, APIErrorRate, EndsByChannel, ConflictCount,
		CreatedCount}
}

// Point is the value of a metric in the step that begins At. A rate without anything to measure has
// no value.
type Point struct {
	At    time.Time `json:"at"`
	Value *float64  `json:"value"`
	// Of is what the value is a share or a statistic of.
	Of int64 `json:"of,omitempty"`
	// More are the figures that the value was computed from, or further statistics.
	More map[string]float64 `json:"more,omitempty"`
}

// Series is a metric of a group over time, oldest first.
type Series struct {
	Name   Name    `json:"name"`
	Unit   string  `json:"unit"`
	Group  string  `json:"group,omitempty"`
	Points []Point `json:"points"`
}

// Window is the time that is shown: whole steps from From to To.
type Window struct {
	From, To time.Time
	Step     time.Duration
	// Now is when the window is looked at: of a step that is not over nobody knows what is overdue.
	Now time.Time
}

// Make computes the series of the named metrics for each group, in the order of names and groups.
// pending are the operations that are open now, by group, as of the end of the window.
func Make(names []Name, w Window, sums []Sums, pending map[string]int64) (all []Series) {
	groups := map[string]map[time.Time]map[Counter]int64{}
	for g := range pending {
		groups[g] = map[time.Time]map[Counter]int64{}
	}
	for _, s := range sums {
		steps := groups[s.Group]
		if steps == nil {
			steps = map[time.Time]map[Counter]int64{}
			groups[s.Group] = steps
		}
		at := w.stepOf(s.Hour)
		if steps[at] == nil {
			steps[at] = map[Counter]int64{}
		}
		for c, n := range s.Add {
			steps[at][c] += n
		}
	}
	for _, name := range names {
		for _, g := range slices.Sorted(maps.Keys(groups)) {
			all = append(all, makeSeries(name, g, w, groups[g], pending[g]))
		}
	}
	return all
}

func (w Window) stepOf(hour time.Time) time.Time {
	return w.From.Add(hour.Sub(w.From).Truncate(w.Step))
}

func makeSeries(name Name, group string, w Window, steps map[time.Time]map[Counter]int64, pending int64) Series {
	s := Series{Name: name, Unit: units[name], Group: group}
	for at := w.From; at.Before(w.To); at = at.Add(w.Step) {
		p := pointOf(name, at, steps[at])
		if name == OverdueRate && at.Add(w.Step).After(w.Now) {
			p = Point{At: at}
		}
		s.Points = append(s.Points, p)
	}
	if name == PendingByType {
		pendingBackwards(s.Points, w, steps, pending)
	}
	return s
}

var units = map[Name]string{PendingByType: "operations", TimeToApproval: "seconds", RejectionRate: "ratio",
	OverdueRate: "ratio", APIErrorRate: "ratio", EndsByChannel: "operations", ConflictCount: "observations",
	CreatedCount: "operations"}

func pointOf(name Name, at time.Time, n map[Counter]int64) Point {
	p := Point{At: at}
	ended := n[Completed] + n[Failed] + n[Rejected] + n[Canceled]
	switch name {
	case TimeToApproval:
		if p.Of = n[Approvals]; p.Of > 0 {
			p.Value = number(quantile(n, 0.5))
			p.More = map[string]float64{"p90": quantile(n, 0.9), "mean": float64(n[ApprovalSeconds]) / float64(p.Of)}
		}
	case RejectionRate:
		p.share(n[Rejected], ended)
	case OverdueRate:
		p.share(n[Deadlines]-n[Kept], n[Deadlines])
	case APIErrorRate:
		p.share(n[Errors], n[Answers]+n[Errors])
	case EndsByChannel:
		p.Value = number(float64(ended))
		p.More = map[string]float64{"direct": float64(n[WonByAnswer]), "poll": float64(n[WonByPoll]),
			"webhook": float64(n[WonByWebhook])}
	case ConflictCount:
		p.Value = number(float64(n[Conflicts]))
	case CreatedCount:
		p.Value = number(float64(n[Created]))
	}
	return p
}

func (p *Point) share(n, of int64) {
	p.Of = of
	if of > 0 {
		p.Value = number(float64(n) / float64(of))
		p.More = map[string]float64{"count": float64(n)}
	}
}

// pendingBackwards gives each point how many were open at the end of its step: those that are open
// now, without what was created since and with what has ended since.
func pendingBackwards(points []Point, w Window, steps map[time.Time]map[Counter]int64, now int64) {
	open := now
	for i := len(points) - 1; i >= 0; i-- {
		points[i].Value = number(float64(max(0, open)))
		n := steps[points[i].At]
		open += n[Completed] + n[Failed] + n[Rejected] + n[Canceled] - n[Created]
	}
}

func number(f float64) *float64 { return &f }

// Merge adds up sums of the same hour and group, oldest first: counters are kept in shards.
func Merge(parts []Sums) []Sums {
	type key struct {
		hour  time.Time
		group string
	}
	whole := map[key]map[Counter]int64{}
	for _, s := range parts {
		k := key{s.Hour, s.Group}
		if whole[k] == nil {
			whole[k] = map[Counter]int64{}
		}
		for c, n := range s.Add {
			whole[k][c] += n
		}
	}
	out := make([]Sums, 0, len(whole))
	for k, add := range whole {
		out = append(out, Sums{k.hour, k.group, add})
	}
	slices.SortFunc(out, func(a, b Sums) int {
		return cmp.Or(a.Hour.Compare(b.Hour), cmp.Compare(a.Group, b.Group))
	})
	return out
}

// Within returns the sums of the hours from one time until before another.
func Within(sums []Sums, from, to time.Time) (within []Sums) {
	for _, s := range sums {
		if !s.Hour.Before(from) && s.Hour.Before(to) {
			within = append(within, s)
		}
	}
	return within
}

// OpenBefore returns how many operations were open before what the sums count, by group.
func OpenBefore(open map[string]int64, since []Sums) map[string]int64 {
	before := maps.Clone(open)
	if before == nil {
		before = map[string]int64{}
	}
	for _, s := range since {
		n := s.Add
		before[s.Group] += n[Completed] + n[Failed] + n[Rejected] + n[Canceled] - n[Created]
	}
	return before
}
