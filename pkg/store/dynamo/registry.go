package dynamo

import (
	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func hashHex(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func submissionItem(tenant, keyHash string, sub orchestrator.IdempotencyRecord) item {
	return with(key(tenant, "submission", keyHash, skOnly), item{"operation_id": str(sub.OperationID), "fingerprint": str(sub.Fingerprint)})
}

// Submission implements orchestrator.Store.
func (s *Store) IdempotencyRecord(ctx context.Context, tenant, keyHash string) (orchestrator.IdempotencyRecord, error) {
	i, err := s.get(ctx, key(tenant, "submission", keyHash, skOnly))
	if err != nil {
		return orchestrator.IdempotencyRecord{}, err
	}
	if i == nil {
		return orchestrator.IdempotencyRecord{}, store.ErrNotFound
	}
	return orchestrator.IdempotencyRecord{OperationID: text(i, "operation_id"), Fingerprint: text(i, "fingerprint")}, nil
}

// Bind implements orchestrator.Store.
func (s *Store) Bind(ctx context.Context, tenant, keyHash, naturalHash string, sub orchestrator.IdempotencyRecord) error {
	held := "operation_id = :id"
	failed, err := s.transact(ctx, []types.TransactWriteItem{
		s.put(submissionItem(tenant, keyHash, sub), absent, nil, nil),
		{ConditionCheck: &types.ConditionCheck{TableName: &s.table, Key: key(tenant, "natural", naturalHash, skOnly), ConditionExpression: &held,
			ExpressionAttributeValues: item{":id": str(sub.OperationID)}}},
	})
	if err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	if _, taken := failed[0]; taken {
		return store.ErrKeyTaken
	}
	if len(failed) > 0 {
		return store.ErrStale
	}
	return nil
}

// Agent implements orchestrator.Store.
func (s *Store) Agent(ctx context.Context, tenant, id string) (registry.Agent, error) {
	a, err := document[registry.Agent](ctx, s, key(tenant, "agent", id, "registry"))
	a.Tenant = tenant
	return a, err
}

// PutAgent implements orchestrator.Store.
func (s *Store) PutAgent(ctx context.Context, a registry.Agent) error {
	doc, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return s.putVersion(ctx, with(key(a.Tenant, "agent", a.ID, "registry"), item{"doc": str(string(doc))}), a.Version)
}

// putVersion writes an item as its version if the one before is stored, or returns ErrStale.
func (s *Store) putVersion(ctx context.Context, i item, version int64) error {
	condition, values := absent, item(nil)
	if version > 1 {
		condition, values = "version = :before", item{":before": num(version - 1)}
	}
	stored, err := s.putIf(ctx, with(i, item{"version": num(version)}), condition, values)
	if err == nil && !stored {
		return store.ErrStale
	}
	return err
}

// Profile implements orchestrator.Store.
func (s *Store) Profile(ctx context.Context, tenant, agentID string) (registry.Profile, error) {
	return document[registry.Profile](ctx, s, key(tenant, "agent", agentID, "profile"))
}

// PutProfile implements orchestrator.Store.
func (s *Store) PutProfile(ctx context.Context, tenant, agentID string, p registry.Profile) error {
	return s.putDocument(ctx, key(tenant, "agent", agentID, "profile"), p)
}

// Key implements orchestrator.Store.
func (s *Store) Key(ctx context.Context, tenant, hash string) (apikey.Key, error) {
	return document[apikey.Key](ctx, s, key(tenant, "key", hash, skOnly))
}

// PutKey implements orchestrator.Store.
func (s *Store) PutKey(ctx context.Context, k apikey.Key) error {
	return s.putDocument(ctx, key(k.Tenant, "key", k.Hash, skOnly), k)
}

func (s *Store) putDocument(ctx context.Context, k item, v any) error {
	doc, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = s.putIf(ctx, with(k, item{"doc": str(string(doc))}), "", nil)
	return err
}

// putIf writes one item; stored is false if the condition failed.
func (s *Store) putIf(ctx context.Context, i item, condition string, values item) (stored bool, err error) {
	in := &dynamodb.PutItemInput{TableName: &s.table, Item: i}
	if condition != "" {
		in.ConditionExpression, in.ExpressionAttributeValues = &condition, values
	}
	_, err = s.api.PutItem(ctx, in)
	var failed *types.ConditionalCheckFailedException
	if errors.As(err, &failed) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("put %s: %w", text(i, "sk"), err)
	}
	return true, nil
}

func document[T any](ctx context.Context, s *Store, k item) (T, error) {
	var v T
	i, err := s.get(ctx, k)
	if err != nil {
		return v, err
	}
	if i == nil {
		return v, store.ErrNotFound
	}
	return v, json.Unmarshal([]byte(text(i, "doc")), &v)
}
