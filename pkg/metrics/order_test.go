package metrics_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"adcp-orchestrator/pkg/metrics"
	"adcp-orchestrator/pkg/operation"
)

// What comes after the end is counted with it, whatever order the marks are counted in: those of
// the events that are told, and those of the rests after the end, of which some are never counted
// because a later one has taken their place.
func TestMetricsEqualARecountWithAnswersAfterTheEnd(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	got, want := map[metrics.Counter]int64{}, map[metrics.Counter]int64{}
	late := 0
	for n := range 1000 {
		l := invent(r, n)
		if l.op.Terminal == nil {
			continue
		}
		end := len(l.events) - 1
		for range r.IntN(4) {
			kind := []operation.EventKind{operation.EventIgnored, operation.EventNoAnswer, operation.EventConflict}[r.IntN(3)]
			channel := []operation.Channel{operation.ByPoll, operation.ByAnswer, operation.ByWebhook}[r.IntN(3)]
			l.events = append(l.events, operation.Event{Kind: kind, Channel: channel, From: l.op.State, To: l.op.State,
				At: l.op.Terminal.At.Add(time.Duration(r.IntN(7200)) * time.Second)})
			late++
		}
		var marks []metrics.Mark
		op := l.op
		for i, e := range l.events {
			op.UpdatedAt = e.At
			op.Count([]operation.Event{e})
			switch {
			case i == end || i < end && i%2 == 0:
				marks = append(marks, metrics.MarkOf(op, e))
			case i > end && (i == len(l.events)-1 || r.IntN(2) == 0):
				marks = append(marks, metrics.RestOf(op))
			}
			recountOne(want, e)
		}
		want[metrics.Created]++
		r.Shuffle(len(marks), func(i, j int) { marks[i], marks[j] = marks[j], marks[i] })
		var counted *operation.Tally
		for _, m := range marks {
			for _, f := range m.Facts(op.Tenant, op.ID, counted) {
				for c, n := range f.Add {
					got[c] += n
				}
			}
			by := m.Tally
			if counted != nil {
				by = by.Later(*counted)
			}
			counted = &by
		}
	}
	for _, c := range []metrics.Counter{metrics.Created, metrics.Answers, metrics.Errors, metrics.Conflicts,
		metrics.Completed, metrics.Rejected, metrics.Failed, metrics.Canceled, metrics.WonByWebhook} {
		if got[c] != want[c] || want[c] == 0 {
			t.Errorf("%s is %d, counted %d", c, got[c], want[c])
		}
	}
	if late < 500 {
		t.Errorf("only %d events came after the end", late)
	}
}

// recountOne counts what one event of a timeline is.
func recountOne(n map[metrics.Counter]int64, e operation.Event) {
	byAgent := e.Channel == operation.ByAnswer || e.Channel == operation.ByPoll
	switch {
	case e.Kind == operation.EventNoAnswer && byAgent:
		n[metrics.Errors]++
	case byAgent:
		n[metrics.Answers]++
	}
	if e.Kind == operation.EventConflict {
		n[metrics.Conflicts]++
	}
	if e.To.Terminal() && !e.From.Terminal() {
		n[metrics.Counter(e.To)]++
		n[metrics.WonByWebhook]++
	}
}
