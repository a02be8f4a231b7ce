package load

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"
)

// TestLoad prints what many operations cost on AWS, which quota they meet first, and what the
// orchestrator does about it. It runs for make load only, whose LOAD is a part of rows' names.
func TestLoad(t *testing.T) {
	only, ok := os.LookupEnv("LOAD")
	if !ok {
		t.Skip("make load")
	}
	var said Said
	slog.SetDefault(slog.New(&said))
	fmt.Println("Quotas and prices of us-east-1. A load that is divided has as many times fewer operations, agents")
	fmt.Println("and submissions, and its share of the quotas; figures are of the whole load.")
	d, rows := definition(t), Rows()
	for n, r := range rows {
		if !strings.Contains(r.Name, only) {
			continue
		}
		began := time.Now()
		m := r.Measure(d)
		if m.Usage.Transitions == 0 || m.Done == 0 {
			t.Errorf("%s: nothing was done", r.Name)
		}
		fmt.Printf("\n%d/%d %s", n+1, len(rows), m.Print(said.Take(), time.Since(began)))
	}
	for _, polled := range []bool{false, true} {
		outage := fmt.Sprintf("an agent away for 6 h, 10,000 operations wait, polled %v", polled)
		if !strings.Contains(outage, only) {
			continue
		}
		began := time.Now()
		orders := 10_000
		if polled {
			orders = 2000 // the polls of 10,000 take a minute to simulate
			outage = strings.Replace(outage, "10,000", "2,000", 1)
		}
		o := Outage(d, orders, polled)
		fmt.Printf("\n%s (measured in %v)\n", outage, time.Since(began).Round(100*time.Millisecond))
		fmt.Printf("  called after its return: %d of %d within %v, %d out of order; waiting cost each %.0f transitions, "+
			"%.0f functions, $%.4f\n", o.Called, o.Waiting, o.Last.Round(time.Second), o.Late, o.Transitions,
			o.Functions, o.Dollars)
		if o.Called != o.Waiting || o.Last > 15*time.Minute {
			t.Errorf("%d of %d called within %v", o.Called, o.Waiting, o.Last)
		}
	}
}
