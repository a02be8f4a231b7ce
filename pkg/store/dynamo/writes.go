package dynamo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"adcp-orchestrator/pkg/store"
)

// absent is the condition that an item does not exist yet.
const absent = "attribute_not_exists(pk)"

func (s *Store) putDocument(ctx context.Context, k item, v any) error {
	doc, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = s.putIf(ctx, with(k, item{"doc": str(string(doc))}), "", nil)
	return err
}

// putVersion stores an item under that version if the version before it is stored, or returns
// store.ErrStale.
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

// putIf stores one item. stored is false if the condition failed; an empty condition always holds.
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
