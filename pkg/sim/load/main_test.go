package load

import (
	"log/slog"
	"os"
	"testing"
	"time"

	"adcp-orchestrator/pkg/sim"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(&said)) // thousands of operations would log their warnings
	os.Exit(m.Run())
}

func definition(t *testing.T) sim.Definition {
	t.Helper()
	d, err := Load("../../../template/operation.asl.json")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// said counts what all worlds have logged.
var said Said

// newWorld is a world whose stage does not throttle: what is tested is behind it.
func newWorld(t *testing.T, o Options) *World {
	t.Helper()
	o.Definition = definition(t)
	if o.Quotas == (Quotas{}) {
		o.Quotas = Default
		o.Quotas.Submit = unlimited
	}
	return New(o)
}

// runs is how often an execution's Run was entered.
func runs(e *execution) (n int) {
	for _, state := range e.Path {
		if state == "Run" {
			n++
		}
	}
	return n
}

// soon is how long a person's word may take.
const soon = 5 * time.Second
