package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"gopkg.in/yaml.v3"

	"adcp-orchestrator/docs"
)

// What is served is what is written: nobody edits docs/openapi.json, or forgets to make it.
func TestServedDocumentIsTheWrittenOne(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", source))
	if err != nil {
		t.Fatal(err)
	}
	want, err := toJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	if docs.OpenAPI != string(want) {
		t.Errorf("%s is not made from %s as it is now: run make openapi", target, source)
	}
	var served, written any
	if err := json.Unmarshal([]byte(docs.OpenAPI), &served); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &written); err != nil {
		t.Fatal(err)
	}
	if b, err := json.Marshal(written); err != nil || json.Unmarshal(b, &written) != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(served, written) {
		t.Errorf("%s says something else than %s", target, source)
	}
}

// YAML that would mean something else as JSON is refused.
func TestOnlyYAMLThatIsJSONIsTaken(t *testing.T) {
	t.Parallel()
	got, err := toJSON([]byte("b: {'200': <x>}\na: [1, 1.5, null, true, 'no', 2026-11-23]\n"))
	want := "{\n \"b\": {\n  \"200\": \"<x>\"\n },\n \"a\": [\n  1,\n  1.5,\n  null,\n  true,\n  \"no\",\n" +
		"  \"2026-11-23\"\n ]\n}\n"
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v", got, err)
	}
	for _, text := range []string{"a: &x 1\nb: *x\n", "a: 1\na: 2\n", "a: &x {b: 1}\nc:\n  <<: *x\n", "[a]: 1\n"} {
		if got, err := toJSON([]byte(text)); err == nil {
			t.Errorf("%q became %s", text, got)
		}
	}
}
