package contract

import (
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"adcp-orchestrator/docs"
)

// parts compiles the description without the members that are required.
var parts = sync.OnceValues(func() (*jsonschema.Compiler, error) {
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(docs.OpenAPI))
	if err != nil {
		return nil, err
	}
	strict(value)
	requireNothing(value)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	return c, c.AddResource("parts.json", value)
})

// CheckPart checks an example of a document by a schema of the description. It may show some of the
// members only, and stand for what it leaves out with an ellipsis (…).
func CheckPart(schema, text string) error {
	c, err := parts()
	if err != nil {
		return err
	}
	s, err := c.Compile("parts.json#/components/schemas/" + schema)
	if err != nil {
		return err
	}
	value, err := decode([]byte(text))
	if err != nil {
		return err
	}
	shown, _ := withoutEllipses(value)
	return s.Validate(shown)
}

func requireNothing(v any) {
	switch v := v.(type) {
	case map[string]any:
		if _, ok := v["required"].([]any); ok {
			delete(v, "required")
		}
		for _, member := range v {
			requireNothing(member)
		}
	case []any:
		for _, item := range v {
			requireNothing(item)
		}
	}
}

// withoutEllipses drops the members and items that an ellipsis stands in.
func withoutEllipses(v any) (any, bool) {
	switch v := v.(type) {
	case string:
		return v, !strings.Contains(v, "…")
	case map[string]any:
		kept := map[string]any{}
		for name, member := range v {
			if m, ok := withoutEllipses(member); ok && !strings.Contains(name, "…") {
				kept[name] = m
			}
		}
		return kept, true
	case []any:
		kept := []any{}
		for _, item := range v {
			if i, ok := withoutEllipses(item); ok {
				kept = append(kept, i)
			}
		}
		return kept, true
	}
	return v, true
}
