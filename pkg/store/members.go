package store

import (
	"bytes"
	"encoding/json"
	"fmt"
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
// struct's value, in arrays and maps as well: they move with an element and go when it is removed,
// so old elements need not be paired with new ones. Whoever replaces a value drops them, whoever
// changes it keeps them. CarryUnknown is for a value that is made anew but stands for the same.
//
// A member that only a type's own encoding writes is named by the field that holds it, so that it
// is not taken for an unknown one:
//
//	RetryAfter time.Duration `json:"-" document:"retry_after"`

// DecodeDocument decodes a stored document into the struct that v points to, and keeps the members
// that the struct does not know in its Unknown field, and in those of the structs inside it.
func DecodeDocument(body []byte, v any) error {
	target := reflect.ValueOf(v).Elem()
	m := membersOf(target.Type())
	strict := json.NewDecoder(bytes.NewReader(body))
	strict.DisallowUnknownFields()
	if strict.Decode(v) == nil {
		if _, err := strict.Token(); err == io.EOF {
			if !m.any(target, (*members).hides, isOpaque) {
				return nil // nothing is unknown
			}
			return m.collect(body, target, (*members).hides)
		}
	}
	target.SetZero()
	if err := json.Unmarshal(body, v); err != nil {
		return err
	}
	return m.collect(body, target, (*members).keeps)
}

// EncodeDocument encodes a struct with the members that DecodeDocument kept. It returns an error
// for a type that can't keep any.
func EncodeDocument(v any) ([]byte, error) {
	if m := membersOf(reflect.TypeOf(v)); m == nil || m.unknown < 0 {
		return nil, fmt.Errorf("%T has no field for unknown members", v)
	}
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return AddUnknown(body, v)
}

// AddUnknown adds the members that DecodeDocument kept in v to v's encoding, for encoders of their
// own.
func AddUnknown(body []byte, v any) ([]byte, error) {
	value := reflect.ValueOf(v)
	m := membersOf(value.Type())
	if !m.hasUnknown(value) {
		return body, nil
	}
	return m.merge(body, value)
}

// CarryUnknown gives the struct that v points to the unknown members of another one, and so with
// the structs inside: v is made anew and stands for the same. Elements of arrays and maps get none,
// because nothing says which of them stand for the same.
func CarryUnknown[T any](v *T, from T) {
	membersOf(reflect.TypeFor[T]()).carry(reflect.ValueOf(v), reflect.ValueOf(from))
}

// members says how a struct type keeps unknown members.
type members struct {
	unknown int               // the index of the field that holds them, or -1
	known   map[string]bool   // the names of all other members
	nested  map[string]nested // the fields whose types keep unknown members, by the member's name
	opaque  bool              // the type decodes itself: a strict decoder misses its unknown members
	hiding  bool              // opaque, or a type inside is
}

type nested struct {
	index int
	of    *members
}

func (m *members) keeps() bool { return m != nil && (m.unknown >= 0 || len(m.nested) > 0) }
func (m *members) hides() bool { return m != nil && m.hiding }

func (m *members) knows(name string) bool { // encoding/json ignores the case as well
	if m.known[name] {
		return true
	}
	for k := range m.known {
		if strings.EqualFold(k, name) {
			return true
		}
	}
	return false
}

var membersByType sync.Map // reflect.Type to *members

// membersOf returns nil for a type that is neither a struct nor a pointer, array or map of structs.
func membersOf(t reflect.Type) *members {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	if m, ok := membersByType.Load(t); ok {
		return m.(*members)
	}
	m := &members{unknown: -1, known: map[string]bool{}, nested: map[string]nested{}}
	for i := range t.NumField() {
		f := t.Field(i)
		written := f.Tag.Get("document")
		if written == "unknown" {
			m.unknown = i
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case written != "":
			name = written
		case name == "-" || !f.IsExported():
			continue
		case name == "":
			name = f.Name
		}
		m.known[name] = true
		if inner := membersOf(f.Type); inner.keeps() {
			m.nested[name] = nested{i, inner}
			m.hiding = m.hiding || inner.hiding
		}
	}
	m.opaque = m.unknown >= 0 && reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]())
	m.hiding = m.hiding || m.opaque
	membersByType.Store(t, m)
	return m
}

// any reports whether is holds for a struct, or for one inside it. It looks only where within
// holds.
func (m *members) any(v reflect.Value, within func(*members) bool, is func(*members, reflect.Value) bool) bool {
	if !within(m) {
		return false
	}
	switch v.Kind() {
	case reflect.Pointer:
		return !v.IsNil() && m.any(v.Elem(), within, is)
	case reflect.Slice:
		for i := range v.Len() {
			if m.any(v.Index(i), within, is) {
				return true
			}
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			if m.any(v.MapIndex(key), within, is) {
				return true
			}
		}
	default:
		if is(m, v) {
			return true
		}
		for _, n := range m.nested {
			if n.of.any(v.Field(n.index), within, is) {
				return true
			}
		}
	}
	return false
}

func isOpaque(m *members, _ reflect.Value) bool { return m.opaque }

// hasUnknown reports whether a struct, or one inside it, holds unknown members.
func (m *members) hasUnknown(v reflect.Value) bool {
	return m.any(v, (*members).keeps, func(m *members, v reflect.Value) bool {
		return m.unknown >= 0 && v.Field(m.unknown).String() != ""
	})
}

func (m *members) carry(v, from reflect.Value) {
	v, from = reflect.Indirect(v), reflect.Indirect(from)
	if !m.keeps() || !v.IsValid() || !from.IsValid() || v.Kind() != reflect.Struct {
		return
	}
	if m.unknown >= 0 {
		v.Field(m.unknown).Set(from.Field(m.unknown))
	}
	for _, n := range m.nested {
		n.of.carry(v.Field(n.index), from.Field(n.index))
	}
}

// collect puts the unknown members of a value's encoding into the structs that were decoded from
// it. It looks only where within holds.
func (m *members) collect(body []byte, v reflect.Value, within func(*members) bool) error {
	if !within(m) || string(bytes.TrimSpace(body)) == "null" {
		return nil
	}
	switch v.Kind() {
	case reflect.Pointer:
		return m.collect(body, v.Elem(), within)
	case reflect.Slice:
		var elements []json.RawMessage
		err := json.Unmarshal(body, &elements)
		for i := 0; i < len(elements) && err == nil; i++ {
			err = m.collect(elements[i], v.Index(i), within)
		}
		return err
	case reflect.Map:
		var elements map[string]json.RawMessage
		err := json.Unmarshal(body, &elements)
		for _, key := range v.MapKeys() {
			e := reflect.New(v.Type().Elem()).Elem() // an element itself can't be changed
			e.Set(v.MapIndex(key))
			if err == nil {
				err = m.collect(elements[key.String()], e, within)
			}
			v.SetMapIndex(key, e)
		}
		return err
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(body, &object); err != nil {
		return err
	}
	unknown := map[string]json.RawMessage{}
	for name, value := range object {
		if n, ok := m.nested[name]; ok {
			if err := n.of.collect(value, v.Field(n.index), within); err != nil {
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

// merge returns a value's encoding with the unknown members that its structs hold.
func (m *members) merge(body []byte, v reflect.Value) ([]byte, error) {
	if !m.hasUnknown(v) {
		return body, nil
	}
	switch v.Kind() {
	case reflect.Pointer:
		return m.merge(body, v.Elem())
	case reflect.Slice:
		var elements []json.RawMessage
		err := json.Unmarshal(body, &elements)
		for i := 0; i < len(elements) && err == nil; i++ {
			elements[i], err = m.merge(elements[i], v.Index(i))
		}
		return writeArray(elements), err
	case reflect.Map:
		var elements map[string]json.RawMessage
		err := json.Unmarshal(body, &elements)
		for _, key := range v.MapKeys() {
			if name := key.String(); err == nil {
				elements[name], err = m.merge(elements[name], v.MapIndex(key))
			}
		}
		return writeObject(elements), err
	}
	var object, unknown map[string]json.RawMessage
	err := json.Unmarshal(body, &object)
	for name, n := range m.nested {
		if value, ok := object[name]; ok && err == nil {
			object[name], err = n.of.merge(value, v.Field(n.index))
		}
	}
	if held := m.unknown >= 0 && v.Field(m.unknown).String() != ""; held && err == nil {
		err = json.Unmarshal([]byte(v.Field(m.unknown).String()), &unknown)
	}
	for name, value := range unknown {
		if !m.knows(name) {
			object[name] = value
		}
	}
	return writeObject(object), err
}

// writeObject writes members in the order of their names, their values byte for byte: json.Marshal
// would escape them anew.
func writeObject(object map[string]json.RawMessage) []byte {
	names := make([]string, 0, len(object))
	for name := range object {
		names = append(names, name)
	}
	slices.Sort(names)
	b := []byte{'{'}
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		quoted, _ := json.Marshal(name) // a string has no error
		b = append(append(append(b, quoted...), ':'), object[name]...)
	}
	return append(b, '}')
}

// writeArray writes elements byte for byte.
func writeArray(elements []json.RawMessage) []byte {
	b := []byte{'['}
	for i, e := range elements {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, e...)
	}
	return append(b, ']')
}
