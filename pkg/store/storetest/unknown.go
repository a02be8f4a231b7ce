package storetest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

// UnknownMembersSurvive checks that a document is rewritten without loss by code that does not know
// all of it: whatever newer code adds, in whichever struct that T consists of. encode and decode
// are the document's own.
func UnknownMembersSurvive[T any](t *testing.T, encode func(T) ([]byte, error), decode func([]byte, *T) error) {
	t.Helper()
	for _, lack := range lacking(reflect.TypeFor[T](), fmt.Sprintf("%T", *new(T)), map[reflect.Type]bool{}) {
		t.Error(lack)
	}
	var v T
	Fill(reflect.ValueOf(&v).Elem())
	body, err := encode(v)
	must(t, err)
	paths := objects(t, body, reflect.TypeFor[T]())
	for _, at := range paths {
		newer := []byte(at.with(t, body, `"later":{"b":"<&>","a":[2.50,null]},"new":null`))
		for range 2 { // again and again
			var old T
			must(t, decode(newer, &old))
			change(reflect.ValueOf(&old).Elem())
			newer, err = encode(old)
			must(t, err)
		}
		var found map[string]json.RawMessage
		must(t, json.Unmarshal(at.in(t, newer), &found))
		if string(found["later"]) != `{"b":"<&>","a":[2.50,null]}` || string(found["new"]) != "null" {
			t.Errorf("a new member of %s is lost: %s", at, newer)
		}
		if strings.Count(string(newer), `"later"`) != 1 || !changed.Match(newer) {
			t.Errorf("a new member of %s came back as %s", at, newer)
		}
	}
	t.Logf("%T: %d structs", v, len(paths))
}

// lacking names the structs that can't keep what newer code adds.
func lacking(typ reflect.Type, at string, seen map[reflect.Type]bool) (faults []string) {
	typ = element(typ)
	if typ.Kind() != reflect.Struct || typ == reflect.TypeFor[time.Time]() || seen[typ] {
		return nil
	}
	seen[typ] = true
	keeps := false
	for i := range typ.NumField() {
		f := typ.Field(i)
		switch {
		case f.Anonymous:
			faults = append(faults, at+" embeds a struct, whose members are not found")
		case f.Tag.Get("document") == "unknown":
			keeps = f.Type.Kind() == reflect.String && f.Tag.Get("json") == "-"
		case f.Tag.Get("json") != "-":
			faults = append(faults, lacking(f.Type, at+"."+f.Name, seen)...)
		}
	}
	if !keeps {
		faults = append(faults, fmt.Sprintf("%s (%v) has no field for unknown members", at, typ))
	}
	return faults
}

// element returns the type of the values in a pointer, an array or a map.
func element(typ reflect.Type) reflect.Type {
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice || typ.Kind() == reflect.Map {
		typ = typ.Elem()
	}
	return typ
}

// Fill sets every field that is stored to something that is not zero. Arrays and maps get two
// elements.
func Fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		Fill(v.Elem())
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(Start))
			return
		}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.Tag.Get("document") != "unknown" && f.Tag.Get("json") != "-" && f.IsExported() {
				Fill(v.Field(i))
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
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		Fill(v.Index(0))
		Fill(v.Index(1))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for _, name := range []string{"one", "two"} {
			e := reflect.New(v.Type().Elem()).Elem()
			Fill(e)
			v.SetMapIndex(reflect.ValueOf(name).Convert(v.Type().Key()), e)
		}
	}
}

// changed matches what is written after change.
var changed = regexp.MustCompile(`"changed"|:8\b`)

// change changes texts and numbers that stand directly in a struct and in the structs inside it.
func change(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		change(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.Tag.Get("document") != "unknown" && f.IsExported() {
				change(v.Field(i))
			}
		}
	case reflect.String:
		v.SetString("changed")
	case reflect.Int, reflect.Int64:
		v.SetInt(8)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Struct {
			for i := range v.Len() {
				change(v.Index(i))
			}
		}
	}
}

// place is the way to an object in a document: names of members, and indexes of arrays.
type place []any

func (p place) String() string { return fmt.Sprint("document", []any(p)) }

// objects returns the places of a document at which its type has a struct.
func objects(t *testing.T, body []byte, typ reflect.Type, at ...any) (all []place) {
	t.Helper()
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	if element(typ).Kind() != reflect.Struct || element(typ) == reflect.TypeFor[time.Time]() {
		return nil
	}
	inside := func(step any, inner reflect.Type) {
		at := append(at[:len(at):len(at)], step)
		all = append(all, objects(t, place{step}.in(t, body), inner, at...)...)
	}
	switch typ.Kind() {
	case reflect.Slice:
		inside(0, typ.Elem())
		inside(1, typ.Elem())
	case reflect.Map:
		inside("one", typ.Elem())
		inside("two", typ.Elem())
	default:
		all = append(all, at)
		for i := range typ.NumField() {
			f := typ.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "" {
				name = f.Name
			}
			if name != "-" {
				inside(name, f.Type)
			}
		}
	}
	return all
}

// in returns what a document has at a place.
func (p place) in(t *testing.T, body json.RawMessage) json.RawMessage {
	t.Helper()
	for _, step := range p {
		switch s := step.(type) {
		case string:
			var object map[string]json.RawMessage
			must(t, json.Unmarshal(body, &object))
			body = object[s]
		case int:
			var array []json.RawMessage
			must(t, json.Unmarshal(body, &array))
			body = array[s]
		}
	}
	return body
}

// with returns a document with more members in the object at a place.
func (p place) with(t *testing.T, body json.RawMessage, more string) json.RawMessage {
	t.Helper()
	if len(p) == 0 {
		return json.RawMessage("{" + more + "," + strings.TrimSpace(string(body))[1:])
	}
	inner := p[1:].with(t, p[:1].in(t, body), more)
	var object map[string]json.RawMessage
	var array []json.RawMessage
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	switch s := p[0].(type) {
	case string:
		must(t, json.Unmarshal(body, &object))
		object[s] = inner
		must(t, e.Encode(object))
	case int:
		must(t, json.Unmarshal(body, &array))
		array[s] = inner
		must(t, e.Encode(array))
	}
	return json.RawMessage(out.String())
}
