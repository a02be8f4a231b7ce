package storetest

import (
	"context"
	"time"

	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/audit"
	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/endpoint"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/keyring"
	"adcp-orchestrator/pkg/metrics"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/outbox"
	"adcp-orchestrator/pkg/quota"
	"adcp-orchestrator/pkg/registry"
)

// Store joins the interfaces of all use cases. Each use case depends only on its own part; Store is
// for implementations and their tests.
type Store interface {
	orchestrator.SubmitStore
	orchestrator.CallStore
	orchestrator.ReceiveStore
	orchestrator.ReconcileStore
	orchestrator.SettleStore
	orchestrator.StartQueueStore
	registry.Store
	registry.BrakeStore
	registry.AgentLister
	apikey.Keys
	audit.Store
	orchestrator.OperationReader
	inbox.Store
	keyring.Store
	breaker.Store
	inbox.QuarantineReader
	inbox.QuarantineHandler
	inbox.Deliveries
	quota.Store
	quota.OpenStore
	outbox.Store
	outbox.SweepStore
	outbox.FeedStore
	MetricsStore
	endpoint.Store
	NeedAttention(ctx context.Context) (byTenant map[string]int, err error)
}

// Table is a Store with a way to its items, for what other programs do to them: newer code, and the
// state machine.
type Table interface {
	Store
	// Attribute returns a string attribute of an operation's own item, "" if it has none.
	Attribute(ctx context.Context, tenant, opID, name string) (string, error)
	// SetAttribute sets a string attribute of an operation's own item.
	SetAttribute(ctx context.Context, tenant, opID, name, value string) error
	// TTLs returns the attribute ttl of each item of an operation by its sort key, 0 if it has none.
	TTLs(ctx context.Context, tenant, opID string) (map[string]int64, error)
	// RefTTLs returns the attribute ttl of each reference by a name, 0 for one that has none.
	RefTTLs(ctx context.Context, tenant, name string) ([]int64, error)
	// Drop deletes an item of an operation, as the table does when its ttl has passed.
	Drop(ctx context.Context, tenant, opID, sk string) error
}

// MetricsStore is what the metrics of a tenant are read from.
type MetricsStore interface {
	Sums(ctx context.Context, tenant, dimension string, from, to time.Time) ([]metrics.Sums, error)
	OpenByType(ctx context.Context, tenant string) (map[string]int64, error)
}
