package memory_test

import (
	"adcp-orchestrator/pkg/store/memory"
	"adcp-orchestrator/pkg/store/storetest"
	"testing"
	"time"
)

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(_ *testing.T, now func() time.Time) storetest.Store { return memory.New(now) })
}
