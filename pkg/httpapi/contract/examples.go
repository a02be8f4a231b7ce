package contract

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Example is an example of the description.
type Example struct {
	Where string // a JSON pointer
	Value any
	// Fault is why it is not valid by its own schema, nil if it is.
	Fault error
}

// Examples returns every example of the description.
func (d *Document) Examples() []Example {
	var found []Example
	d.walk("", d.root, func(at string, o map[string]any) {
		schemaAt := at
		if _, ok := o["schema"]; ok {
			schemaAt = at + "/schema"
		}
		add := func(where string, value any) {
			e := Example{Where: where, Value: value}
			schema, err := d.compile(schemaAt)
			if e.Fault = err; err == nil {
				e.Fault = schema.Validate(value)
			}
			found = append(found, e)
		}
		if value, ok := o["example"]; ok {
			add(at+"/example", value)
		}
		for i, value := range list(o["examples"]) { // of a schema
			add(fmt.Sprint(at, "/examples/", i), value)
		}
		if strings.HasSuffix(at, "/components") {
			return
		}
		for name, value := range object(o["examples"]) { // of a body or a parameter
			example, where := d.follow(value, at+"/examples/"+escape(name))
			add(where, example["value"])
		}
	})
	return found
}

// RequestExamples returns the examples of an operation's body, as JSON.
func (d *Document) RequestExamples(o *Operation) [][]byte {
	body := object(d.at("/paths/" + escape(o.Path) + "/" + strings.ToLower(o.Method) + "/requestBody"))
	media := object(object(body["content"])["application/json"])
	var found [][]byte
	add := func(value any) {
		text, err := json.Marshal(value)
		if err != nil {
			panic(err) // it was read from JSON
		}
		found = append(found, text)
	}
	if value, ok := media["example"]; ok {
		add(value)
	}
	examples := object(media["examples"])
	for _, name := range slices.Sorted(maps.Keys(examples)) {
		example, _ := d.follow(examples[name], "")
		add(example["value"])
	}
	return found
}

// walk calls f for every object of the description, but for those inside of examples.
func (d *Document) walk(at string, v any, f func(at string, o map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		f(at, v)
		for name, member := range v {
			if name != "example" && name != "examples" && name != "value" {
				d.walk(at+"/"+escape(name), member, f)
			}
		}
	case []any:
		for i, item := range v {
			d.walk(fmt.Sprint(at, "/", i), item, f)
		}
	}
}
