package e2e

import (
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/metrics"
	"adcp-orchestrator/pkg/operation"
)

// figures are the metrics, as fractions whose parts are whole numbers.
type figures struct {
	pending             map[string]int64 // by type
	approvals           int64
	medianSeconds       float64
	rejected, ended     int64
	overdue, deadlines  int64
	wonBy               map[string]int64 // ends by channel
	conflicts           int64
	byAgent             map[string]outcomes
	late                outcomes // those among them that came after the end
	reads, lateConflict int64
}

// outcomes are those of calls, polls and reads of the buy.
type outcomes struct{ errors, all int64 }

func (f *figures) outcomes() (sum outcomes) {
	for _, o := range f.byAgent {
		sum = outcomes{sum.errors + o.errors, sum.all + o.all}
	}
	return sum
}

// recount computes the metrics anew: what was sold and refused from the seller's ledger, when and
// by how many calls from what the API shows of each operation.
func (s *soak) recount(t *testing.T) (f figures) {
	t.Helper()
	f.pending, f.wonBy, f.byAgent = map[string]int64{}, map[string]int64{}, map[string]outcomes{}
	sold := map[string]bool{}
	for _, b := range readLedger(t).Buys {
		sold[b.PO] = true
	}
	var waits []float64
	for id := range s.operations {
		op, err := s.Get(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		var pending, end time.Time
		for _, e := range op.Events {
			f.count(op.AgentID, e, !end.IsZero())
			if pending.IsZero() && followed(e.To) && !followed(e.From) {
				pending = e.At
			}
			if e.To.Terminal() && !e.From.Terminal() {
				end = e.At
				f.wonBy[string(e.Channel)]++
			}
		}
		f.add(op.AgentID, int64(op.Attempts.BuyReadErrors), int64(op.Attempts.BuyReads), true)
		f.reads += int64(op.Attempts.BuyReads)
		f.deadlines++
		switch {
		case end.IsZero():
			f.pending[string(adcp.CreateMediaBuy)]++
			continue
		case sold[op.PONumber] && !pending.IsZero():
			waits = append(waits, end.Sub(pending).Seconds())
		case op.State == operation.Rejected:
			f.rejected++
		}
		f.ended++
		if !end.Before(op.Deadline) {
			f.overdue++
		}
	}
	maps.DeleteFunc(f.byAgent, func(_ string, o outcomes) bool { return o.all == 0 })
	slices.Sort(waits)
	if f.approvals = int64(len(waits)); f.approvals > 0 {
		f.medianSeconds = waits[(len(waits)-1)/2]
	}
	return f
}

// followed reports whether the agent has an operation in work, or waits for us.
func followed(s operation.State) bool {
	return s == operation.Submitted || s == operation.Working || s.NeedsInput()
}

// count counts an event of an operation at an agent; late if it came after the end.
func (f *figures) count(agent string, e operation.Event, late bool) {
	if e.Kind == operation.EventConflict {
		f.conflicts++
		if late {
			f.lateConflict++
		}
	}
	if e.Channel != operation.ByAnswer && e.Channel != operation.ByPoll {
		return
	}
	switch e.Kind {
	case operation.EventNoAnswer:
		f.add(agent, 1, 1, late)
	case operation.EventChanged, operation.EventSeen, operation.EventIgnored, operation.EventConflict:
		f.add(agent, 0, 1, late)
	}
}

func (f *figures) add(agent string, errors, all int64, late bool) {
	o := f.byAgent[agent]
	f.byAgent[agent] = outcomes{o.errors + errors, o.all + all}
	if late {
		f.late = outcomes{f.late.errors + errors, f.late.all + all}
	}
}

// describe is what was counted, as one line.
func (f *figures) describe() string {
	all := f.outcomes()
	return fmt.Sprintf("pending %v, %d approvals with a median of %.1f s, rejected %d of %d, overdue %d of %d, "+
		"%d errors of %d calls, polls and reads at %d agents (of which %d of %d came after the end, %d of them reads), "+
		"ends by %v, %d conflicts (%d after the end)", f.pending, f.approvals, f.medianSeconds, f.rejected, f.ended,
		f.overdue, f.deadlines, all.errors, all.all, len(f.byAgent), f.late.errors, f.late.all, f.reads, f.wonBy,
		f.conflicts, f.lateConflict)
}

// compareMetrics checks that the API shows the metrics as they are counted anew. What was stored
// last is counted within two minutes, and what came last may come after the recount: so both are
// read again.
func (s *soak) compareMetrics(t *testing.T, began time.Time) {
	t.Helper()
	want := s.recount(t)
	counted := time.Now()
	var differences []string
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for until := time.Now().Add(4 * time.Minute); time.Now().Before(until); {
		differences = append(want.compare(s.metrics(t, began, "")), want.compareAgents(s.metrics(t, began, "agent_id"))...)
		if len(differences) == 0 {
			t.Logf("the API's metrics equal the recount of %d operations: %s", len(s.operations), want.describe())
			return
		}
		<-tick.C
		if time.Since(counted) > 20*time.Second {
			want, counted = s.recount(t), time.Now()
		}
	}
	t.Errorf("the API's metrics differ from the recount: %s; counted anew: %s", strings.Join(differences, "; "),
		want.describe())
}

// metrics reads the metrics since the soak began, in steps of a day.
func (s *soak) metrics(t *testing.T, began time.Time, by string) []metrics.Series {
	t.Helper()
	q := url.Values{"step": {"1d"}, "from": {began.Add(-time.Hour).UTC().Format(time.RFC3339)},
		"to": {time.Now().Add(48 * time.Hour).UTC().Format(time.RFC3339)}}
	if by != "" {
		q.Set("by", by)
	}
	var page struct {
		Items []metrics.Series `json:"items"`
	}
	if err := s.Read(t.Context(), "/v1/metrics?"+q.Encode(), &page); err != nil {
		t.Fatal(err)
	}
	return page.Items
}

// sums adds up the points of a series: what its values are shares of, and their numerators. value
// is the last value that has something to measure, last the last one.
func sums(s metrics.Series) (of, count int64, value, last float64) {
	for _, p := range s.Points {
		of += p.Of
		count += int64(math.Round(p.More["count"]))
		if p.Value == nil {
			continue
		}
		if last = *p.Value; p.Of > 0 {
			value = *p.Value
		}
	}
	return of, count, value, last
}

// compare describes where series differ from the figures. A median of a histogram is off by 9 % at
// most, and so is the share of its bucket.
func (f *figures) compare(series []metrics.Series) (differences []string) {
	check := func(name string, got, want int64) {
		if got != want {
			differences = append(differences, fmt.Sprintf("%s is %d, counted %d", name, got, want))
		}
	}
	for _, s := range series {
		of, count, value, last := sums(s)
		switch s.Name {
		case metrics.PendingByType:
			var open int64
			for _, n := range f.pending {
				open += n
			}
			check("pending", int64(last), open)
		case metrics.TimeToApproval:
			check("approvals", of, f.approvals)
			if len(s.Points) == 1 && math.Abs(value-f.medianSeconds) > 0.1*f.medianSeconds+1 {
				differences = append(differences, fmt.Sprintf("the median is %.1f s, counted %.1f s", value, f.medianSeconds))
			}
		case metrics.RejectionRate:
			check("rejected", count, f.rejected)
			check("ended", of, f.ended)
		case metrics.APIErrorRate:
			check("errors", count, f.outcomes().errors)
			check("calls, polls and reads", of, f.outcomes().all)
		case metrics.EndsByChannel:
			for _, channel := range []operation.Channel{operation.ByAnswer, operation.ByPoll, operation.ByWebhook} {
				check("ends by "+string(channel), total(s, string(channel)), f.wonBy[string(channel)])
			}
		case metrics.ConflictCount:
			check("conflicts", total(s, ""), f.conflicts)
		case metrics.CreatedCount:
			check("created", total(s, ""), f.deadlines)
		}
	}
	return differences
}

// total adds up the values of a series, or one of the figures beside them.
func total(s metrics.Series, more string) (n int64) {
	for _, p := range s.Points {
		switch {
		case more != "":
			n += int64(math.Round(p.More[more]))
		case p.Value != nil:
			n += int64(math.Round(*p.Value))
		}
	}
	return n
}

// compareAgents describes where the error rates of agents differ from the figures.
func (f *figures) compareAgents(series []metrics.Series) (differences []string) {
	got := map[string]outcomes{}
	for _, s := range series {
		if of, count, _, _ := sums(s); s.Name == metrics.APIErrorRate && of > 0 {
			got[s.Group] = outcomes{count, of}
		}
	}
	if !maps.Equal(got, f.byAgent) {
		differences = append(differences, fmt.Sprintf("errors and outcomes by agent are %v, counted %v", got, f.byAgent))
	}
	return differences
}
