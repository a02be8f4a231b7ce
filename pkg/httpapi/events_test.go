package httpapi_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"adcp-orchestrator/pkg/operation"
)

// events/ has a payload that each function of the state machine takes.
func TestWorkflowEvents(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"dispatch", "poll", "settle"} {
		if ref := event[operation.Ref](t, name); ref.Tenant == "" || !strings.HasPrefix(ref.OperationID, "op_") {
			t.Errorf("events/%s.json: %+v", name, ref)
		}
	}
	if e := event[events.CloudWatchEvent](t, "reconcile"); e.DetailType != "Scheduled Event" {
		t.Errorf("events/reconcile.json: %+v", e)
	}
}
