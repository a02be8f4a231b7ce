// Package eventbridge puts notices on an EventBridge bus, and the orchestrator's calls to itself.
package eventbridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"adcp-orchestrator/pkg/notice"
)

// Source is the source of notices: rules on the bus match them by it, and by the type of the
// notice, which is the event's detail type.
const Source = "adcp.orchestrator"

// The events for the orchestrator itself have a source of their own: a rule for all events of
// Source must not match them.
const (
	InternalSource = "adcp.orchestrator.internal"
	StartsWait     = "AdCP operations wait for their start"
	NoticesWait    = "AdCP notices wait to be sent"
)

// API is the part of EventBridge's client that Bus uses.
type API interface {
	PutEvents(
		context.Context, *eventbridge.PutEventsInput, ...func(*eventbridge.Options),
	) (*eventbridge.PutEventsOutput, error)
}

// Bus publishes on the event bus of that name. It implements outbox.Bus.
type Bus struct {
	API  API
	Name string
	// BaseURL is the API's address: the source of the envelopes.
	BaseURL string
}

// FromConfig returns the bus of that name, with its own client.
func FromConfig(c aws.Config, name, baseURL string) Bus {
	return Bus{API: eventbridge.NewFromConfig(c), Name: name, BaseURL: baseURL}
}

// The limits of one call of PutEvents.
const (
	maxEntries = 10
	maxBytes   = 256 << 10
)

// errAfterAnother is the error of a notice that was not published because an earlier one of its
// operation was not.
var errAfterAnother = errors.New("not published: one before it was not")

// Publish publishes notices, and returns an error for each. EventBridge gives every event a new id;
// the id in the detail, that of the envelope, is the one that repetitions share. A call has at most
// one notice of an operation, since its entries fail one by one: what comes later in the
// operation's order is published after what comes before.
func (b Bus) Publish(ctx context.Context, notices []notice.Notice) []error {
	results := make([]error, len(notices))
	failed, left := map[string]bool{}, make([]int, len(notices))
	for n := range notices {
		left[n] = n
	}
	for len(left) > 0 {
		var entries []types.PutEventsRequestEntry
		var at, rest []int
		in, size := map[string]bool{}, 0
		for _, n := range left {
			order := orderOf(notices[n])
			if failed[order] {
				results[n] = errAfterAnother
				continue
			}
			entry, bytes, err := b.entry(notices[n])
			if err != nil {
				results[n], failed[order] = err, true
				continue
			}
			full := len(entries) == maxEntries || len(entries) > 0 && size+bytes > maxBytes
			if in[order] || full {
				in[order] = true // nothing of its operation passes it
				rest = append(rest, n)
				continue
			}
			in[order], size = true, size+bytes
			entries, at = append(entries, entry), append(at, n)
		}
		for i, err := range b.put(ctx, entries) {
			if err != nil {
				results[at[i]], failed[orderOf(notices[at[i]])] = err, true
			}
		}
		left = rest
	}
	return results
}

// orderOf names what has to be published in order.
func orderOf(n notice.Notice) string {
	if n.Sequence == "" {
		return n.ID
	}
	return n.Facts.OperationID
}

// entry returns a notice as an entry, with its size as EventBridge counts it.
func (b Bus) entry(n notice.Notice) (types.PutEventsRequestEntry, int, error) {
	detail, err := n.Encode(b.BaseURL)
	if err != nil {
		return types.PutEventsRequestEntry{}, 0, err
	}
	const timeSize = 14
	kind := n.Type.Versioned()
	return types.PutEventsRequestEntry{
		EventBusName: &b.Name,
		Source:       aws.String(Source),
		DetailType:   &kind,
		Detail:       aws.String(string(detail)),
		Time:         &n.At,
	}, timeSize + len(Source) + len(kind) + len(detail), nil
}

// StartsWait says that operations wait in the queue of starts.
func (b Bus) StartsWait(ctx context.Context) error { return b.call(ctx, StartsWait, struct{}{}) }

// NoticesWait says that notices of a Ref wait in the outbox.
func (b Bus) NoticesWait(ctx context.Context, r notice.Ref) error { return b.call(ctx, NoticesWait, r) }

// call puts an event for the orchestrator itself on the bus.
func (b Bus) call(ctx context.Context, kind string, detail any) error {
	text, err := json.Marshal(detail)
	if err != nil {
		return err
	}
	return b.put(ctx, []types.PutEventsRequestEntry{{
		EventBusName: &b.Name, Source: aws.String(InternalSource), DetailType: &kind, Detail: aws.String(string(text)),
	}})[0]
}

// Event is the part of an event that says what it is for. Ref is whose notices wait, if it is
// NoticesWait.
type Event struct {
	DetailType string     `json:"detail-type"`
	Ref        notice.Ref `json:"detail"`
}

// Lazy returns the bus of that name. It makes the client when it is first called: hardly any
// process ever needs it.
func Lazy(config func() aws.Config, name string) func() Bus {
	return sync.OnceValue(func() Bus { return FromConfig(config(), name, "") })
}

// CallForDrain returns a function that says on the bus of that name that operations wait for their
// start. It makes the client when it is first called.
func CallForDrain(config func() aws.Config, name string) func(context.Context) error {
	bus := Lazy(config, name)
	return func(ctx context.Context) error { return bus().StartsWait(ctx) }
}

// put makes one call, and returns an error for each entry.
func (b Bus) put(ctx context.Context, entries []types.PutEventsRequestEntry) []error {
	results := make([]error, len(entries))
	if len(entries) == 0 {
		return results
	}
	out, err := b.API.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: entries})
	if err == nil && len(out.Entries) != len(entries) {
		err = fmt.Errorf("%d entries are answered by %d", len(entries), len(out.Entries))
	}
	for n := range results {
		if err != nil {
			results[n] = fmt.Errorf("put events: %w", err)
		} else if code := out.Entries[n].ErrorCode; code != nil { // a successful call can hold failed entries
			results[n] = fmt.Errorf("put events: %s", *code)
		}
	}
	return results
}
