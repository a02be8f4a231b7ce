package store

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// A function that is older than the writer of a document has to rewrite it without loss: functions
// are deployed one after the other, and a rollback runs old code for weeks. A struct of a stored
// document therefore has a field
//
//	Unknown string `json:"-" document:"unknown"`
//
// which holds, as one JSON object, the members that this build does not know. They belong to the
// struct's value: whoever replaces the value drops them, whoever changes it keeps them. Values in
// arrays and maps keep none.

// DecodeDocument decodes a stored document into the struct that v points to, and keeps the members
// that the struct does not know in its Unknown field, and in those of the structs inside it.
func DecodeDocument(body []byte, v any) error {
	target := reflect.ValueOf(v).Elem()
	strict := json.NewDecoder(bytes.NewReader(body))
	strict.DisallowUnknownFields()
	if strict.Decode(v) == nil {
		if _, err := strict.Token(); err == io.EOF {
			return nil // nothing is unknown
		}
	}
	target.SetZero()
	if err := json.Unmarshal(body, v); err != nil {
		return err
	}
	return collect(body, target)
}

// EncodeDocument encodes a struct with the members that DecodeDocument kept.
func EncodeDocument(v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return AddUnknown(body, v)
}

// AddUnknown adds the members that DecodeDocument kept in v to v's encoding, for encoders of their
// own.
func AddUnknown(body []byte, v any) ([]byte, error) {
	value := reflect.Indirect(reflect.ValueOf(v))
	if !hasUnknown(value) {
		return body, nil
	}
	return merge(body, value)
}

// members says how a struct type keeps unknown members.
type members struct {
	unknown int            // the index of the field that holds them, or -1
	known   []string       // the names of all other members
	nested  map[string]int // the fields whose types keep unknown members, by the member's name
}

func (m *members) keeps() bool { return m.unknown >= 0 || len(m.nested) > 0 }

func (m *members) knows(name string) bool { // encoding/json ignores the case as well
	return slices.ContainsFunc(m.known, func(k string) bool { return strings.EqualFold(k, name) })
}

var membersByType sync.Map // reflect.Type to *members

// membersOf returns nil for a type that is no struct, or a pointer to one.
func membersOf(t reflect.Type) *members {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	if m, ok := membersByType.Load(t); ok {
		return m.(*members)
	}
	m := &members{unknown: -1, nested: map[string]int{}}
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Tag.Get("document") == "unknown" {
			m.unknown = i
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" || !f.IsExported() {
			continue
		}
		if name == "" {
			name = f.Name
		}
		m.known = append(m.known, name)
		if inner := membersOf(f.Type); inner != nil && inner.keeps() {
			m.nested[name] = i
		}
	}
	membersByType.Store(t, m)
	return m
}

// collect puts the unknown members of an object into the struct that was decoded from it.
func collect(body []byte, v reflect.Value) error {
	m := membersOf(v.Type())
	v = reflect.Indirect(v)
	if m == nil || !m.keeps() || !v.IsValid() || string(bytes.TrimSpace(body)) == "null" {
		return nil
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(body, &object); err != nil {
		return err
	}
	unknown := map[string]json.RawMessage{}
	for name, value := range object {
		if i, ok := m.nested[name]; ok {
			if err := collect(value, v.Field(i)); err != nil {
				return err
			}
		} else if !m.knows(name) {
			unknown[name] = value
		}
	}
	if len(unknown) > 0 && m.unknown >= 0 {
		v.Field(m.unknown).SetString(string(writeObject(unknown)))
	}
	return nil
}

// hasUnknown reports whether a struct, or one inside it, holds unknown members.
func hasUnknown(v reflect.Value) bool {
	m := membersOf(v.Type())
	v = reflect.Indirect(v)
	if m == nil || !m.keeps() || !v.IsValid() {
		return false
	}
	if m.unknown >= 0 && v.Field(m.unknown).String() != "" {
		return true
	}
	for _, i := range m.nested {
		if hasUnknown(v.Field(i)) {
			return true
		}
	}
	return false
}

// merge returns a struct's encoding with the unknown members that it holds.
func merge(body []byte, v reflect.Value) ([]byte, error) {
	m := membersOf(v.Type())
	v = reflect.Indirect(v)
	var object, unknown map[string]json.RawMessage
	if err := json.Unmarshal(body, &object); err != nil {
		return nil, err
	}
	for name, i := range m.nested {
		if value, ok := object[name]; ok && hasUnknown(v.Field(i)) {
			merged, err := merge(value, v.Field(i))
			if err != nil {
				return nil, err
			}
			object[name] = merged
		}
	}
	if m.unknown >= 0 && v.Field(m.unknown).String() != "" {
		if err := json.Unmarshal([]byte(v.Field(m.unknown).String()), &unknown); err != nil {
			return nil, err
		}
	}
	for name, value := range unknown {
		if !m.knows(name) {
			object[name] = value
		}
	}
	return writeObject(object), nil
}

// writeObject writes members in the order of their names, their values byte for byte: json.Marshal
// would escape them anew.
func writeObject(object map[string]json.RawMessage) []byte {
	names := make([]string, 0, len(object))
	for name := range object {
		names = append(names, name)
	}
	slices.Sort(names)
	var b bytes.Buffer
	for i, name := range names {
		b.WriteByte("{,"[min(i, 1)])
		quoted, _ := json.Marshal(name) // a string has no error
		b.Write(quoted)
		b.WriteByte(':')
		b.Write(object[name])
	}
	if len(names) == 0 {
		b.WriteByte('{')
	}
	b.WriteByte('}')
	return b.Bytes()
}
