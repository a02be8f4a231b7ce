package contract

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// FreeTexts returns the members of the schemas that may hold any text, as Schema.member, and are
// not marked as a counterparty's words.
func (d *Document) FreeTexts() []string {
	found := map[string]bool{}
	schemas := object(object(d.root["components"])["schemas"])
	for name, schema := range schemas {
		if object(schema)["x-untrusted"] != true {
			freeTexts(name, object(schema), found)
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func freeTexts(at string, schema map[string]any, found map[string]bool) {
	if schema["x-untrusted"] == true {
		return
	}
	bounded := false
	for _, word := range []string{"format", "pattern", "enum", "const"} {
		_, there := schema[word]
		bounded = bounded || there
	}
	if schema["type"] == "string" && !bounded {
		found[at] = true
	}
	for name, member := range object(schema["properties"]) {
		freeTexts(at+"."+name, object(member), found)
	}
	if items := object(schema["items"]); items != nil {
		freeTexts(at+"[]", items, found)
	}
	if more := object(schema["additionalProperties"]); more != nil {
		freeTexts(at+".*", more, found)
	}
}

// Leaks returns where a value of a schema has a text outside of the members that are marked as a
// counterparty's words.
func (d *Document) Leaks(schema string, value any, text string) []string {
	return d.leaks("", object(d.at("/components/schemas/"+schema)), value, text)
}

func (d *Document) leaks(at string, schema map[string]any, value any, text string) (found []string) {
	schema, _ = d.follow(schema, "")
	if schema["x-untrusted"] == true {
		return nil
	}
	for _, part := range list(schema["allOf"]) {
		if s, _ := d.follow(part, ""); s["x-untrusted"] == true {
			return nil
		}
		found = append(found, d.leaks(at, object(part), value, text)...)
	}
	switch v := value.(type) {
	case string:
		if strings.Contains(v, text) && len(list(schema["allOf"])) == 0 {
			found = append(found, at)
		}
	case []any:
		for i, item := range v {
			found = append(found, d.leaks(fmt.Sprint(at, "[", i, "]"), object(schema["items"]), item, text)...)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			member := object(object(schema["properties"])[name])
			if member == nil {
				member = object(schema["additionalProperties"])
			}
			if strings.Contains(name, text) {
				found = append(found, at+".{name}")
			}
			found = append(found, d.leaks(at+"."+name, member, v[name], text)...)
		}
	}
	return found
}
