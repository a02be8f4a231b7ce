package sim

import (
	"slices"
	"testing"
	"time"

	"adcp-orchestrator/pkg/orchestrator"
)

// Every write of the reconciler's index counts against four to sixty-four partitions for the whole
// deployment. An operation that a webhook ends soon enters the index and leaves it.
func TestAnOperationThatAWebhookEndsHardlyWritesTheIndex(t *testing.T) {
	t.Parallel()
	w, r := scenarios["ended by webhook"].play(t, &Crash{})
	if r.Op.PublishedAt.IsZero() {
		t.Fatal("it did not end")
	}
	t.Logf("%d writes of the index in %s", w.Store.IndexWrites, r.Op.PublishedAt.Sub(r.Op.CreatedAt))
	if w.Store.IndexWrites > 3 {
		t.Errorf("%d writes of the index", w.Store.IndexWrites)
	}
}

// The execution that the reconciler has started waits as long as its operation's next poll allows.
// The reconciler must not look at it every few minutes meanwhile.
func TestALongWaitAfterARestartIsNotLookedAtAgainAndAgain(t *testing.T) {
	t.Parallel()
	w := New(definition(t), &Seller{Duration: 40 * 24 * time.Hour}, &Crash{})
	op, err := w.Submit(t.Context(), Tenant, "key", "po-1")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Run(t.Context(), 30*24*time.Hour); err != nil { // polls have become rare
		t.Fatal(err)
	}
	w.executions[executionName(op.ID, 1)].Abort()
	looks := 0
	w.Looks = func(s orchestrator.ReconcileSummary) { looks += s.Looked }
	if err := w.Run(t.Context(), 3*24*time.Hour); err != nil {
		t.Fatal(err)
	}
	stored, err := w.Store.Get(t.Context(), Tenant, op.ID)
	if err != nil || stored.Generation != 2 {
		t.Fatalf("generation %d, %v", stored.Generation, err)
	}
	polls := slices.Collect(func(yield func(string) bool) {
		for _, state := range w.executions[executionName(op.ID, 2)].Path {
			if state == "Poll" && !yield(state) {
				return
			}
		}
	})
	t.Logf("%d looks beside %d polls in 3 days", looks, len(polls))
	if looks > 2*len(polls)+3 {
		t.Errorf("%d looks beside %d polls", looks, len(polls))
	}
}
