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

// fakeAPI answers with one entry that has an error code, or with an error.
type fakeAPI struct {
	code *string
	err  error
	seen types.PutEventsRequestEntry
}

func (f *fakeAPI) PutEvents(
	_ context.Context, in *eventbridge.PutEventsInput, _ ...func(*eventbridge.Options),
) (*eventbridge.PutEventsOutput, error) {
	f.seen = in.Entries[0]
	return &eventbridge.PutEventsOutput{Entries: []types.PutEventsResultEntry{{ErrorCode: f.code}}}, f.err
}

func TestPublish(t *testing.T) {
	t.Parallel()
	e := orchestrator.EndedEvent{
		ID:          "acme/op_1/ended",
		Tenant:      "acme",
		OperationID: "op_1",
		State:       "completed",
		EndedAt:     time.Unix(1700000000, 0).UTC(),
	}
	api := &fakeAPI{}
	if err := (Bus{API: api, Name: "bus"}).Publish(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	var got orchestrator.EndedEvent
	if err := json.Unmarshal([]byte(*api.seen.Detail), &got); err != nil || got != e {
		t.Errorf("%v: detail %s", err, *api.seen.Detail)
	}
	if *api.seen.EventBusName != "bus" || *api.seen.Source != Source || !api.seen.Time.Equal(e.EndedAt) {
		t.Errorf("%+v", api.seen)
	}
}

// EventBridge answers 200 to a call with a failed entry.
func TestFailedEntryIsAnError(t *testing.T) {
	t.Parallel()
	api := &fakeAPI{code: aws.String("ThrottlingException")}
	err := (Bus{API: api}).Publish(t.Context(), orchestrator.EndedEvent{})
	if err == nil || !strings.Contains(err.Error(), "ThrottlingException") {
		t.Error(err)
	}
	api = &fakeAPI{err: errors.New("no route")}
	if err := (Bus{API: api}).Publish(t.Context(), orchestrator.EndedEvent{}); err == nil {
		t.Error("no error")
	}
}

// Customers' rules match the source of ended operations. They must not get the orchestrator's own
// events.
func TestTheCallForADrainHasASourceOfItsOwn(t *testing.T) {
	t.Parallel()
	api := &fakeAPI{}
	if err := (Bus{API: api, Name: "bus"}).StartsWait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if *api.seen.EventBusName != "bus" || *api.seen.Source == Source || *api.seen.Source != InternalSource ||
		*api.seen.DetailType != StartsWait || *api.seen.Detail != "{}" {
		t.Errorf("%+v", api.seen)
	}
	api.code = aws.String("ThrottlingException")
	if err := (Bus{API: api, Name: "bus"}).StartsWait(t.Context()); err == nil {
		t.Error("a failed entry is no error")
	}
}
