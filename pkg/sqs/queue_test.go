package sqs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"adcp-orchestrator/pkg/endpoint"
	ours "adcp-orchestrator/pkg/sqs"
)

type fakeAPI struct {
	sent   *sqs.SendMessageInput
	hidden map[string]int32
}

func (f *fakeAPI) SendMessage(_ context.Context, in *sqs.SendMessageInput, _ ...func(*sqs.Options)) (
	*sqs.SendMessageOutput, error) {
	f.sent = in
	return &sqs.SendMessageOutput{}, nil
}

func (f *fakeAPI) ChangeMessageVisibility(_ context.Context, in *sqs.ChangeMessageVisibilityInput,
	_ ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityOutput, error) {
	f.hidden[*in.ReceiptHandle] = in.VisibilityTimeout
	return &sqs.ChangeMessageVisibilityOutput{}, nil
}

func TestMessageIsReadAsItWasSent(t *testing.T) {
	t.Parallel()
	api := &fakeAPI{}
	m := endpoint.Message{Tenant: "acme", EndpointID: "we_1", DeliveryID: "dl_1", Round: 3}
	queue := ours.Queue{API: func() ours.API { return api }, URL: "u"}
	if err := queue.Send(t.Context(), m, "group", "dedup"); err != nil {
		t.Fatal(err)
	}
	if *api.sent.QueueUrl != "u" || *api.sent.MessageGroupId != "group" || *api.sent.MessageDeduplicationId != "dedup" {
		t.Errorf("%+v", api.sent)
	}
	var got endpoint.Message
	if err := json.Unmarshal([]byte(*api.sent.MessageBody), &got); err != nil || got != m {
		t.Errorf("%+v, %v", got, err)
	}
}

// SQS deletes the messages that are not named. After the first failure of a group the rest of it
// must be named too, though nobody has tried them.
func TestRestOfAGroupIsReportedWithItsFirstFailure(t *testing.T) {
	t.Parallel()
	var e events.SQSEvent
	add := func(id, group, body string) {
		e.Records = append(e.Records, events.SQSMessage{MessageId: id, ReceiptHandle: "r-" + id, Body: body,
			Attributes: map[string]string{"MessageGroupId": group, "ApproximateReceiveCount": "2"}})
	}
	add("a1", "a", `{"delivery_id": "ok"}`)
	add("b1", "b", `{"delivery_id": "later"}`)
	add("a2", "a", `{"delivery_id": "fault"}`)
	add("c1", "c", `no JSON`)
	add("a3", "a", `{"delivery_id": "ok"}`)
	add("b2", "b", `{"delivery_id": "ok"}`)
	add("c2", "c", `{"delivery_id": "ok"}`)
	add("d1", "d", `{"delivery_id": "ok"}`)
	api := &fakeAPI{hidden: map[string]int32{}}
	tried := make(chan string, 10)
	batch := endpoint.Batch{Queue: sequential{ours.Queue{API: func() ours.API { return api }}, make(chan bool, 1)},
		Run: func(_ context.Context, m endpoint.Message, received int) (time.Duration, error) {
			tried <- m.DeliveryID
			if received != 2 {
				t.Errorf("received %d times", received)
			}
			switch m.DeliveryID {
			case "later":
				return 1500 * time.Millisecond, nil
			case "fault":
				return 0, fmt.Errorf("the store is away")
			}
			return 0, nil
		}}
	out, err := ours.Handle(batch)(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	var failed []string
	for _, f := range out.BatchItemFailures {
		failed = append(failed, f.ItemIdentifier)
	}
	if got := fmt.Sprint(failed); got != "[c1 c2 a2 a3 b1 b2]" {
		t.Errorf("failed: %s", got)
	}
	if got := fmt.Sprint(api.hidden); got != "map[r-a2:30 r-a3:30 r-b1:2 r-b2:2]" || len(tried) != 4 {
		t.Errorf("hidden: %s, tried %d", got, len(tried))
	}
}

// sequential keeps the fake from being used by two groups at once.
type sequential struct {
	endpoint.Hider
	one chan bool
}

func (s sequential) Hide(ctx context.Context, receipt string, d time.Duration) error {
	s.one <- true
	defer func() { <-s.one }()
	return s.Hider.Hide(ctx, receipt, d)
}
