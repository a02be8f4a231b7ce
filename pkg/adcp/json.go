package adcp

import (
	"bytes"
	"encoding/json"
	"slices"
)

// object returns the members of a JSON object, nil if raw is not an object. A map keeps the names
// exact; a struct would match them in any case.
func object(raw []byte) map[string]json.RawMessage {
	var m map[string]json.RawMessage
	if raw = bytes.TrimLeft(raw, " \t\r\n"); len(raw) == 0 || raw[0] != '{' || json.Unmarshal(raw, &m) != nil {
		return nil
	}
	return m
}

// text returns the value of a JSON string. ok is false if raw is not a string.
func text(raw json.RawMessage) (s string, ok bool) {
	return s, len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &s) == nil
}

// startingWith returns raw if it begins with the delimiter, else nil. For valid JSON, the first
// byte is the kind.
func startingWith(raw json.RawMessage, delimiter byte) json.RawMessage {
	if len(raw) == 0 || raw[0] != delimiter {
		return nil
	}
	return raw
}

// compactObject returns raw without insignificant whitespace if it is one JSON object, else nil.
func compactObject(raw []byte) json.RawMessage {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return nil
	}
	return startingWith(b.Bytes(), '{')
}

// list returns the first elements of a JSON array, at most limit, and nil if raw is not an array.
func list(raw json.RawMessage, limit int) []json.RawMessage {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return nil
	}
	var l []json.RawMessage
	for len(l) < limit && d.More() {
		var e json.RawMessage
		if d.Decode(&e) != nil {
			return nil
		}
		l = append(l, e)
	}
	return l
}

// head returns the first element, the zero value if there is none.
func head[T any](l []T) (first T) {
	if len(l) > 0 {
		first = l[0]
	}
	return first
}

// onlyHas reports whether a JSON object says nothing except in the named members: a null and an
// empty list say nothing.
func onlyHas(m map[string]json.RawMessage, names ...string) bool {
	for k, v := range m {
		if s := string(v); !slices.Contains(names, k) && s != "null" && s != "[]" {
			return false
		}
	}
	return true
}

func hasAny(m map[string]json.RawMessage, names ...string) bool {
	return slices.ContainsFunc(names, func(n string) bool { _, ok := m[n]; return ok })
}

// strip removes the named members from a JSON object, of which m are the members. An object without
// any of them stays byte for byte the same.
func strip(raw json.RawMessage, m map[string]json.RawMessage, names []string) json.RawMessage {
	if !hasAny(m, names...) {
		return raw
	}
	for _, n := range names {
		delete(m, n)
	}
	return marshal(m)
}

// marshal writes JSON without escapes for HTML, which would make six bytes of each "<" that an
// agent sent. It returns nil for what can't be written.
func marshal(v any) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return nil
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func without(names []string, out ...string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return slices.Contains(out, n) })
}

// saysNothing reports whether raw is missing, null, or a list, an object or a text without content.
func saysNothing(raw json.RawMessage) bool {
	var v any
	if len(raw) == 0 || json.Unmarshal(raw, &v) != nil {
		return len(raw) == 0
	}
	switch v := v.(type) {
	case nil:
		return true
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	case string:
		return v == ""
	}
	return false
}

// unwrapResult removes the wrapper that some frameworks put around what a tool returns: an object
// with the single member result, whose value is the object, or the object's text. It returns the
// object with its members. What is not wrapped stays as it is.
func unwrapResult(raw json.RawMessage) (json.RawMessage, map[string]json.RawMessage) {
	m := object(raw)
	inner := m["result"]
	if len(m) != 1 || len(inner) == 0 {
		return raw, m
	}
	if s, ok := text(inner); ok {
		inner = textObject(s)
	}
	if members := object(inner); members != nil {
		return inner, members
	}
	return raw, m
}

// unwrapBody is unwrapResult for the body of a task. That of a few tasks has a member result
// itself, which is no wrapper.
func unwrapBody(t Task, raw json.RawMessage) (json.RawMessage, map[string]json.RawMessage) {
	inner, m := unwrapResult(raw)
	if s, ok := toolOf(string(t)); ok && s.wrapped && len(m["result"]) == 0 {
		return raw, object(raw)
	}
	return inner, m
}
