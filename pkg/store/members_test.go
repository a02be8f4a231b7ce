package store_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
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

// fill sets every field that is stored to something that is not zero.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)))
			return
		}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.Tag.Get("json") != "-" && f.IsExported() {
				fill(v.Field(i))
			}
		}
	case reflect.String:
		v.SetString("x<&>")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Float64:
		v.SetFloat(1.5)
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[json.RawMessage]() {
			v.SetBytes([]byte(`{"a":[1.0,"<"]}`))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	}
}

func TestOldCodeRewritesANewDocumentWithoutLoss(t *testing.T) {
	t.Parallel()
	var newer operation.Operation
	fill(reflect.ValueOf(&newer).Elem())
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

// keepNothing lists the structs inside stored documents that keep no unknown members, and why.
var keepNothing = map[reflect.Type]string{
	reflect.TypeFor[time.Time]():         "has no members",
	reflect.TypeFor[adcp.Error]():        "is the agent's, and has an encoding of its own",
	reflect.TypeFor[adcp.Continuation](): "is compared with the zero value to say whether there is one",
	reflect.TypeFor[adcp.Capabilities](): "is discovered anew",
}

// A struct that is added to a stored document has to keep what newer code will add to it.
func TestEveryStoredStructKeepsUnknownMembers(t *testing.T) {
	t.Parallel()
	var check func(at string, typ reflect.Type)
	check = func(at string, typ reflect.Type) {
		if typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || keepNothing[typ] != "" {
			return
		}
		keeps := false
		for i := range typ.NumField() {
			f := typ.Field(i)
			switch {
			case f.Tag.Get("document") == "unknown":
				keeps = f.Type.Kind() == reflect.String && f.Tag.Get("json") == "-"
			case f.Tag.Get("json") != "-":
				check(at+"."+f.Name, f.Type)
			}
		}
		if !keeps {
			t.Errorf("%s (%v) has no field for unknown members", at, typ)
		}
	}
	for _, v := range []any{operation.Operation{}, registry.Agent{}, registry.Profile{}, circuit.State{}} {
		check(reflect.TypeOf(v).String(), reflect.TypeOf(v))
	}
}
