// Package eventbridge publishes the ends of operations on an EventBridge bus.
package eventbridge

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"adcp-orchestrator/pkg/orchestrator"
)

// Rules on the bus match events by these values.
const (
	Source     = "adcp.orchestrator"
	DetailType = "AdCP operation ended"
)

// The events for the orchestrator itself have a source of their own: a rule for all events of
// Source must not match them.
const (
	InternalSource = "adcp.orchestrator.internal"
	StartsWait     = "AdCP operations wait for their start"
)

// API is the part of EventBridge's client that Bus uses.
type API interface {
	PutEvents(
		context.Context, *eventbridge.PutEventsInput, ...func(*eventbridge.Options),
	) (*eventbridge.PutEventsOutput, error)
}

// Bus publishes on the event bus of that name. It implements orchestrator.Publisher.
type Bus struct {
	API  API
	Name string
}

// FromConfig returns the bus of that name, with its own client.
func FromConfig(c aws.Config, name string) Bus {
	return Bus{API: eventbridge.NewFromConfig(c), Name: name}
}

// Publish puts one event on the bus. EventBridge gives every event a new id; the id in the detail,
// that of the EndedEvent, is the one that repetitions share.
func (b Bus) Publish(ctx context.Context, e orchestrator.EndedEvent) error {
	detail, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return b.put(ctx, types.PutEventsRequestEntry{
		Source:     aws.String(Source),
		DetailType: aws.String(DetailType),
		Detail:     aws.String(string(detail)),
		Time:       &e.EndedAt,
	})
}

// StartsWait says that operations wait in the queue of starts.
func (b Bus) StartsWait(ctx context.Context) error {
	return b.put(ctx, types.PutEventsRequestEntry{
		Source:     aws.String(InternalSource),
		DetailType: aws.String(StartsWait),
		Detail:     aws.String("{}"),
	})
}

// Event is the part of an event that says what it is for.
type Event struct {
	DetailType string `json:"detail-type"`
}

// CallForDrain returns a function that says on the bus of that name that operations wait for their
// start. It makes the client when it is first called: hardly any process ever needs it.
func CallForDrain(config func() aws.Config, name string) func(context.Context) error {
	bus := sync.OnceValue(func() Bus { return FromConfig(config(), name) })
	return func(ctx context.Context) error { return bus().StartsWait(ctx) }
}

func (b Bus) put(ctx context.Context, e types.PutEventsRequestEntry) error {
	e.EventBusName = &b.Name
	out, err := b.API.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{e}})
	if err != nil {
		return fmt.Errorf("put event: %w", err)
	}
	for _, entry := range out.Entries { // a successful call can hold a failed entry
		if entry.ErrorCode != nil {
			return fmt.Errorf("put event: %s", *entry.ErrorCode)
		}
	}
	return nil
}
