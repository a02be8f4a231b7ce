// Package bus publishes on EventBridge.
package eventbridge

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"adcp-orchestrator/pkg/orchestrator"
)

// What rules on the bus match by.
const (
	Source     = "adcp.orchestrator"
	DetailType = "AdCP operation ended"
)

// API is the part of EventBridge's client that is used.
type API interface {
	PutEvents(context.Context, *eventbridge.PutEventsInput, ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error)
}

// Bus implements orchestrator.Publisher on the event bus of that name.
type Bus struct {
	API  API
	Name string
}

// FromConfig returns the bus of that name, with a client of its own.
func FromConfig(c aws.Config, name string) Bus {
	return Bus{API: eventbridge.NewFromConfig(c), Name: name}
}

// Publish puts one event on the bus. EventBridge gives each event an id of its own: the notice's, in the detail, is the one that a repetition shares.
func (b Bus) Publish(ctx context.Context, n orchestrator.EndedEvent) error {
	detail, err := json.Marshal(n)
	if err != nil {
		return err
	}
	out, err := b.API.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{{EventBusName: &b.Name, Source: aws.String(Source),
		DetailType: aws.String(DetailType), Detail: aws.String(string(detail)), Time: &n.EndedAt}}})
	if err != nil {
		return fmt.Errorf("put event: %w", err)
	}
	for _, e := range out.Entries { // a call that succeeds may hold an entry that failed
		if e.ErrorCode != nil {
			return fmt.Errorf("put event: %s", *e.ErrorCode)
		}
	}
	return nil
}
