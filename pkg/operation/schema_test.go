package operation

import (
	"slices"
	"testing"

	"adcp-orchestrator/pkg/adcp"
)

// Older code would take a task that it does not know for one that buys nothing.
func TestOperationOfANewTaskIsNotChangedByOlderCode(t *testing.T) {
	t.Parallel()
	known := []adcp.Task{"create_media_buy", "update_media_buy", "sync_creatives", "build_creative", "get_products",
		"get_signals", "activate_signal", "sync_catalogs", "sync_accounts", "sync_audiences"}
	for _, task := range adcp.Tasks() {
		want := 2
		if slices.Contains(known, task) {
			want = 1
		}
		op := Operation{Type: task}
		if got := op.WrittenSchema(); got != want {
			t.Errorf("%s is written in schema %d, want %d", task, got, want)
		}
	}
}
