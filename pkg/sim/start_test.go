package sim

import (
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/orchestrator"
)

// The simulation starts executions as strictly as Step Functions: by name, input and age.
func TestStartExecutionIsAsStrictAsStepFunctions(t *testing.T) {
	t.Parallel()
	w := New(definition(t), &Seller{}, &Crash{})
	start := func(tenant string, want orchestrator.Execution) {
		t.Helper()
		if got, err := w.startExecution(tenant, "op_1", 1); err != nil || got != want {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
	}
	start("acme", orchestrator.ExecutionMissing)
	start("acme", orchestrator.ExecutionMissing) // nobody can tell who has started it a moment ago
	w.now = w.now.Add(time.Minute)
	start("acme", orchestrator.ExecutionRunning)
	start("globex", orchestrator.ExecutionOver) // the name, with another input
	w.executions["op_1-1"].Abort()
	start("acme", orchestrator.ExecutionOver)
	w.now = w.now.Add(89 * 24 * time.Hour)
	start("acme", orchestrator.ExecutionOver)
	w.now = w.now.Add(24 * time.Hour)
	start("acme", orchestrator.ExecutionMissing) // its name was forgotten
	if done, _ := w.executions["op_1-1"].Done(); done {
		t.Error("it was not started again")
	}
	for _, id := range []string{"op 1", "op/1", "op:1", strings.Repeat("x", 79)} {
		if _, err := w.startExecution("acme", id, 1); err == nil {
			t.Errorf("%q is accepted as a name", id)
		}
	}
}
