package eventbridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"adcp-orchestrator/pkg/notice"
)

// fakeAPI records the calls. It fails entries whose detail contains refuse, and with err every
// call.
type fakeAPI struct {
	refuse string
	err    error
	calls  [][]types.PutEventsRequestEntry
}

func (f *fakeAPI) PutEvents(
	_ context.Context, in *eventbridge.PutEventsInput, _ ...func(*eventbridge.Options),
) (*eventbridge.PutEventsOutput, error) {
	f.calls = append(f.calls, in.Entries)
	out := &eventbridge.PutEventsOutput{}
	for _, e := range in.Entries {
		var r types.PutEventsResultEntry
		if f.refuse != "" && strings.Contains(*e.Detail, f.refuse) {
			r.ErrorCode = aws.String("ThrottlingException")
		}
		out.Entries = append(out.Entries, r)
	}
	return out, f.err
}

// put are the ids of the entries that were put, call by call.
func (f *fakeAPI) put(t *testing.T) (calls [][]string) {
	t.Helper()
	for _, entries := range f.calls {
		var ids []string
		for _, e := range entries {
			var envelope notice.Envelope
			if err := json.Unmarshal([]byte(*e.Detail), &envelope); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, envelope.ID)
		}
		calls = append(calls, ids)
	}
	return calls
}

var at = time.Unix(1700000000, 0).UTC()

// of is the nth notice of an operation.
func of(op string, n int) notice.Notice {
	return notice.Notice{ID: fmt.Sprintf("%s-%d", op, n), Type: notice.Working, At: at, Sequence: fmt.Sprint(n),
		Facts: notice.Facts{Tenant: "acme", OperationID: op}}
}

func TestPublishPutsTheEnvelope(t *testing.T) {
	t.Parallel()
	api := &fakeAPI{}
	n := of("op_1", 1)
	bus := Bus{API: api, Name: "bus", BaseURL: "https://a.example"}
	if errs := bus.Publish(t.Context(), []notice.Notice{n}); errs[0] != nil {
		t.Fatal(errs)
	}
	want, err := n.Encode("https://a.example")
	if err != nil {
		t.Fatal(err)
	}
	e := api.calls[0][0]
	if *e.Detail != string(want) || *e.EventBusName != "bus" || *e.Source != Source ||
		*e.DetailType != "operation.working.v1" || !e.Time.Equal(at) {
		t.Errorf("%+v", e)
	}
}

// A call has ten entries, and one of an operation: the next of that operation is in a later call.
func TestNoticesOfAnOperationArePutOneAfterTheOther(t *testing.T) {
	t.Parallel()
	var notices []notice.Notice
	for n := range 3 {
		notices = append(notices, of("op_1", n))
	}
	for n := range 12 {
		notices = append(notices, of(fmt.Sprintf("op_%d", n+2), 0))
	}
	api := &fakeAPI{}
	for _, err := range (Bus{API: api}).Publish(t.Context(), notices) {
		if err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	next := 0
	for _, ids := range api.put(t) {
		inCall := 0
		for _, id := range ids {
			if seen[id] {
				t.Errorf("%s was put twice", id)
			}
			seen[id] = true
			if strings.HasPrefix(id, "op_1-") {
				inCall++
				if id != fmt.Sprint("op_1-", next) {
					t.Errorf("%s came as number %d", id, next)
				}
				next++
			}
		}
		if len(ids) > 10 || inCall > 1 {
			t.Errorf("a call has %v", ids)
		}
	}
	if len(seen) != len(notices) {
		t.Errorf("%d of %d were put", len(seen), len(notices))
	}
}

// EventBridge answers 200 to a call with failed entries. Nothing of the operation comes after one,
// and other operations do not mind.
func TestNothingPassesANoticeThatFailed(t *testing.T) {
	t.Parallel()
	notices := []notice.Notice{of("op_1", 0), of("op_2", 0), of("op_1", 1), of("op_2", 1), of("op_1", 2)}
	api := &fakeAPI{refuse: `"op_1-1"`}
	errs := (Bus{API: api}).Publish(t.Context(), notices)
	if errs[0] != nil || errs[1] != nil || errs[2] == nil || errs[3] != nil || errs[4] == nil {
		t.Errorf("%v", errs)
	}
	if got := slices.Concat(api.put(t)...); slices.Contains(got, "op_1-2") {
		t.Errorf("put %v", got)
	}
	if !strings.Contains(errs[2].Error(), "ThrottlingException") {
		t.Error(errs[2])
	}
	api = &fakeAPI{err: errors.New("no route")}
	if errs := (Bus{API: api}).Publish(t.Context(), notices); slices.Contains(errs, nil) || len(api.calls) != 1 {
		t.Errorf("%v in %d calls", errs, len(api.calls))
	}
}

// A call holds 256 KB.
func TestLargeNoticesHaveCallsOfTheirOwn(t *testing.T) {
	t.Parallel()
	var notices []notice.Notice
	for n := range 6 {
		large := of(fmt.Sprint("op_", n), 0)
		large.Facts.Detail = strings.Repeat("x", 100<<10)
		notices = append(notices, large)
	}
	api := &fakeAPI{}
	_ = (Bus{API: api}).Publish(t.Context(), notices)
	total := 0
	for _, call := range api.calls {
		size := 0
		for _, e := range call {
			size += len(*e.Detail)
		}
		if total += len(call); size > 256<<10 {
			t.Errorf("a call has %d bytes", size)
		}
	}
	if total != 6 || len(api.calls) != 3 {
		t.Errorf("%d in %d calls", total, len(api.calls))
	}
}

// Customers' rules match the source of notices. They must not get the orchestrator's own events.
func TestCallsToOurselvesHaveASourceOfTheirOwn(t *testing.T) {
	t.Parallel()
	api := &fakeAPI{}
	bus := Bus{API: api, Name: "bus"}
	r := notice.Ref{Tenant: "acme", OperationID: "op_1"}
	if err := errors.Join(bus.StartsWait(t.Context()), bus.NoticesWait(t.Context(), r)); err != nil {
		t.Fatal(err)
	}
	for n, kind := range []string{StartsWait, NoticesWait} {
		e := api.calls[n][0]
		if *e.EventBusName != "bus" || *e.Source == Source || *e.Source != InternalSource || *e.DetailType != kind {
			t.Errorf("%+v", e)
		}
	}
	var e Event
	called := `{"detail-type":"x","detail":` + *api.calls[1][0].Detail + `}`
	if err := json.Unmarshal([]byte(called), &e); err != nil || e.Ref != r {
		t.Errorf("%v: %+v", err, e)
	}
	api.refuse = "{"
	if err := bus.StartsWait(t.Context()); err == nil {
		t.Error("a failed entry is no error")
	}
}
