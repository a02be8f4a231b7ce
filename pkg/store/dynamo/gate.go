package dynamo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
)

// gateUpdate builds one update of a gate's item. The leases are a set of texts: sets take and lose
// members without regard to other writers, and have a size to put a condition on.
type gateUpdate struct {
	set, add, remove, conditions []string
	values                       item
}

func (u *gateUpdate) value(name string, v types.AttributeValue) {
	if u.values == nil {
		u.values = item{}
	}
	u.values[name] = v
}

// pace moves a time of the gate, on the condition that it is on the side of the floor that the
// caller has seen.
func (u *gateUpdate) pace(name string, p circuit.Pace) {
	if p.Interval == 0 {
		return
	}
	floor, interval := ":"+name+"_floor", ":"+name+"_interval"
	u.value(floor, num(layout.Micros(p.Floor)))
	if p.Ahead {
		u.value(interval, num(p.Interval.Microseconds()))
		u.set = append(u.set, name+" = "+name+" + "+interval)
		u.conditions = append(u.conditions, name+" > "+floor)
		if !p.Latest.IsZero() {
			latest := ":" + name + "_latest"
			u.value(latest, num(layout.Micros(p.Latest)))
			u.conditions = append(u.conditions, name+" <= "+latest)
		}
		return
	}
	u.value(interval, num(layout.Micros(p.Floor.Add(p.Interval))))
	u.set = append(u.set, name+" = "+interval)
	u.conditions = append(u.conditions, "(attribute_not_exists("+name+") OR "+name+" <= "+floor+")")
}

// The attributes of a gate's item. in_line is set while somebody waits in the gate's line.
const (
	attrLeases   = "leases"
	attrAnswered = "answered"
	attrLine     = "in_line"
	attrCalls    = "next_call"
	attrPolls    = "next_poll"
)

// StepGate makes one step and returns the gate after it. It returns store.ErrStale, with the
// gate as it is, if the step's conditions do not hold.
func (s *Store) StepGate(ctx context.Context, id circuit.GateID, step circuit.Step) (circuit.Gate, error) {
	var u gateUpdate
	if step.Lease.ID != "" {
		u.value(":lease", set(layout.LeaseText(step.Lease)))
		u.value(":limit", num(int64(step.Limit)))
		u.add = append(u.add, attrLeases+" :lease")
		fits := "size(" + attrLeases + ") < :limit"
		if step.Limit > 0 { // else not even the first fits
			fits = "(attribute_not_exists(" + attrLeases + ") OR " + fits + ")"
		}
		u.conditions = append(u.conditions, fits)
	}
	u.pace(attrCalls, step.Call)
	u.pace(attrPolls, step.Poll)
	if !step.Jumps {
		u.conditions = append(u.conditions, "attribute_not_exists("+attrLine+")")
	}
	g, err := s.updateGate(ctx, id, u)
	if _, ok := step.Apply(g); err == nil && u.expression() == "" && !ok {
		err = store.ErrStale // nothing was written, so no condition was checked
	}
	return g, err
}

// LeaveGate ends leases and returns the gate after it. answered, if it is not zero, is when a call
// was answered.
func (s *Store) LeaveGate(ctx context.Context, id circuit.GateID, over []circuit.Lease, answered time.Time) (
	circuit.Gate, error) {
	var u gateUpdate
	if !answered.IsZero() {
		u.value(":answered", num(layout.Micros(answered)))
		u.set = append(u.set, attrAnswered+" = :answered")
	}
	if len(over) > 0 {
		u.value(":over", set(layout.LeaseTexts(over)...))
	}
	return s.updateGate(ctx, id, u)
}

func set(members ...string) types.AttributeValue {
	return &types.AttributeValueMemberSS{Value: members}
}

// updateGate makes an update, or only reads the gate if there is nothing to change.
func (s *Store) updateGate(ctx context.Context, id circuit.GateID, u gateUpdate) (circuit.Gate, error) {
	key := attributes(layout.GateKey(id, layout.SKGate))
	expression := u.expression()
	if expression == "" {
		i, err := s.get(ctx, key)
		return readGate(i), err
	}
	in := &dynamodb.UpdateItemInput{
		TableName: &s.table, Key: key, UpdateExpression: &expression, ReturnValues: types.ReturnValueAllNew,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	if len(u.values) > 0 {
		in.ExpressionAttributeValues = u.values
	}
	if len(u.conditions) > 0 {
		condition := strings.Join(u.conditions, " AND ")
		in.ConditionExpression = &condition
	}
	out, err := crowded(ctx, func() (*dynamodb.UpdateItemOutput, error) { return s.api.UpdateItem(ctx, in) })
	var failed *types.ConditionalCheckFailedException
	if errors.As(err, &failed) {
		return readGate(failed.Item), store.ErrStale
	}
	if err != nil {
		return circuit.Gate{}, fmt.Errorf("update %s gate: %w", id.Kind, err)
	}
	return readGate(out.Attributes), nil
}

func (u *gateUpdate) expression() string {
	var parts []string
	for _, p := range []struct {
		verb    string
		clauses []string
	}{{"SET", u.set}, {"REMOVE", u.remove}, {"ADD", u.add}} {
		if len(p.clauses) > 0 {
			parts = append(parts, p.verb+" "+strings.Join(p.clauses, ", "))
		}
	}
	if u.values[":over"] != nil {
		parts = append(parts, "DELETE "+attrLeases+" :over")
	}
	return strings.Join(parts, " ")
}

func readGate(i item) circuit.Gate {
	g := circuit.Gate{
		Next:     layout.ReadMicros(number(i, attrCalls)),
		NextPoll: layout.ReadMicros(number(i, attrPolls)),
		Answered: layout.ReadMicros(number(i, attrAnswered)),
		Line:     i[attrLine] != nil,
	}
	if leases, ok := i[attrLeases].(*types.AttributeValueMemberSS); ok {
		g.Leases = layout.ReadLeases(leases.Value)
	}
	return g
}
