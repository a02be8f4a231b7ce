package store_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/audit"
	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/storetest"
)

// oldOperation is an operation as code knew it that was released before today's: it is frozen, and
// lacks much.
type oldOperation struct {
	ID      string          `json:"id"`
	State   operation.State `json:"state"`
	Webhook struct {
		Mode    string `json:"mode"`
		Unknown string `json:"-" document:"unknown"`
	} `json:"webhook"`
	Call         oldCall          `json:"call"`
	InputRequest *oldInputRequest `json:"input_request,omitempty"`
	Attempts     struct {
		Polls   int    `json:"polls"`
		Unknown string `json:"-" document:"unknown"`
	} `json:"attempts"`
	Unknown string `json:"-" document:"unknown"`
}

type oldCall struct {
	Attempts int    `json:"attempts"`
	Unknown  string `json:"-" document:"unknown"`
}

type oldInputRequest struct {
	Generation int    `json:"generation"`
	Unknown    string `json:"-" document:"unknown"`
}

func TestOldCodeRewritesANewDocumentWithoutLoss(t *testing.T) {
	t.Parallel()
	var newer operation.Operation
	storetest.Fill(reflect.ValueOf(&newer).Elem())
	body, err := store.EncodeDocument(newer)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // again and again
		var old oldOperation
		if err := store.DecodeDocument(body, &old); err != nil {
			t.Fatal(err)
		}
		old.State = operation.Working
		old.Call.Attempts++
		old.Attempts.Polls++
		old.InputRequest.Generation++
		if body, err = store.EncodeDocument(&old); err != nil {
			t.Fatal(err)
		}
	}
	var after operation.Operation
	if err := store.DecodeDocument(body, &after); err != nil {
		t.Fatal(err)
	}
	newer.State = operation.Working
	newer.Call.Attempts, newer.Attempts.Polls, newer.InputRequest.Generation = 10, 10, 10
	if !equalJSON(t, after, newer) {
		t.Errorf("got  %+v\nwant %+v", after, newer)
	}
}

func equalJSON(t *testing.T, a, b any) bool {
	t.Helper()
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

// Every document that is rewritten keeps what it does not know.
func TestEachVersionedDocumentKeepsUnknownMembers(t *testing.T) {
	t.Parallel()
	for _, v := range []any{&operation.Operation{}, &registry.Agent{}, &registry.Profile{}, &circuit.State{}} {
		t.Run(fmt.Sprintf("%T", v), func(t *testing.T) {
			t.Parallel()
			if err := store.DecodeDocument([]byte(`{"later":{"b":1,"a":[2.50]},"new":null}`), v); err != nil {
				t.Fatal(err)
			}
			body, err := store.EncodeDocument(v)
			if err != nil || !strings.Contains(string(body), `"later":{"b":1,"a":[2.50]}`) ||
				!strings.Contains(string(body), `"new":null`) {
				t.Errorf("got %s, %v", body, err)
			}
		})
	}
}

// What newer code knows of a value ends with the value: a new input request has no old assignee.
func TestUnknownMembersGoWithTheirValue(t *testing.T) {
	t.Parallel()
	var op operation.Operation
	const doc = `{"input_request":{"generation":1,"assignee":"ann"},"attention":{"reason":"x","assignee":"bob"}}`
	if err := store.DecodeDocument([]byte(doc), &op); err != nil {
		t.Fatal(err)
	}
	op.InputRequest = operation.InputRequest{Generation: 2}
	op.Attention = &operation.Attention{Reason: "y"}
	body, err := store.EncodeDocument(op)
	if err != nil || strings.Contains(string(body), "assignee") {
		t.Errorf("got %s, %v", body, err)
	}
}

// A member that this code has learned meanwhile is not written twice, and this code's value counts.
func TestKnownMemberWinsOverAnUnknownOne(t *testing.T) {
	t.Parallel()
	body, err := store.EncodeDocument(operation.Operation{ID: "op_1", Unknown: `{"id":"op_2","x":1}`})
	if err != nil || strings.Count(string(body), `"id"`) != 1 || !strings.Contains(string(body), `"id":"op_1"`) ||
		!strings.Contains(string(body), `"x":1`) {
		t.Errorf("got %s, %v", body, err)
	}
}

func TestMalformedDocumentsAreErrors(t *testing.T) {
	t.Parallel()
	for _, body := range []string{``, `{`, `[]`, `{"id":7}`, `{} {}`, `{"id":"x"} trailing`, `{"call":[]}`} {
		op := operation.Operation{ID: "before"}
		if err := store.DecodeDocument([]byte(body), &op); err == nil {
			t.Errorf("%q was read as %+v", body, op)
		}
	}
}

// Every stored document is rewritten without loss, and every struct inside.
func TestUnknownMembersSurviveAtEveryDepth(t *testing.T) {
	t.Parallel()
	t.Run("operation", survive[operation.Operation])
	t.Run("event", survive[operation.Event])
	t.Run("agent", survive[registry.Agent])
	t.Run("profile", survive[registry.Profile])
	t.Run("circuit", survive[circuit.State])
	t.Run("secret of an API key", survive[apikey.Key])
	t.Run("API key", survive[apikey.Record])
	t.Run("keys that make keys", survive[apikey.Admins])
	t.Run("event of the audit log", survive[audit.Event])
	t.Run("request for an API key", survive[apikey.Request])
	t.Run("quarantined", survive[inbox.Quarantined])
	t.Run("arrays and maps", survive[collections])
}

func survive[T any](t *testing.T) {
	t.Parallel()
	storetest.UnknownMembersSurvive(t, func(v T) ([]byte, error) { return store.EncodeDocument(v) },
		func(body []byte, v *T) error { return store.DecodeDocument(body, v) })
}

// collections has what a document may consist of and today's documents have only in part.
type collections struct {
	Name     string             `json:"name"`
	Structs  []oldCall          `json:"structs"`
	Pointers []*oldInputRequest `json:"pointers"`
	Map      map[string]oldCall `json:"map"`
	Lists    map[string][]line  `json:"lists"`
	Unknown  string             `json:"-" document:"unknown"`
}

type line struct {
	Text    string     `json:"text"`
	Err     adcp.Error `json:"err"`
	Unknown string     `json:"-" document:"unknown"`
}

// What newer code knows of an element moves with the element, and goes when it is removed.
func TestUnknownMembersStayWithTheirElement(t *testing.T) {
	t.Parallel()
	var c collections
	const doc = `{"structs":[{"attempts":1,"x":"a"},{"attempts":2,"x":"b"},{"attempts":3,"x":"c"}]}`
	if err := store.DecodeDocument([]byte(doc), &c); err != nil {
		t.Fatal(err)
	}
	c.Structs = append([]oldCall{{Attempts: 4}, c.Structs[2]}, c.Structs[1]) // one is new, two change places, one goes
	body, err := store.EncodeDocument(c)
	const want = `"structs":[{"attempts":4},{"attempts":3,"x":"c"},{"attempts":2,"x":"b"}]`
	if err != nil || !strings.Contains(string(body), want) {
		t.Errorf("got %s, %v", body, err)
	}
}

func TestNoDocumentIsStoredThatWouldLoseMembers(t *testing.T) {
	t.Parallel()
	if body, err := store.EncodeDocument(struct{ Name string }{"x"}); err == nil {
		t.Errorf("stored %s", body)
	}
}

// BenchmarkDocument measures reading and writing an operation's document, with everything set.
func BenchmarkDocument(b *testing.B) {
	var op operation.Operation
	storetest.Fill(reflect.ValueOf(&op).Elem())
	known, err := store.EncodeDocument(op)
	if err != nil {
		b.Fatal(err)
	}
	withoutError := op
	withoutError.Error = nil
	usual, err := store.EncodeDocument(withoutError)
	if err != nil {
		b.Fatal(err)
	}
	newer := []byte(strings.Replace(string(known), `"call":{`, `"call":{"region":"eu",`, 1))
	for name, body := range map[string][]byte{"usual": usual, "with an error": known, "newer": newer} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var read operation.Operation
				if err := store.DecodeDocument(body, &read); err != nil {
					b.Fatal(err)
				}
				if _, err := store.EncodeDocument(read); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
