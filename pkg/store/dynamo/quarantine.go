package dynamo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/store"
)

// Quarantine stores a delivery, or counts its repetition. Of a new one consumers are told, and if
// it is authentic it is counted for its operation and day, in the same transaction. It returns
// store.ErrFull.
func (s *Store) Quarantine(ctx context.Context, q inbox.Quarantined) error {
	day, ttl := q.At.UTC().Format(time.DateOnly), wholeSeconds(q.At.Add(inbox.QuarantineFor))
	sk := q.OperationID + "#r#" + q.Code
	if q.Authentic {
		sk = q.OperationID + "#a#" + q.Digest
	}
	doc, err := store.EncodeDocument(q)
	if err != nil {
		return err
	}
	// The document stays that of the first delivery, so count and last time are separate attributes.
	first := with(key(q.Tenant, "quarantine", day, sk), item{
		"doc":     str(string(doc)),
		"count":   num(1),
		"last_at": str(q.At.UTC().Format(time.RFC3339Nano)),
		"ttl":     num(ttl),
	})
	told := notice.Quarantined(q.Tenant, q.AgentID, q.OperationID, day+"#"+sk, q.Code, q.Authentic, q.At)
	tell, err := s.tell(told)
	if err != nil {
		return err
	}
	writes := []types.TransactWriteItem{s.put(first, absent, nil, nil), tell}
	if q.Authentic {
		counter := key(q.Tenant, "quarantined", day+"#"+q.OperationID, skOnly)
		writes = append(writes, s.increment(counter, inbox.MaxQuarantined, ttl))
	}
	for {
		if exists, err := s.countRepetition(ctx, first, "attribute_exists(pk)"); exists || err != nil {
			return err
		}
		failed, err := s.transact(ctx, writes)
		if err != nil {
			return fmt.Errorf("quarantine: %w", err)
		}
		if len(failed) == 0 {
			s.signalled(ctx, notice.Ref{Tenant: q.Tenant, NoticeID: told.ID})
			return nil
		}
		if _, exists := failed[0]; !exists {
			return store.ErrFull
		}
		// Another process has stored the same delivery since, so this one is a repetition.
	}
}

// countRepetition increments the count of a delivery, or stores first if there is none yet. done is
// false if the condition failed. Transactions on the item are waited for. If an answer is lost, the
// SDK repeats the request and it counts twice; nothing depends on the exact count.
func (s *Store) countRepetition(ctx context.Context, first item, condition string) (done bool, err error) {
	update := "SET doc = if_not_exists(doc, :doc), last_at = :at, #ttl = :ttl ADD #count :one"
	in := &dynamodb.UpdateItemInput{
		TableName:                &s.table,
		Key:                      item{"pk": first["pk"], "sk": first["sk"]},
		UpdateExpression:         &update,
		ExpressionAttributeNames: map[string]string{"#ttl": "ttl", "#count": "count"},
		ExpressionAttributeValues: item{
			":doc": first["doc"], ":at": first["last_at"], ":ttl": first["ttl"], ":one": first["count"],
		},
	}
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
		if !errors.As(err, new(*types.TransactionConflictException)) || try == maxRetries {
			return false, fmt.Errorf("count %s: %w", text(first, "sk"), err)
		}
		if err := waitBeforeRetry(ctx, try); err != nil {
			return false, err
		}
	}
}

// Quarantined lists a page of a tenant's deliveries of a day. The cursor is a sort key.
func (s *Store) Quarantined(
	ctx context.Context, tenant, day, after string, limit int,
) (page []inbox.Quarantined, next string, err error) {
	// TTL only cleans up: the expiry is compared here (contract F77).
	consistent, condition, alive, pageSize := true, "pk = :pk", "#ttl >= :now", int32(limit)
	in := &dynamodb.QueryInput{
		TableName:                &s.table,
		ConsistentRead:           &consistent,
		Limit:                    &pageSize,
		KeyConditionExpression:   &condition,
		FilterExpression:         &alive,
		ExpressionAttributeNames: map[string]string{"#ttl": "ttl"},
		ExpressionAttributeValues: item{
			":pk":  key(tenant, "quarantine", day, "")["pk"],
			":now": num(s.now().Unix()),
		},
	}
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
		page = append(page, q)
	}
	return page, text(out.LastEvaluatedKey, "sk"), nil
}

func readQuarantined(i item) (q inbox.Quarantined, err error) {
	if err = store.DecodeDocument([]byte(text(i, "doc")), &q); err != nil {
		return q, err
	}
	q.Count = number(i, "count")
	q.LastAt, err = time.Parse(time.RFC3339Nano, text(i, "last_at"))
	return q, err
}
