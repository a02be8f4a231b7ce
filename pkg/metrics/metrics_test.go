package metrics_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/metrics"
	"adcp-orchestrator/pkg/operation"
)

var start = time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)

// life is one invented operation with its timeline.
type life struct {
	op     operation.Operation
	events []operation.Event
}

func invent(r *rand.Rand, n int) life {
	op := operation.Operation{Tenant: "acme", ID: fmt.Sprintf("op%d", n), AgentID: fmt.Sprintf("agent%d", n%3),
		Type:      []adcp.Task{adcp.CreateMediaBuy, adcp.SyncCreatives}[n%2],
		CreatedAt: start.Add(time.Duration(r.IntN(5*3600)) * time.Second),
		State:     operation.Requested}
	op.Deadline = op.CreatedAt.Add(time.Hour)
	l := life{op, []operation.Event{{Kind: operation.EventCreated, Channel: operation.ByAPI, At: op.CreatedAt,
		To: operation.Requested}}}
	at := op.CreatedAt
	for range r.IntN(6) {
		at = at.Add(time.Duration(r.IntN(1800)) * time.Second)
		kind := []operation.EventKind{operation.EventSeen, operation.EventNoAnswer, operation.EventConflict}[r.IntN(3)]
		if l.op.PendingSince.IsZero() && kind == operation.EventSeen {
			l.op.PendingSince, kind, l.op.State = at, operation.EventChanged, operation.Working
		}
		l.events = append(l.events, operation.Event{Kind: kind, Channel: operation.ByPoll, At: at, From: operation.Working,
			To: operation.Working})
	}
	if r.IntN(4) > 0 {
		ends := []operation.State{operation.Completed, operation.Rejected, operation.Failed, operation.Canceled}
		from := l.op.State
		l.op.State = ends[r.IntN(len(ends))]
		at = at.Add(time.Duration(r.IntN(3600)) * time.Second)
		l.op.Terminal = &operation.Terminal{Channel: operation.ByWebhook, At: at}
		l.events = append(l.events, operation.Event{Kind: operation.EventChanged, Channel: operation.ByWebhook, At: at,
			From: from, To: l.op.State})
	}
	return l
}

// The figures that are shown equal those that anybody counts from the timelines.
func TestMetricsEqualARecountOfTheTimelines(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	w := metrics.Window{From: start, To: start.Add(12 * time.Hour), Step: 12 * time.Hour, Now: start.Add(24 * time.Hour)}
	var sums []metrics.Sums
	var created, ended, rejected, overdue, answers, errors, open int64
	var approvals []float64
	for n := range 1000 {
		l := invent(r, n)
		created++
		var counted *operation.Tally
		tally := operation.Operation{}
		for i, e := range l.events {
			tally.Count([]operation.Event{e})
			if i%2 == 1 && i < len(l.events)-1 {
				continue // what is not told at once is counted with the next event
			}
			op := l.op
			op.Tally = tally.Tally
			for _, f := range metrics.MarkOf(op, e).Facts(op.Tenant, op.ID, counted) {
				sums = append(sums, metrics.Sums{Hour: f.Hour, Add: f.Add})
			}
			counted = &op.Tally
		}
		for _, e := range l.events {
			switch {
			case e.Kind == operation.EventNoAnswer:
				errors++
			case e.Channel == operation.ByPoll:
				answers++
			}
		}
		if l.op.Terminal == nil {
			open++
			overdue++
			continue
		}
		ended++
		if l.op.State == operation.Rejected {
			rejected++
		}
		if !l.op.Terminal.At.Before(l.op.Deadline) {
			overdue++
		}
		if l.op.State == operation.Completed && !l.op.PendingSince.IsZero() {
			approvals = append(approvals, l.op.Terminal.At.Sub(l.op.PendingSince).Seconds())
		}
	}
	got := map[metrics.Name]metrics.Point{}
	for _, s := range metrics.Make(metrics.Names(), w, metrics.Merge(sums), map[string]int64{"": open}) {
		got[s.Name] = s.Points[0]
	}
	slices.Sort(approvals)
	for name, want := range map[metrics.Name]float64{
		metrics.PendingByType: float64(open),
		metrics.RejectionRate: float64(rejected) / float64(ended),
		metrics.OverdueRate:   float64(overdue) / float64(created),
		metrics.APIErrorRate:  float64(errors) / float64(answers+errors),
		metrics.EndsByChannel: float64(ended),
		metrics.CreatedCount:  float64(created),
	} {
		if v := got[name].Value; v == nil || *v != want {
			t.Errorf("%s is %v, counted %v", name, v, want)
		}
	}
	median := approvals[(len(approvals)-1)/2]
	if v := *got[metrics.TimeToApproval].Value; v < median*0.9 || v > median*1.1 {
		t.Errorf("the median is %v s, counted %v s", v, median)
	}
	if got[metrics.TimeToApproval].Of != int64(len(approvals)) {
		t.Errorf("%d approvals, counted %d", got[metrics.TimeToApproval].Of, len(approvals))
	}
}

func TestPendingIsCountedBackwardsFromNow(t *testing.T) {
	t.Parallel()
	w := metrics.Window{From: start, To: start.Add(3 * time.Hour), Step: time.Hour, Now: start.Add(3 * time.Hour)}
	sums := []metrics.Sums{
		{Hour: start, Add: map[metrics.Counter]int64{metrics.Created: 4}},
		{Hour: start.Add(time.Hour), Add: map[metrics.Counter]int64{metrics.Created: 1, metrics.Completed: 3}},
		{Hour: start.Add(2 * time.Hour), Add: map[metrics.Counter]int64{metrics.Rejected: 1}},
	}
	s := metrics.Make([]metrics.Name{metrics.PendingByType}, w, sums, map[string]int64{"": 1})
	for n, want := range []float64{4, 2, 1} {
		if v := s[0].Points[n].Value; *v != want {
			t.Errorf("after hour %d %v are open, want %v", n, *v, want)
		}
	}
}

// A step that is not over says nothing of deadlines that are still to come.
func TestNothingIsOverdueBeforeItsDeadline(t *testing.T) {
	t.Parallel()
	w := metrics.Window{From: start, To: start.Add(2 * time.Hour), Step: time.Hour, Now: start.Add(90 * time.Minute)}
	sums := []metrics.Sums{
		{Hour: start, Add: map[metrics.Counter]int64{metrics.Deadlines: 2, metrics.Kept: 1}},
		{Hour: start.Add(time.Hour), Add: map[metrics.Counter]int64{metrics.Deadlines: 2}},
	}
	p := metrics.Make([]metrics.Name{metrics.OverdueRate}, w, sums, nil)[0].Points
	if p[0].Value == nil || *p[0].Value != 0.5 || p[1].Value != nil {
		t.Errorf("got %+v", p)
	}
}
