package memory_test

import (
	"testing"
	"time"

	"adcp-orchestrator/pkg/memory"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(_ *testing.T, now func() time.Time) orchestrator.Store { return memory.New(now) })
}
