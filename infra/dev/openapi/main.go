// Command openapi writes docs/openapi.json, the document that the API serves, from
// pkg/httpapi/openapi.yaml, which people write. No function contains a YAML parser that way.
//
//	go run ./infra/dev/openapi
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"os"

	"gopkg.in/yaml.v3"
)

// Where the document is written by people, and where it is embedded from.
const (
	source = "pkg/httpapi/openapi.yaml"
	target = "docs/openapi.json"
)

func main() {
	text, err := os.ReadFile(source)
	if err != nil {
		log.Fatal(err)
	}
	document, err := toJSON(text)
	if err != nil {
		log.Fatal(source, ": ", err)
	}
	if err := os.WriteFile(target, document, 0o644); err != nil { //nolint:gosec // it is public
		log.Fatal(err)
	}
}

// toJSON writes a YAML document as JSON, with its members in the same order.
func toJSON(text []byte) ([]byte, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	var compact, indented bytes.Buffer
	if err := write(&compact, &document); err != nil {
		return nil, err
	}
	if err := json.Indent(&indented, compact.Bytes(), "", " "); err != nil {
		return nil, err
	}
	indented.WriteByte('\n')
	return indented.Bytes(), nil
}

// write writes a node. It knows the YAML that is also JSON: no anchors, no keys but strings.
func write(b *bytes.Buffer, n *yaml.Node) error {
	switch n.Kind {
	case yaml.DocumentNode:
		return write(b, n.Content[0])
	case yaml.MappingNode:
		return writeMembers(b, n)
	case yaml.SequenceNode:
		b.WriteByte('[')
		for i, item := range n.Content {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := write(b, item); err != nil {
				return err
			}
		}
		b.WriteByte(']')
		return nil
	case yaml.ScalarNode:
		var value any
		if err := n.Decode(&value); err != nil {
			return err
		}
		if n.Tag == "!!timestamp" { // a date without quotes; JSON has no such type
			value = n.Value
		}
		return writeValue(b, value)
	}
	return fmt.Errorf("line %d: anchors and aliases can't be written as JSON", n.Line)
}

func writeMembers(b *bytes.Buffer, n *yaml.Node) error {
	b.WriteByte('{')
	seen := map[string]bool{}
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" {
			return fmt.Errorf("line %d: a key is a string", key.Line)
		}
		if seen[key.Value] {
			return fmt.Errorf("line %d: %s is there twice", key.Line, key.Value)
		}
		if seen[key.Value] = true; i > 0 {
			b.WriteByte(',')
		}
		if err := writeValue(b, key.Value); err != nil {
			return err
		}
		b.WriteByte(':')
		if err := write(b, value); err != nil {
			return err
		}
	}
	b.WriteByte('}')
	return nil
}

// writeValue writes a scalar, without escapes for HTML.
func writeValue(b *bytes.Buffer, value any) error {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return err
	}
	b.Truncate(b.Len() - 1) // Encode ends with a line break
	return nil
}
