package sim

import (
	"log/slog"
	"testing"
	"time"

	"adcp-orchestrator/pkg/operation"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // each of thousands of crashes would log a line
	m.Run()
}

// definition loads the state machine's definition.
func definition(t *testing.T) Definition {
	t.Helper()
	d, err := Load("../../template/operation.asl.json", map[string]string{
		"DispatchFunction": "Dispatch",
		"PollFunction":     "Poll",
		"SettleFunction":   "Settle",
		"TableName":        tableName,
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

const tableName = "T"

// horizon is longer than anything that a world waits for.
const horizon = 200 * 24 * time.Hour

// play submits one operation and runs the world to its end.
func play(t *testing.T, s *Seller, c *Crash) (*World, operation.Record) {
	t.Helper()
	w := New(definition(t), s, c)
	op, err := w.Submit(t.Context(), Tenant, "key", "po-1")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Run(t.Context(), horizon); err != nil {
		t.Fatal(err)
	}
	r, err := w.Store.Load(t.Context(), Tenant, op.ID)
	if err != nil {
		t.Fatal(err)
	}
	return w, r
}

// purchases is how often a seller has bought, under all keys.
func purchases(s *Seller) int {
	n := 0
	for _, k := range s.Purchases {
		n += k
	}
	return n
}

// checkEnded checks what must be true of every ended operation.
func checkEnded(t *testing.T, w *World, r operation.Record, state operation.State) {
	t.Helper()
	if r.Op.State != state || r.Op.PublishedAt.IsZero() || !r.Op.LooksAt().IsZero() {
		t.Errorf("state %s, published %v, due %v; want a published %s", r.Op.State, r.Op.PublishedAt, r.Op.DueAt, state)
	}
	if state == operation.Completed && len(r.Result) == 0 {
		t.Error("the result is missing")
	}
	if n := purchases(w.Seller); n != 1 {
		t.Errorf("%d purchases", n)
	}
	if problem := expiryProblem(w, r.Op); problem != "" {
		t.Error(problem)
	}
	for _, problem := range append(timelineProblems(r), metricsProblems(t, w, Tenant, r)...) {
		t.Error(problem)
	}
}
