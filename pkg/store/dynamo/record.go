package dynamo

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
)

// Get returns an operation, or store.ErrNotFound.
func (s *Store) Get(ctx context.Context, tenant, id string) (operation.Operation, error) {
	i, err := s.get(ctx, operationKey(tenant, id, skOperation))
	if err != nil {
		return operation.Operation{}, err
	}
	if i == nil {
		return operation.Operation{}, store.ErrNotFound
	}
	return readOperation(i)
}

// Load returns an operation with its request, result and events, or store.ErrNotFound.
func (s *Store) Load(ctx context.Context, tenant, id string) (operation.Record, error) {
	consistent, condition := true, "pk = :pk"
	items, err := s.queryAll(ctx, &dynamodb.QueryInput{
		TableName:                 &s.table,
		ConsistentRead:            &consistent,
		KeyConditionExpression:    &condition,
		ExpressionAttributeValues: item{":pk": operationKey(tenant, id, "")["pk"]},
	})
	if err != nil {
		return operation.Record{}, err
	}
	var r operation.Record
	var request, result []byte
	for _, i := range items {
		switch sk := text(i, "sk"); {
		case sk == skOperation:
			r.Op, err = readOperation(i)
		case strings.HasPrefix(sk, skRequest):
			request = append(request, data(i, "body")...)
		case strings.HasPrefix(sk, skResult):
			result = append(result, data(i, "body")...)
		case strings.HasPrefix(sk, skEvent):
			var e operation.Event
			err = json.Unmarshal([]byte(text(i, "doc")), &e)
			r.Events = append(r.Events, e)
		}
		if err != nil {
			return operation.Record{}, fmt.Errorf("read %s of %s: %w", text(i, "sk"), id, err)
		}
	}
	if r.Op.ID == "" {
		return operation.Record{}, store.ErrNotFound
	}
	if r.Request, err = decompress(request); err == nil && result != nil {
		r.Result, err = decompress(result)
	}
	return r, err
}

// Request returns an operation's frozen arguments, or store.ErrNotFound.
func (s *Store) Request(ctx context.Context, tenant, id string) (json.RawMessage, error) {
	return s.body(ctx, tenant, id, skRequest)
}

// InputArguments returns the frozen arguments of the input to an input request, or
// store.ErrNotFound.
func (s *Store) InputArguments(ctx context.Context, tenant, id string, generation int) (json.RawMessage, error) {
	return s.body(ctx, tenant, id, skInputOf(generation))
}

func skInputOf(generation int) string { return fmt.Sprintf("%s%03d#", skInput, generation) }
