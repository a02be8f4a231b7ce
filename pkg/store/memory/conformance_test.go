package memory_test

import (
	"testing"
	"time"

	"adcp-orchestrator/pkg/store/memory"
	"adcp-orchestrator/pkg/store/storetest"
)

var _ storetest.Table = (*memory.Store)(nil)

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(_ *testing.T, now func() time.Time, _ bool) storetest.Table {
		return memory.New(now)
	})
}
