package dynamo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
)

// JoinLine puts a waiter into a gate's line, once, and returns the gate. first reports whether the
// line was empty before. The waiter comes before the mark: whoever finds the line marked finds him.
func (s *Store) JoinLine(ctx context.Context, id circuit.GateID, w circuit.Waiter, now time.Time) (
	g circuit.Gate, first bool, err error) {
	if err := s.update(ctx, rewrite(layout.WaiterItem(id, w, now), nil)); err != nil {
		return circuit.Gate{}, false, err
	}
	g, err = s.updateGate(ctx, id, lookAt(now, "attribute_not_exists("+attrLine+")"))
	if errors.Is(err, store.ErrStale) {
		return g, false, nil
	}
	return g, err == nil, err
}

// LookAtLine marks a line as one that has waiters, and puts the next look at it off until then.
func (s *Store) LookAtLine(ctx context.Context, id circuit.GateID, next time.Time) error {
	_, err := s.updateGate(ctx, id, lookAt(next))
	return err
}

// lookAt marks a line and puts its gate into the index of what is due.
func lookAt(at time.Time, conditions ...string) gateUpdate {
	u := gateUpdate{conditions: conditions}
	u.value(":line", num(1))
	u.value(":partition", str(layout.LinesDue))
	u.value(":at", str(layout.Timestamp(at)))
	u.set = []string{attrLine + " = :line", "due_pk = :partition", "due_at = :at"}
	return u
}

// CloseLine marks a line as empty. Its gate stays among those to be looked at.
func (s *Store) CloseLine(ctx context.Context, id circuit.GateID) error {
	_, err := s.updateGate(ctx, id, gateUpdate{remove: []string{attrLine}})
	return err
}

// UnlistLine takes a gate out of those to be looked at, unless its line has been marked again.
func (s *Store) UnlistLine(ctx context.Context, id circuit.GateID) error {
	_, err := s.updateGate(ctx, id, gateUpdate{
		remove: []string{"due_pk", "due_at"}, conditions: []string{"attribute_not_exists(" + attrLine + ")"},
	})
	if errors.Is(err, store.ErrStale) {
		return nil
	}
	return err
}

// Line returns those who wait, the oldest first, at most limit of them.
func (s *Store) Line(ctx context.Context, id circuit.GateID, limit int) (all []circuit.Waiter, err error) {
	condition, consistent, most := "pk = :pk AND begins_with(sk, :sk)", true, int32(limit)
	items, err := s.queryAll(ctx, &dynamodb.QueryInput{
		TableName: &s.table, KeyConditionExpression: &condition, ConsistentRead: &consistent, Limit: &most,
		ExpressionAttributeValues: item{
			":pk": str(layout.GateKey(id, "").Text("pk")), ":sk": str(layout.SKWaiter),
		},
	})
	for _, i := range plainAll(items) {
		all = append(all, layout.ReadWaiter(i))
	}
	return all, err
}

// ClaimWaiter claims a waiter until a time. It returns store.ErrStale if another process has it, or
// if it does not stand in line.
func (s *Store) ClaimWaiter(ctx context.Context, id circuit.GateID, w circuit.Waiter, now, until time.Time) error {
	update, condition := "SET claimed = :until", "claimed <= :now"
	in := &dynamodb.UpdateItemInput{
		TableName: &s.table, Key: attributes(layout.WaiterKey(id, w)), UpdateExpression: &update,
		ConditionExpression: &condition, ExpressionAttributeValues: item{
			":now": num(layout.Micros(now)), ":until": num(layout.Micros(until)),
		},
	}
	_, err := crowded(ctx, func() (*dynamodb.UpdateItemOutput, error) { return s.api.UpdateItem(ctx, in) })
	if errors.As(err, new(*types.ConditionalCheckFailedException)) {
		return store.ErrStale
	}
	if err != nil {
		return fmt.Errorf("claim a waiter: %w", err)
	}
	return nil
}

// LeaveLine takes a waiter out of a line.
func (s *Store) LeaveLine(ctx context.Context, id circuit.GateID, w circuit.Waiter) error {
	in := &dynamodb.DeleteItemInput{TableName: &s.table, Key: attributes(layout.WaiterKey(id, w))}
	_, err := crowded(ctx, func() (*dynamodb.DeleteItemOutput, error) { return s.api.DeleteItem(ctx, in) })
	if err != nil {
		return fmt.Errorf("leave line: %w", err)
	}
	return nil
}

// LinesDue returns the gates whose lines are to be looked at, the longest due first, at most
// limit of them. It may lag behind the last writes.
func (s *Store) LinesDue(ctx context.Context, now time.Time, limit int) (due []circuit.GateID, err error) {
	index, condition, most := layout.DueIndex.Name, "due_pk = :lines AND due_at < :now", int32(limit)
	items, err := s.queryAll(ctx, &dynamodb.QueryInput{
		TableName: &s.table, IndexName: &index, KeyConditionExpression: &condition, Limit: &most,
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":lines": str(layout.LinesDue), ":now": str(layout.Timestamp(now)),
		},
	})
	for _, i := range plainAll(items) {
		if id, ok := layout.GateOf(i); ok {
			due = append(due, id)
		}
	}
	return due, err
}
