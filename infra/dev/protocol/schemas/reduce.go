package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// place is where a definition stands.
type place struct{ file, pointer string }

// reader follows the references of a release's schemas, and numbers what they lead to.
type reader struct {
	dir, version string
	files        map[string]any
	numbers      map[string]int // by file and pointer
	places       []place
	definitions  []any
}

// number returns the number of a definition, a new one the first time.
func (r *reader) number(file, pointer string) (int, error) {
	key := file + "#" + pointer
	if n, known := r.numbers[key]; known {
		return n, nil
	}
	if _, read := r.files[file]; !read {
		var doc any
		if err := readJSON(filepath.Join(r.dir, filepath.FromSlash(file)), &doc); err != nil {
			return 0, err
		}
		r.files[file] = doc
	}
	n := len(r.places)
	r.numbers[key] = n
	r.places, r.definitions = append(r.places, place{file, pointer}), append(r.definitions, nil)
	return n, nil
}

// define reduces a definition that has a number.
func (r *reader) define(n int) error {
	p := r.places[n]
	at := r.files[p.file]
	if p.pointer != "" {
		for name := range strings.SplitSeq(strings.TrimPrefix(p.pointer, "/"), "/") {
			name = strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
			switch in := at.(type) {
			case map[string]any:
				at = in[name]
			case []any:
				i, err := strconv.Atoi(name)
				if err != nil || i >= len(in) {
					return fmt.Errorf("no element %q", name)
				}
				at = in[i]
			}
			if at == nil {
				return fmt.Errorf("no member %q", name)
			}
		}
	}
	reduced, err := r.reduce(p.file, at)
	r.definitions[n] = reduced
	return err
}

// resolve returns the number of what a reference in a file leads to.
func (r *reader) resolve(file, ref string) (int, error) {
	address, pointer, _ := strings.Cut(ref, "#")
	address = strings.TrimPrefix(address, "https://adcontextprotocol.org")
	switch official, ok := strings.CutPrefix(address, "/schemas/"+r.version+"/"); {
	case ok:
		file = official
	case strings.Contains(address, ":") || strings.HasPrefix(address, "/"):
		return 0, fmt.Errorf("%q leads out of the release", ref)
	case address != "":
		file = path.Join(path.Dir(file), address)
	}
	return r.number(file, pointer)
}

// reduce keeps what decides whether a value is valid. A keyword that it does not know is an error:
// a new release may use one that pkg/adcp/schema has to learn first.
func (r *reader) reduce(file string, schema any) (any, error) {
	s, ok := schema.(map[string]any)
	if !ok {
		if _, ok := schema.(bool); ok {
			return schema, nil
		}
		return nil, fmt.Errorf("a schema is a %T", schema)
	}
	if ref, ok := s["$ref"].(string); ok {
		n, err := r.resolve(file, ref) // draft 7: what stands beside a reference does not count
		return map[string]any{"ref": n}, err
	}
	kept := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(s)) {
		if err := r.keep(file, kept, name, s[name]); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return kept, nil
}

// keep takes over one keyword of a schema.
func (r *reader) keep(file string, kept map[string]any, name string, v any) (err error) {
	switch name {
	case "type", "enum", "const", "required", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength",
		"maxLength", "minItems", "maxItems", "minProperties", "maxProperties":
		kept[name] = v
	case "uniqueItems":
		if v == true {
			kept[name] = v
		}
	case "format":
		if slices.Contains(assertedFormats, v.(string)) {
			kept[name] = v
		}
	case "pattern":
		return keepPattern(kept, v.(string))
	case "discriminator":
		kept[name] = v.(map[string]any)["propertyName"]
	case "not", "if", "then", "else", "contains", "propertyNames", "items", "additionalProperties":
		if name == "additionalProperties" && v == true {
			return nil
		}
		kept[name], err = r.reduce(file, v)
	case "allOf", "anyOf", "oneOf":
		kept[name], err = r.reduceList(file, v.([]any))
	case "properties", "patternProperties":
		kept[name], err = r.reduceMap(file, v.(map[string]any))
	case "dependencies":
		return r.keepDependencies(file, kept, v.(map[string]any))
	default:
		if !slices.Contains(annotations, name) && !strings.HasPrefix(name, "x-") {
			return fmt.Errorf("pkg/adcp/schema does not know this keyword")
		}
	}
	return err
}

// assertedFormats are the formats that pkg/adcp/schema checks.
var assertedFormats = []string{"date-time", "date", "uri", "email"}

// annotations say nothing about validity. Definitions are reached by references.
var annotations = []string{"$schema", "$id", "$comment", "title", "description", "examples", "default", "deprecated",
	"readOnly", "writeOnly", "definitions", "$defs", "enumDescriptions", "enumMetadata", "errorMessage", "notes"}

func (r *reader) reduceList(file string, list []any) ([]any, error) {
	kept := make([]any, len(list))
	for i, v := range list {
		var err error
		if kept[i], err = r.reduce(file, v); err != nil {
			return nil, fmt.Errorf("%d: %w", i, err)
		}
	}
	return kept, nil
}

func (r *reader) reduceMap(file string, members map[string]any) (map[string]any, error) {
	kept := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		var err error
		if kept[name], err = r.reduce(file, members[name]); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return kept, nil
}

// keepDependencies parts the two kinds of dependencies: of members on members, and on a schema.
func (r *reader) keepDependencies(file string, kept, members map[string]any) error {
	names, schemas := map[string]any{}, map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if list, ok := members[name].([]any); ok {
			names[name] = list
			continue
		}
		reduced, err := r.reduce(file, members[name])
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		schemas[name] = reduced
	}
	if len(names) > 0 {
		kept["dependentRequired"] = names
	}
	if len(schemas) > 0 {
		kept["dependentSchemas"] = schemas
	}
	return nil
}

// merge gives equal definitions one number, and leaves out those that only refer to another one.
func merge(version string, roots map[string]int, definitions []any) (derived, error) {
	number := make([]int, len(definitions))
	for i := range number {
		number[i] = i
	}
	target := func(n int) int {
		for number[n] != n {
			n = number[n]
		}
		return n
	}
	for again := true; again; {
		again = false
		first := map[string]int{}
		for i, d := range definitions {
			if target(i) != i {
				continue
			}
			d = renumber(d, target)
			definitions[i] = d
			if to, only := d.(map[string]any)["ref"].(int); only && to != i {
				number[i], again = to, true
				continue
			}
			text, err := json.Marshal(d)
			if err != nil {
				return derived{}, err
			}
			if f, known := first[string(text)]; known {
				number[i], again = f, true
			} else {
				first[string(text)] = i
			}
		}
	}
	// Number those that are left without gaps.
	final := map[int]int{}
	for i := range definitions {
		if target(i) == i {
			final[i] = len(final)
		}
	}
	d := derived{version: version, tools: map[string]int{}}
	for i := range definitions {
		if target(i) != i {
			continue
		}
		text, err := json.Marshal(renumber(definitions[i], func(n int) int { return final[target(n)] }))
		if err != nil {
			return derived{}, err
		}
		d.lines = append(d.lines, string(text))
	}
	for tool, n := range roots {
		d.tools[tool] = final[target(n)]
	}
	return d, nil
}

// renumber returns a definition with other numbers in its references.
func renumber(schema any, to func(int) int) any {
	switch s := schema.(type) {
	case map[string]any:
		c := make(map[string]any, len(s))
		for name, v := range s {
			if n, ok := v.(int); ok && name == "ref" {
				c[name] = to(n)
			} else {
				c[name] = renumber(v, to)
			}
		}
		return c
	case []any:
		c := make([]any, len(s))
		for i, v := range s {
			c[i] = renumber(v, to)
		}
		return c
	}
	return schema
}
