// Package outbound wires what tells tenants and people what happened.
package outbound

import (
	"context"
	"crypto/rand"
	mathrand "math/rand/v2"
	"strings"
	"sync"
	"time"

	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/endpoint"
	"adcp-orchestrator/pkg/safehttp"
	"adcp-orchestrator/pkg/sns"
	"adcp-orchestrator/pkg/sqs"
	"adcp-orchestrator/pkg/standardwebhook"
	"adcp-orchestrator/pkg/wire"
)

// lazySender makes its client when something is first sent: most starts are for something else.
type lazySender func() standardwebhook.Sender

func (s lazySender) Send(ctx context.Context, r endpoint.Request) endpoint.Result {
	return s().Send(ctx, r)
}

func sender() lazySender {
	return sync.OnceValue(func() standardwebhook.Sender {
		return standardwebhook.New(safehttp.Options{AllowLoopback: config.Loopback()}, time.Now)
	})
}

// roots returns a function that reads the root secrets of endpoints from the secret of that id. Its
// client is made when they are first read.
func roots(id string) func(context.Context) ([]string, error) {
	read := sync.OnceValue(func() func(context.Context) ([]string, error) { return wire.Roots(wire.Secrets(), id) })
	return func(ctx context.Context) ([]string, error) { return read()(ctx) }
}

// Manage returns what tenants do with their endpoints. secretID is that of the root secrets.
func Manage(store endpoint.Store, queueURL, secretID, base string) endpoint.Manage {
	loopback := config.Loopback()
	return endpoint.Manage{Store: store, Queue: sqs.Lazy(config.LazyAWS("SQS"), queueURL), Sender: sender(),
		Roots: roots(secretID), Source: base, Now: time.Now,
		CheckURL: func(u string) error { return safehttp.CheckURL(u, loopback) },
		NewID:    func() string { return "we_" + strings.ToLower(rand.Text()) }}
}

// Batch returns what sends the messages of a queue: notices by webhooks, texts to a topic.
func Batch(store endpoint.Store, queueURL, secretID, topicARN string) endpoint.Batch {
	deliver := endpoint.Deliver{Store: store, Sender: sender(), People: sns.Lazy(config.LazyAWS("SNS"), topicARN),
		Roots: roots(secretID), Now: time.Now, Jitter: mathrand.Float64}
	return endpoint.Batch{Run: deliver.Run, Queue: sqs.Lazy(config.LazyAWS("SQS"), queueURL)}
}
