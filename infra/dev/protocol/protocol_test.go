package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/adcp/adcptest"
)

const root = "../../.."

// What was derived from an older bundle, or edited by hand, says what no schema says.
func TestGeneratedFilesAreWhatTheBundleGives(t *testing.T) {
	t.Parallel()
	derived, err := derive(adcptest.BundleDir(t))
	if err != nil {
		t.Fatal(err)
	}
	files, err := derived.files()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		got, err := os.ReadFile(filepath.Join(root, "pkg", "adcp", f.name))
		if err != nil || !bytes.Equal(got, f.content) {
			t.Errorf("%s is not what the bundle gives, %v: run make protocol", f.name, err)
		}
	}
	if all, _ := filepath.Glob(filepath.Join(root, "pkg", "adcp", "*_gen.go")); len(all) != len(files) {
		t.Errorf("%v are there, %d are generated", all, len(files))
	}
}

// formsOf returns the successes of a schema, as sorted names with kinds.
func formsOf(t *testing.T, files map[string]string) []string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if !json.Valid([]byte(text)) {
			t.Fatalf("%s is no JSON", text)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r, tl := &reader{dir, map[string]map[string]any{}}, &tool{}
	if err := r.response(tl, "a/response.json"); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, form := range append(tl.successes, tl.anySuccesses...) {
		var names []string
		for _, m := range form {
			names = append(names, m.name+m.kinds)
		}
		all = append(all, strings.Join(names, " "))
	}
	slices.Sort(all)
	return all
}

func TestSuccessesOfASchema(t *testing.T) {
	t.Parallel()
	const id, list = `{"type":"string"}`, `{"type":["array","null"]}`
	for name, c := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"what it requires, without the envelope": {
			files: map[string]string{"a/response.json": `{"required":["id","status"],
				"properties":{"id":` + id + `,"x":` + id + `}}`},
			want: []string{`id"`},
		},
		"arms of errors and of work that is open are none": {
			files: map[string]string{"a/response.json": `{"oneOf":[
				{"required":["id","list"],"properties":{"id":` + id + `,"list":` + list + `}},
				{"required":["errors"],"properties":{"errors":` + list + `}},
				{"required":["status","task_id"],"properties":{"status":{"const":"submitted"},"task_id":` + id + `}},
				{"required":["status","reason"],"properties":{"status":{"enum":["rejected"]},"reason":` + id + `}},
				{"required":["success","reason"],"properties":{"success":{"const":false},"reason":` + id + `}}]}`},
			want: []string{`id" list[n`},
		},
		"a form that requires more is needless": {
			files: map[string]string{"a/response.json": `{"properties":{"id":` + id + `,"list":` + list + `},"anyOf":[
				{"required":["id","list"]},{"required":["list"]}]}`},
			want: []string{`list[n`},
		},
		"references beside the file, of a version, into a file, and in allOf": {
			files: map[string]string{
				"a/response.json": `{"allOf":[{"$ref":"../b/base.json"},{"$ref":"/schemas/3.2.4/b/more.json"}],
					"required":["kind"],
					"properties":{"kind":{"$ref":"https://x.example/schemas/3.2.4/b/more.json#/definitions/kind"}}}`,
				"b/base.json": `{"required":["id"],"properties":{"id":` + id + `}}`,
				"b/more.json": `{"required":["n"],"properties":{"n":{"$ref":"#/definitions/n"}},
					"definitions":{"n":{"type":"integer"},"kind":{"enum":["a","b"]}}}`,
			},
			want: []string{`id" kind" n0`},
		},
		"both sides of a condition": {
			files: map[string]string{"a/response.json": `{
				"properties":{"list":` + list + `,"v":` + id + `,"same":{"type":"boolean"}},
				"if":{"properties":{"same":{"const":true}},"required":["same"]},
				"then":{"required":["v"]},"else":{"required":["list"]}}`},
			want: []string{`list[n`, `same` + `t v"`},
		},
		"success alone, if it must be true": {
			files: map[string]string{"a/response.json": `{"required":["success"],"properties":{"success":{"const":true}}}`},
			want:  []string{`successt`},
		},
		"any member of a form that requires none": {
			files: map[string]string{"a/response.json": `{
				"properties":{"id":` + id + `,"list":` + list + `,"ext":{"type":"object"}}}`},
			want: []string{`id" list[n`},
		},
		"the result, where the response requires one": {
			files: map[string]string{"a/response.json": `{"required":["result"],"properties":{"result":{"oneOf":[
				{"required":["kind"],"properties":{"kind":{"const":"done"}}},
				{"required":["kind","errors"],"properties":{"kind":{"const":"failed"},"errors":` + list + `}}]}}}`},
			want: []string{`kind"`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := formsOf(t, c.files); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// A reference that names nothing must not pass for a member of any type.
func TestBrokenReferenceIsAnError(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "r.json"), []byte(`{"allOf":[{"$ref":"gone.json"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	r := &reader{dir, map[string]map[string]any{}}
	if err := r.response(&tool{}, "r.json"); err == nil {
		t.Error("it was read")
	}
}
