package notice_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/operation"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const base = "https://api.example/live"

// at is an operation in a state, with an event that brought it there from another.
func at(from, to operation.State) (operation.Operation, operation.Event) {
	op := operation.Operation{Tenant: "acme", ID: "op_x", Type: adcp.CreateMediaBuy, AgentID: "seller", State: to,
		Version: 7, PONumber: "PO-1", TaskID: "tk_1", MediaBuyID: "mb_1", Deadline: now.Add(time.Hour),
		FollowUntil: now.Add(48 * time.Hour)}
	if to.Terminal() {
		op.Terminal = &operation.Terminal{Channel: operation.ByPoll, At: now}
	}
	return op, operation.Event{Seq: 7, At: now, Kind: operation.EventChanged, Channel: operation.ByPoll,
		From: from, To: to}
}

// flagged is an operation with attention, and the event that tells it.
func flagged(r operation.Reason) (operation.Operation, operation.Event) {
	op, e := at(operation.Working, operation.Working)
	op.Attention = &operation.Attention{Reason: r, Since: now, Detail: "detail"}
	e.Kind, e.Channel, e.Detail = operation.EventAttention, operation.ByOrchestrator, string(r)
	return op, e
}

// one is what is told of one event.
func one(t *testing.T, op operation.Operation, e operation.Event) notice.Notice {
	t.Helper()
	told := notice.Of(op, []operation.Event{e})
	if len(told) != 1 || told[0] == nil {
		t.Fatalf("of %+v is told %v", e, told)
	}
	return *told[0]
}

// everything is one notice of each type.
func everything(t *testing.T) map[notice.Type]notice.Notice {
	t.Helper()
	all := map[notice.Type]notice.Notice{}
	for _, to := range []operation.State{operation.Submitted, operation.Working, operation.InputRequired,
		operation.AuthRequired, operation.Completed, operation.Failed, operation.Rejected, operation.Canceled} {
		op, e := at(operation.CallingAdCP, to)
		e.AgentMessage = strings.Repeat("é", 3000)
		n := one(t, op, e)
		all[n.Type] = n
	}
	for _, r := range []operation.Reason{operation.DeadlinePassed, operation.OutcomeUnclear, operation.ProtocolClash,
		operation.GaveUp} {
		op, e := flagged(r)
		n := one(t, op, e)
		all[n.Type] = n
	}
	for _, kind := range []operation.EventKind{operation.EventInputAnswered, "cancel_requested"} {
		op, e := at(operation.InputRequired, operation.InputRequired)
		e.Kind, e.Channel = kind, operation.ByAPI
		e.Actor = &operation.Actor{Type: operation.ActorAPIKey, ID: "k_1", Name: "desk", RequestID: "r", OnBehalfOf: "jane"}
		n := one(t, op, e)
		all[n.Type] = n
	}
	for _, n := range []notice.Notice{
		notice.Quarantined("acme", "seller", "op_x", "2026-11-23#op_x#a#1", "task_id_mismatch", false, now),
		notice.Circuit("acme", "seller", "seller.0011", 3, true, now),
		notice.Circuit("acme", "seller", "seller.0011", 4, false, now),
		notice.Keys("acme", "seller", "https://seller.example", 2, "New keys: 1", now),
		notice.Disabled("acme", "we_1", 2, "gone", now), notice.Tried("acme", "we_1", "r1", now),
	} {
		all[n.Type] = n
	}
	return all
}

// Every type is told in an envelope that its schema describes, with a text for people.
func TestEveryTypeFitsTheSchema(t *testing.T) {
	t.Parallel()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(notice.Schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(notice.DataSchema, doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile(notice.DataSchema)
	if err != nil {
		t.Fatal(err)
	}
	all := everything(t)
	ids := map[string]notice.Type{}
	for _, kind := range notice.Types() {
		n, ok := all[kind]
		if !ok {
			t.Errorf("nothing tells %s", kind)
			continue
		}
		b, err := n.Encode(base)
		if err != nil {
			t.Fatal(err)
		}
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(v); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		e := n.Envelope(base)
		text := e.Data.Text
		if e.Type != string(kind)+".v1" || e.Source != base || !e.Time.Equal(now) || text.Title == "" || text.Who == "" ||
			!strings.HasPrefix(text.Link, base+"/v1/") || strings.Contains(text.Title+text.Body, "%!") {
			t.Errorf("%s: %+v", kind, e)
		}
		if parsed, ok := notice.ParseType(e.Type); !ok || parsed != kind {
			t.Errorf("%s is read as %q", e.Type, parsed)
		}
		if other, twice := ids[n.ID]; twice && !strings.HasPrefix(n.ID, "op_x-") {
			t.Errorf("%s and %s share the id %s", kind, other, n.ID)
		}
		ids[n.ID] = kind
	}
	if err := schema.Validate(map[string]any{"specversion": "1.0"}); err == nil {
		t.Error("the schema takes anything")
	}
}

// What only means that the orchestrator works is told to nobody.
func TestMostEventsAreNotTold(t *testing.T) {
	t.Parallel()
	for _, kind := range []operation.EventKind{operation.EventCreated, operation.EventCalling, operation.EventQueued,
		operation.EventNoAnswer, operation.EventSeen, operation.EventIgnored, operation.EventConflict, operation.EventTurn,
		operation.EventRestarted, operation.EventPublished, operation.EventNews, operation.EventSnapshot} {
		op, e := at(operation.Working, operation.Working)
		e.Kind = kind
		if told := notice.Of(op, []operation.Event{e, {}}); told[0] != nil || told[1] != nil {
			t.Errorf("%s is told as %+v", kind, told)
		}
	}
	op, e := at(operation.Requested, operation.CallingAdCP)
	if told := notice.Of(op, []operation.Event{e}); told[0] != nil {
		t.Errorf("the call is told as %+v", told[0])
	}
}

// An input request raises attention in the same change, and is told once. One that follows another
// without a change of state is told by its attention.
func TestAnInputRequestIsToldOnce(t *testing.T) {
	t.Parallel()
	op, asked := at(operation.Working, operation.InputRequired)
	_, attention := flagged(operation.InputNeeded)
	op.Attention = &operation.Attention{Reason: operation.InputNeeded, Since: now}
	told := notice.Of(op, []operation.Event{asked, attention})
	if told[0] == nil || told[0].Type != notice.InputRequired || told[1] != nil {
		t.Errorf("told %+v", told)
	}
	refused := asked
	refused.Kind, refused.From = operation.EventNoAnswer, operation.InputRequired
	told = notice.Of(op, []operation.Event{refused, attention})
	if told[0] != nil || told[1] == nil || told[1].Type != notice.InputRequired {
		t.Errorf("told %+v", told)
	}
	again := asked
	again.From = operation.InputRequired
	if told = notice.Of(op, []operation.Event{again}); told[0] == nil || told[0].Type != notice.InputRequired {
		t.Errorf("told %+v", told)
	}
}

// An end that raises attention is told as both, under ids that stay apart and the same each time.
func TestTheEndHasAnIDOfItsOwn(t *testing.T) {
	t.Parallel()
	op, end := at(operation.Working, operation.Completed)
	op.Attention = &operation.Attention{Reason: operation.ResultMissing, Since: now}
	_, attention := flagged(operation.ResultMissing)
	attention.From, attention.To = operation.Completed, operation.Completed
	told := notice.Of(op, []operation.Event{end, attention})
	if told[0].ID != "op_x-ended" || told[0].ID != notice.EndID(op.ID) || told[1].ID != "op_x-7-1" ||
		told[1].Type != notice.Attention || told[0].Sequence >= told[1].Sequence {
		t.Errorf("told %+v, %+v", told[0], told[1])
	}
	for _, n := range told {
		if notice.OperationOf(n.ID) != op.ID {
			t.Errorf("%s is of %q", n.ID, notice.OperationOf(n.ID))
		}
	}
	if id := notice.Tried("acme", "we_1", "r1", now).ID; notice.OperationOf(id) != "" {
		t.Errorf("%s names an operation", id)
	}
}

// The agent's words are in one member, and short.
func TestTheAgentsWordsStandApart(t *testing.T) {
	t.Parallel()
	const words = "<b>call 0900</b>"
	op, e := at(operation.Working, operation.Failed)
	op.TaskID = words + strings.Repeat("x", 3000)
	op.Error = &adcp.Error{Code: words, Message: words}
	e.AgentMessage = words + strings.Repeat("é", 3000)
	b, err := one(t, op, e).Encode(base)
	if err != nil {
		t.Fatal(err)
	}
	var envelope struct{ Data map[string]json.RawMessage }
	if err := json.Unmarshal(b, &envelope); err != nil {
		t.Fatal(err)
	}
	var message string
	if err := json.Unmarshal(envelope.Data["agent_message"], &message); err != nil || len(message) > 2048 ||
		!strings.HasPrefix(message, words) || !utf8.ValidString(message) {
		t.Errorf("%v: %d bytes", err, len(message))
	}
	delete(envelope.Data, "agent_message")
	for name, value := range envelope.Data {
		if bytes.Contains(value, []byte("0900")) {
			t.Errorf("%s has the agent's words: %s", name, value)
		}
	}
}

// The schema's members are those of the code: neither has one that the other lacks.
func TestTheSchemaNamesEveryMember(t *testing.T) {
	t.Parallel()
	var schema struct {
		Defs struct {
			Data struct {
				Properties map[string]json.RawMessage `json:"properties"`
			} `json:"data"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(notice.Schema, &schema); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, n := range everything(t) {
		n.Facts.EndReason, n.Facts.ErrorCode = operation.NotAfterPassed, "X"
		b, err := json.Marshal(n.Envelope(base).Data)
		if err != nil {
			t.Fatal(err)
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal(b, &members); err != nil {
			t.Fatal(err)
		}
		for name := range members {
			seen[name] = true
		}
	}
	for name := range schema.Defs.Data.Properties {
		if !seen[name] {
			t.Errorf("nothing has %s", name)
		}
	}
	if len(seen) != len(schema.Defs.Data.Properties) {
		t.Errorf("told are %v", slices.Sorted(func(yield func(string) bool) {
			for name := range seen {
				if !yield(name) {
					return
				}
			}
		}))
	}
}

// An id is what it is, also where a sentence begins with it.
func TestIDsKeepTheirCase(t *testing.T) {
	t.Parallel()
	op, e := at(operation.Submitted, operation.Completed)
	op.PONumber = ""
	if text := one(t, op, e).Text(base); !strings.HasPrefix(text.Title, op.ID) {
		t.Errorf("the title is %q", text.Title)
	}
}
