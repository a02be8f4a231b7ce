package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// samTemplate reads the SAM template into the form of a synthesized one, with the properties that
// its Globals give to all functions. Short tags (!Ref) become their long form ({"Ref": ...}).
func samTemplate(t *testing.T) (template, map[string]any) {
	t.Helper()
	source, err := os.ReadFile("../template/template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(source, &document); err != nil {
		t.Fatal(err)
	}
	root, err := generic(document.Content[0])
	if err != nil {
		t.Fatal(err)
	}
	sam := template{Resources: map[string]resource{}, Outputs: map[string]struct{ Value any }{}}
	for id, v := range at(root, "Resources").(map[string]any) {
		r := resource{Type: text(at(v, "Type"))}
		r.Properties, _ = at(v, "Properties").(map[string]any)
		r.DeletionPolicy, _ = at(v, "DeletionPolicy").(string)
		r.UpdateReplacePolicy, _ = at(v, "UpdateReplacePolicy").(string)
		sam.Resources[id] = r
	}
	for name, v := range at(root, "Outputs").(map[string]any) {
		sam.Outputs[name] = struct{ Value any }{at(v, "Value")}
	}
	globals, _ := at(root, "Globals", "Function").(map[string]any)
	return sam, globals
}

// generic turns a node into maps, lists and scalars. Numbers are float64, as in JSON.
func generic(n *yaml.Node) (any, error) {
	var v any
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			value, err := generic(n.Content[i+1])
			if err != nil {
				return nil, err
			}
			m[n.Content[i].Value] = value
		}
		v = m
	case yaml.SequenceNode:
		l := []any{}
		for _, c := range n.Content {
			value, err := generic(c)
			if err != nil {
				return nil, err
			}
			l = append(l, value)
		}
		v = l
	case yaml.ScalarNode:
		if strings.HasPrefix(n.Tag, "!!") {
			if err := n.Decode(&v); err != nil {
				return nil, err
			}
			if i, ok := v.(int); ok {
				v = float64(i)
			}
		} else {
			v = n.Value
		}
	default:
		return nil, fmt.Errorf("line %d: CloudFormation knows no aliases", n.Line)
	}
	switch {
	case strings.HasPrefix(n.Tag, "!!"):
		return v, nil
	case n.Tag == "!Ref":
		return map[string]any{"Ref": v}, nil
	case n.Tag == "!GetAtt":
		id, attribute, _ := strings.Cut(n.Value, ".")
		return map[string]any{"Fn::GetAtt": []any{id, attribute}}, nil
	default:
		return map[string]any{"Fn::" + strings.TrimPrefix(n.Tag, "!"): v}, nil
	}
}
