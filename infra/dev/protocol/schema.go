package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// schema is one JSON schema, or a part of one, and where it stands.
type schema struct {
	members map[string]any
	file    string // below the release's directory
}

// reader reads the schemas of one release.
type reader struct {
	dir   string
	files map[string]map[string]any
}

func (r *reader) open(file string) (schema, error) {
	if m, ok := r.files[file]; ok {
		return schema{m, file}, nil
	}
	b, err := os.ReadFile(filepath.Join(r.dir, filepath.FromSlash(file)))
	if err != nil {
		return schema{}, err
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		return schema{}, fmt.Errorf("%s: %w", file, err)
	}
	r.files[file] = m
	return schema{m, file}, nil
}

// follow resolves a $ref: a path beside the file, or an absolute one below /schemas/VERSION/, each
// also with a pointer.
func (r *reader) follow(s schema, ref string) (schema, error) {
	file, pointer, _ := strings.Cut(ref, "#")
	if _, below, ok := strings.Cut(file, "/schemas/"); ok {
		_, file, _ = strings.Cut(below, "/")
	} else if file == "" {
		file = s.file
	} else {
		file = path.Join(path.Dir(s.file), file)
	}
	found, err := r.open(file)
	if err != nil {
		return schema{}, fmt.Errorf("%s: $ref %s: %w", s.file, ref, err)
	}
	for _, step := range strings.Split(strings.TrimPrefix(pointer, "/"), "/") {
		if step == "" {
			continue
		}
		m, ok := found.members[step].(map[string]any)
		if !ok {
			return schema{}, fmt.Errorf("%s: $ref %s names nothing", s.file, ref)
		}
		found.members = m
	}
	return found, nil
}

// part returns a member of a schema that is a schema itself.
func (s schema) part(name string) (schema, bool) {
	m, ok := s.members[name].(map[string]any)
	return schema{m, s.file}, ok
}

// parts returns the schemas in a list, such as those of oneOf.
func (s schema) parts(name string) (all []schema) {
	list, _ := s.members[name].([]any)
	for _, v := range list {
		if m, ok := v.(map[string]any); ok {
			all = append(all, schema{m, s.file})
		}
	}
	return all
}

func texts(v any) (all []string) {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		for _, e := range v {
			if s, ok := e.(string); ok {
				all = append(all, s)
			}
		}
	}
	return all
}

// maxDepth ends schemas that contain themselves: a member's type stands near its top.
const maxDepth = 12

// kinds returns the first bytes of the values that a schema allows, sorted: those of the types, and
// of a constant truth value only its own. Empty is any.
func (r *reader) kinds(s schema, depth int) (string, error) {
	if depth > maxDepth {
		return "", nil
	}
	if c, ok := s.members["const"]; ok {
		return kindOf(c), nil
	}
	if types := texts(s.members["type"]); len(types) > 0 {
		var all string
		for _, t := range types {
			all += typeKinds[t]
		}
		return sortedBytes(all), nil
	}
	if values, ok := s.members["enum"].([]any); ok {
		var all string
		for _, v := range values {
			all += kindOf(v)
		}
		return sortedBytes(all), nil
	}
	if ref, ok := s.members["$ref"].(string); ok {
		to, err := r.follow(s, ref)
		if err != nil {
			return "", err
		}
		return r.kinds(to, depth+1)
	}
	for _, p := range s.parts("allOf") {
		if k, err := r.kinds(p, depth+1); k != "" || err != nil {
			return k, err
		}
	}
	var all string
	for _, p := range append(s.parts("oneOf"), s.parts("anyOf")...) {
		k, err := r.kinds(p, depth+1)
		if err != nil || k == "" {
			return "", err
		}
		all += k
	}
	return sortedBytes(all), nil
}

// typeKinds has the first bytes of a type's values; "0" stands for every number.
var typeKinds = map[string]string{
	"string": `"`, "object": "{", "array": "[", "number": "0", "integer": "0", "boolean": "tf", "null": "n",
}

func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "n"
	case string:
		return `"`
	case bool:
		if v {
			return "t"
		}
		return "f"
	case float64:
		return "0"
	case []any:
		return "["
	}
	return "{"
}

func sortedBytes(s string) string {
	b := []byte(s)
	slices.Sort(b)
	return string(slices.Compact(b))
}
