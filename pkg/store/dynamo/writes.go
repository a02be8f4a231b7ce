package dynamo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
)

// absent is the condition that an item does not exist yet.
const absent = "attribute_not_exists(pk)"

// putDocument stores the document of a record, whatever is stored.
func (s *Store) putDocument(ctx context.Context, k layout.Item, v any) error {
	i, err := k.WithDoc(v)
	if err != nil {
		return err
	}
	return s.update(ctx, rewrite(i, nil))
}

// putVersion stores an item, and what consumers are told of it, if the version before its own is
// stored, or returns store.ErrStale.
func (s *Store) putVersion(ctx context.Context, i layout.Item, told ...notice.Notice) error {
	r := versionedWrite(i)
	if len(told) > 0 {
		return s.putAndTell(ctx, r, told)
	}
	err := s.update(ctx, r)
	if errors.As(err, new(*types.ConditionalCheckFailedException)) {
		return store.ErrStale
	}
	return err
}

// versionedWrite is the update that writes an item over the version before its own.
func versionedWrite(i layout.Item) rewriting {
	r := rewrite(i, nil)
	if version := i.Number("version"); version > 1 {
		r.onCondition("version = :before", item{":before": num(version - 1)})
	} else {
		r.onCondition(absent, nil)
	}
	return r
}

// putAndTell makes an update and puts notices into the outbox, or returns store.ErrStale.
func (s *Store) putAndTell(ctx context.Context, r rewriting, told []notice.Notice) error {
	writes := []types.TransactWriteItem{r.inTransaction(&s.table)}
	for _, n := range told {
		w, err := s.tell(n)
		if err != nil {
			return err
		}
		writes = append(writes, w)
	}
	failed, err := s.transact(ctx, writes)
	switch {
	case err != nil:
		return fmt.Errorf("put %s: %w", text(r.key, "sk"), err)
	case len(failed) > 0:
		return store.ErrStale
	}
	for _, n := range told {
		s.signaled(ctx, notice.Ref{Tenant: n.Facts.Tenant, NoticeID: n.ID})
	}
	return nil
}

func (s *Store) update(ctx context.Context, r rewriting) error {
	in := &dynamodb.UpdateItemInput{
		TableName:                &s.table,
		Key:                      r.key,
		UpdateExpression:         &r.expression,
		ExpressionAttributeNames: r.names, ExpressionAttributeValues: r.values,
	}
	if r.condition != "" {
		in.ConditionExpression = &r.condition
	}
	_, err := crowded(ctx, func() (*dynamodb.UpdateItemOutput, error) { return s.api.UpdateItem(ctx, in) })
	if err != nil {
		return fmt.Errorf("put %s: %w", text(r.key, "sk"), err)
	}
	return nil
}

// rewriting is an update that writes an item over the one that is stored, or makes it. It leaves
// attributes alone that the item does not have: newer code has written them.
type rewriting struct {
	key, values           item
	expression, condition string
	names                 map[string]string
}

// rewrite builds the update. It removes those of the optional attributes that the item lacks.
func rewrite(i layout.Item, optional []string) rewriting {
	r := rewriting{
		key: item{"pk": str(i.Text("pk")), "sk": str(i.Text("sk"))}, values: item{}, names: map[string]string{},
	}
	var set, remove []string
	all := attributes(i)
	for n, name := range slices.Sorted(maps.Keys(all)) {
		if name == "pk" || name == "sk" {
			continue
		}
		id := strconv.Itoa(n)
		r.names["#"+id], r.values[":"+id] = name, all[name]
		set = append(set, "#"+id+" = :"+id)
	}
	r.expression = "SET " + strings.Join(set, ", ")
	for n, name := range optional {
		if _, ok := all[name]; !ok {
			id := "#r" + strconv.Itoa(n) // ttl is a reserved word
			r.names[id] = name
			remove = append(remove, id)
		}
	}
	if len(remove) > 0 {
		r.expression += " REMOVE " + strings.Join(remove, ", ")
	}
	return r
}

func (r *rewriting) onCondition(condition string, values item) {
	r.condition = condition
	maps.Copy(r.values, values)
}

// inTransaction is the update as a write of a transaction.
func (r rewriting) inTransaction(table *string) types.TransactWriteItem {
	u := &types.Update{
		TableName:                 table,
		Key:                       r.key,
		UpdateExpression:          &r.expression,
		ExpressionAttributeNames:  r.names,
		ExpressionAttributeValues: r.values,
	}
	if r.condition != "" {
		u.ConditionExpression = &r.condition
	}
	return types.TransactWriteItem{Update: u}
}
