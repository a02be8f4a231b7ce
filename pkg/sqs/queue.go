// Package sqs queues deliveries to webhook endpoints in a FIFO queue of SQS, and receives them as
// Lambda passes them.
package sqs

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"adcp-orchestrator/pkg/endpoint"
)

// API is the part of SQS's client that Queue uses.
type API interface {
	SendMessage(context.Context, *sqs.SendMessageInput, ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
	ChangeMessageVisibility(
		context.Context, *sqs.ChangeMessageVisibilityInput, ...func(*sqs.Options),
	) (*sqs.ChangeMessageVisibilityOutput, error)
}

// Queue is the FIFO queue of that address. It implements endpoint.Queue and endpoint.Hider.
type Queue struct {
	// API returns the client.
	API func() API
	URL string
}

// Lazy returns the queue of that address. Its client is made when it is first used: most notices
// are wanted by no endpoint.
func Lazy(config func() aws.Config, url string) Queue {
	return Queue{API: sync.OnceValue(func() API { return sqs.NewFromConfig(config()) }), URL: url}
}

// Send puts a message into a group. A message with the same dedup id within five minutes is
// dropped.
func (q Queue) Send(ctx context.Context, m endpoint.Message, group, dedup string) error {
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	_, err = q.API().SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &q.URL, MessageBody: aws.String(string(body)),
		MessageGroupId: &group, MessageDeduplicationId: &dedup})
	if err != nil {
		return fmt.Errorf("send message: %w", err)
	}
	return nil
}

// Hide makes a message visible again after a time, in whole seconds.
func (q Queue) Hide(ctx context.Context, receipt string, d time.Duration) error {
	_, err := q.API().ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: &q.URL,
		ReceiptHandle: &receipt, VisibilityTimeout: int32(math.Ceil(d.Seconds()))})
	if err != nil {
		return fmt.Errorf("change message visibility: %w", err)
	}
	return nil
}

// Handle adapts a batch to Lambda's events. A message that can't be read is left to the queue,
// which puts it aside in the end.
func Handle(b endpoint.Batch) func(context.Context, events.SQSEvent) (events.SQSEventResponse, error) {
	return func(ctx context.Context, e events.SQSEvent) (events.SQSEventResponse, error) {
		var out events.SQSEventResponse
		received, unread := read(e)
		for _, id := range append(unread, b.Handle(ctx, received)...) {
			out.BatchItemFailures = append(out.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: id})
		}
		return out, nil
	}
}

// read reads the messages of an event. Those behind one of their group that can't be read are
// unread as well.
func read(e events.SQSEvent) (received []endpoint.Received, unread []string) {
	blocked := map[string]bool{}
	for _, m := range e.Records {
		group := m.Attributes["MessageGroupId"]
		r := endpoint.Received{ID: m.MessageId, Receipt: m.ReceiptHandle, Group: group}
		r.Count, _ = strconv.Atoi(m.Attributes["ApproximateReceiveCount"])
		if blocked[group] || json.Unmarshal([]byte(m.Body), &r.Message) != nil {
			slog.Error("a message can't be read, or is behind one that can't", "message_id", m.MessageId)
			blocked[group] = true
			unread = append(unread, m.MessageId)
			continue
		}
		received = append(received, r)
	}
	return received, unread
}
