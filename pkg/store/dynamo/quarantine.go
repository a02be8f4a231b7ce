package dynamo

import (
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/store"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Quarantine implements orchestrator.Store. A new authentic delivery takes a place in the same transaction; everything else is one write.
func (s *Store) Quarantine(ctx context.Context, q inbox.Quarantined) error {
	day, ttl, place := q.At.UTC().Format(time.DateOnly), wholeSeconds(q.At.Add(inbox.QuarantineFor)), q.OperationID+"#r#"+q.Code
	if q.Authentic {
		place = q.OperationID + "#a#" + q.Digest
	}
	doc, err := json.Marshal(q)
	if err != nil {
		return err
	}
	// How often and when last are attributes of their own: the document stays the first's.
	at := q.At.UTC().Format(time.RFC3339Nano)
	first := with(key(q.Tenant, "quarantine", day, place), item{"doc": str(string(doc)), "count": num(1), "last_at": str(at), "ttl": num(ttl)})
	if !q.Authentic {
		_, err := s.recur(ctx, first, "")
		return err
	}
	for {
		if there, err := s.recur(ctx, first, "attribute_exists(pk)"); there || err != nil {
			return err
		}
		failed, err := s.transact(ctx, []types.TransactWriteItem{
			s.put(first, absent, nil, nil),
			s.countTo(key(q.Tenant, "quarantined", day+"#"+q.OperationID, skOnly), inbox.MaxQuarantined, ttl),
		})
		if err != nil {
			return fmt.Errorf("quarantine: %w", err)
		}
		if len(failed) == 0 {
			return nil
		}
		if _, there := failed[0]; !there {
			return store.ErrFull
		}
		// The same was kept since: it is there to be counted.
	}
}

// recur counts a quarantined delivery up, given as it is if it comes first; done is false if the condition failed. A transaction in the way is waited
// for. A request that was sent again because its answer was lost counts twice: nothing depends on the count.
func (s *Store) recur(ctx context.Context, first item, condition string) (done bool, err error) {
	update := "SET doc = if_not_exists(doc, :doc), last_at = :at, #ttl = :ttl ADD #count :one"
	in := &dynamodb.UpdateItemInput{TableName: &s.table, Key: item{"pk": first["pk"], "sk": first["sk"]}, UpdateExpression: &update,
		ExpressionAttributeNames:  map[string]string{"#ttl": "ttl", "#count": "count"},
		ExpressionAttributeValues: item{":doc": first["doc"], ":at": first["last_at"], ":ttl": first["ttl"], ":one": first["count"]}}
	if condition != "" {
		in.ConditionExpression = &condition
	}
	for try := 0; ; try++ {
		_, err := s.api.UpdateItem(ctx, in)
		if err == nil {
			return true, nil
		}
		if errors.As(err, new(*types.ConditionalCheckFailedException)) {
			return false, nil
		}
		if !errors.As(err, new(*types.TransactionConflictException)) || try == retries {
			return false, fmt.Errorf("count %s: %w", text(first, "sk"), err)
		}
		if err := pause(ctx, try); err != nil {
			return false, err
		}
	}
}

// Quarantined implements orchestrator.Store.
func (s *Store) Quarantined(ctx context.Context, tenant, day, after string, limit int) (found []inbox.Quarantined, next string, err error) {
	// TTL only cleans up: the expiry is compared here (contract F77).
	consistent, condition, kept, most := true, "pk = :pk", "#ttl >= :now", int32(limit)
	in := &dynamodb.QueryInput{TableName: &s.table, ConsistentRead: &consistent, Limit: &most, KeyConditionExpression: &condition, FilterExpression: &kept,
		ExpressionAttributeNames:  map[string]string{"#ttl": "ttl"},
		ExpressionAttributeValues: item{":pk": key(tenant, "quarantine", day, "")["pk"], ":now": num(s.now().Unix())}}
	if after != "" {
		in.ExclusiveStartKey = key(tenant, "quarantine", day, after)
	}
	out, err := s.api.Query(ctx, in)
	if err != nil {
		return nil, "", fmt.Errorf("quarantined: %w", err)
	}
	for _, i := range out.Items {
		q, err := readQuarantined(i)
		if err != nil {
			return nil, "", fmt.Errorf("quarantined %s: %w", text(i, "sk"), err)
		}
		found = append(found, q)
	}
	return found, text(out.LastEvaluatedKey, "sk"), nil
}

func readQuarantined(i item) (q inbox.Quarantined, err error) {
	if err = json.Unmarshal([]byte(text(i, "doc")), &q); err != nil {
		return q, err
	}
	q.Count = number(i, "count")
	q.LastAt, err = time.Parse(time.RFC3339Nano, text(i, "last_at"))
	return q, err
}
