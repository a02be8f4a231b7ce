package dynamo

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"adcp-orchestrator/pkg/metrics"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/store/layout"
)

// API is the part of DynamoDB's client that Store uses.
type API interface {
	GetItem(
		context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options),
	) (*dynamodb.GetItemOutput, error)
	BatchGetItem(
		context.Context, *dynamodb.BatchGetItemInput, ...func(*dynamodb.Options),
	) (*dynamodb.BatchGetItemOutput, error)
	UpdateItem(
		context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options),
	) (*dynamodb.UpdateItemOutput, error)
	DeleteItem(
		context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options),
	) (*dynamodb.DeleteItemOutput, error)
	Query(
		context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options),
	) (*dynamodb.QueryOutput, error)
	Scan(
		context.Context, *dynamodb.ScanInput, ...func(*dynamodb.Options),
	) (*dynamodb.ScanOutput, error)
	TransactWriteItems(
		context.Context, *dynamodb.TransactWriteItemsInput, ...func(*dynamodb.Options),
	) (*dynamodb.TransactWriteItemsOutput, error)
}

// Store keeps the state in a table as infra/table.go defines it. It implements storetest.Store.
type Store struct {
	api       API
	table     string
	now       func() time.Time
	dueShards int
	signal    func(context.Context, notice.Ref)
	counted   func([]metrics.Fact)
}

// FromConfig returns a store on a table, with its own client.
func FromConfig(c aws.Config, table string, now func() time.Time) *Store {
	return New(dynamodb.NewFromConfig(c), table, now)
}

// New returns a store on a table. It compares expiries with now.
func New(api API, table string, now func() time.Time) *Store {
	return &Store{api: api, table: table, now: now, dueShards: layout.DefaultDueShards}
}

// WithSignal sets what is called after each write that has put notices into the outbox, except for
// those of an end: it is published by settle. It must not take long, and may be lost.
func (s *Store) WithSignal(signal func(context.Context, notice.Ref)) *Store {
	s.signal = signal
	return s
}

// WithCounted sets what is called with all that was counted when a notice was told.
func (s *Store) WithCounted(counted func([]metrics.Fact)) *Store {
	s.counted = counted
	return s
}

// WithDueShards sets how many partitions the reconciler's index is distributed over, at most
// layout.MaxDueShards; 0 is the default. Stores on one table may have different numbers.
func (s *Store) WithDueShards(n int) *Store {
	if n > 0 {
		s.dueShards = min(n, layout.MaxDueShards)
	}
	return s
}
