package eventbridge

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"adcp-orchestrator/pkg/orchestrator"
)

type answer struct {
	code *string
	err  error
	seen types.PutEventsRequestEntry
}

func (a *answer) PutEvents(_ context.Context, in *eventbridge.PutEventsInput, _ ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error) {
	a.seen = in.Entries[0]
	return &eventbridge.PutEventsOutput{Entries: []types.PutEventsResultEntry{{ErrorCode: a.code}}}, a.err
}

func TestPublish(t *testing.T) {
	t.Parallel()
	n := orchestrator.EndedEvent{ID: "acme/op_1/ended", Tenant: "acme", OperationID: "op_1", State: "completed", EndedAt: time.Unix(1700000000, 0).UTC()}
	a := &answer{}
	if err := (Bus{API: a, Name: "bus"}).Publish(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	var got orchestrator.EndedEvent
	if err := json.Unmarshal([]byte(*a.seen.Detail), &got); err != nil || got != n || *a.seen.EventBusName != "bus" || *a.seen.Source != Source || !a.seen.Time.Equal(n.EndedAt) {
		t.Errorf("%v: %+v, detail %s", err, a.seen, *a.seen.Detail)
	}
}

// EventBridge answers 200 for a call of which an entry failed.
func TestAnEntryThatFailedIsAnError(t *testing.T) {
	t.Parallel()
	a := &answer{code: aws.String("ThrottlingException")}
	if err := (Bus{API: a}).Publish(t.Context(), orchestrator.EndedEvent{}); err == nil || !strings.Contains(err.Error(), "ThrottlingException") {
		t.Error(err)
	}
	a = &answer{err: errors.New("no route")}
	if err := (Bus{API: a}).Publish(t.Context(), orchestrator.EndedEvent{}); err == nil {
		t.Error("no error")
	}
}
