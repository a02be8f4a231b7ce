package e2e

import (
	"fmt"
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

// figures are the five metrics, as fractions whose parts are whole numbers.
type figures struct {
	pending              map[string]int64 // by type
	approvals            int64
	medianSeconds        float64
	rejected, ended      int64
	overdue, deadlines   int64
	errors, callsAndPoll int64
}

// recount computes the five metrics anew: what was sold and refused from the seller's ledger, when
// and by how many calls from the timelines.
func (s *soak) recount(t *testing.T) (f figures) {
	t.Helper()
	f.pending = map[string]int64{}
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
			if !end.IsZero() {
				break // what an operation still uses after its end is not counted
			}
			f.count(e)
			if pending.IsZero() && followed(e.To) && !followed(e.From) {
				pending = e.At
			}
			if e.To.Terminal() && !e.From.Terminal() {
				end = e.At
			}
		}
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

func (f *figures) count(e operation.Event) {
	if e.Channel != operation.ByAnswer && e.Channel != operation.ByPoll {
		return
	}
	switch e.Kind {
	case operation.EventNoAnswer:
		f.errors++
		f.callsAndPoll++
	case operation.EventChanged, operation.EventSeen, operation.EventIgnored, operation.EventConflict:
		f.callsAndPoll++
	}
}

// compareMetrics checks that the API shows the five metrics as they are counted anew. What was
// stored last is counted within a minute.
func (s *soak) compareMetrics(t *testing.T, began time.Time) {
	t.Helper()
	want := s.recount(t)
	q := url.Values{"step": {"1d"}, "from": {began.Add(-time.Hour).UTC().Format(time.RFC3339)},
		"to": {time.Now().Add(48 * time.Hour).UTC().Format(time.RFC3339)}}
	var differences []string
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for until := time.Now().Add(2 * time.Minute); time.Now().Before(until); {
		var page struct {
			Items []metrics.Series `json:"items"`
		}
		if err := s.Read(t.Context(), "/v1/metrics?"+q.Encode(), &page); err != nil {
			t.Fatal(err)
		}
		if differences = want.compare(page.Items); len(differences) == 0 {
			t.Logf("the API's five metrics equal the recount of %d operations: pending %v, %d approvals with a median of "+
				"%.1f s, rejected %d of %d, overdue %d of %d, %d errors of %d calls and polls", len(s.operations), want.pending,
				want.approvals, want.medianSeconds, want.rejected, want.ended, want.overdue, want.deadlines, want.errors,
				want.callsAndPoll)
			return
		}
		<-tick.C
	}
	t.Errorf("the API's metrics differ from the recount: %s", strings.Join(differences, "; "))
}

// compare describes where series differ from the figures. A median of a histogram is off by 9 % at
// most, and so is the share of its bucket.
func (f figures) compare(series []metrics.Series) (differences []string) {
	check := func(name string, got, want int64) {
		if got != want {
			differences = append(differences, fmt.Sprintf("%s is %d, counted %d", name, got, want))
		}
	}
	for _, s := range series {
		var of, count int64
		var last, value float64
		for _, p := range s.Points {
			of += p.Of
			count += int64(math.Round(p.More["count"]))
			if p.Value != nil {
				last = *p.Value
			}
			if p.Value != nil && p.Of > 0 {
				value = *p.Value
			}
		}
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
			check("errors", count, f.errors)
			check("calls and polls", of, f.callsAndPoll)
		}
	}
	return differences
}
