// Package notices builds what signals and sends notices, for functions that need nothing else of
// package wire: what a function links costs it at each cold start.
package notices

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/endpoint"
	"adcp-orchestrator/pkg/eventbridge"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/outbox"
	"adcp-orchestrator/pkg/people"
	"adcp-orchestrator/pkg/sqs"
)

// Signals call for the function that sends notices. They may be lost: the outbox is swept each
// minute. So none takes long, and after one that failed there is none for a while.
type Signals struct {
	// Send puts the call on the bus.
	Send func(ctx context.Context, r notice.Ref) error
	Now  func() time.Time

	silentUntil atomic.Int64 // Unix nanoseconds
}

const (
	// signalTime is how long a signal may take. It follows a write for which somebody may wait.
	signalTime = time.Second
	// silence is how long there is no signal after one that failed.
	silence = 30 * time.Second
)

// Signal calls for the notices of a Ref to be sent.
func (s *Signals) Signal(ctx context.Context, r notice.Ref) {
	now := s.Now()
	if now.UnixNano() < s.silentUntil.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, signalTime)
	defer cancel()
	if err := s.Send(ctx, r); err != nil {
		s.silentUntil.Store(now.Add(silence).UnixNano())
		slog.WarnContext(ctx, "notices are left to the sweep", "tenant", r.Tenant, "error", err)
	}
}

// Signal returns the signal on the bus of that name, for a store. Its client is made when there is
// something to signal first.
func Signal(bus string) func(context.Context, notice.Ref) {
	lazy := eventbridge.Lazy(config.LazyAWS("EVENTBRIDGE"), bus)
	s := &Signals{Now: time.Now, Send: func(ctx context.Context, r notice.Ref) error { return lazy().NoticesWait(ctx, r) }}
	return s.Signal
}

// Store is what sending notices needs of the store.
type Store interface {
	outbox.Store
	endpoint.Reader
	endpoint.Deliveries
}

// Drain returns what sends the notices of a store: on the bus of that name, then to the webhook
// endpoints and the people of their tenant, by the queue of that address. baseURL is the API's
// address.
func Drain(s Store, bus, baseURL, queueURL string) outbox.Drain {
	return outbox.Drain{Store: s, Bus: eventbridge.FromConfig(config.AWS("EVENTBRIDGE"), bus, baseURL), Now: time.Now,
		Fanout: endpoint.Fanout{Store: s, Queue: sqs.Lazy(config.LazyAWS("SQS"), queueURL),
			TextOf: people.Texts{BaseURL: baseURL}.Of, Source: baseURL, Now: time.Now}}
}
