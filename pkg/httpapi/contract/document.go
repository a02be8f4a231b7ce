// Package contract holds the API to its description, for tests: it reads docs.OpenAPI and checks
// requests and answers against it. It is stricter than the description is to clients: an answer may
// have no member and no value of an enumeration that is not described yet.
package contract

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"adcp-orchestrator/docs"
)

// Document is the description of the API.
type Document struct {
	root     map[string]any
	compiler *jsonschema.Compiler
	byRoute  map[string]*Operation
}

// Operation is a method of a path.
type Operation struct {
	ID     string
	Method string
	Path   string // as API Gateway names it, for example /v1/operations/{id}
	// NeedsKey: the route is not open. Scope is the scope that the key needs, empty if any key will
	// do.
	NeedsKey bool
	Scope    string
	Answers  map[int]*Answer

	parameters []parameter
	body       *jsonschema.Schema // nil if there is none
	needsBody  bool
}

// Answer is a documented answer.
type Answer struct {
	// Codes are the codes of the problem, nil for anything else.
	Codes []string
	// Gateway: API Gateway gives this answer, and no function does.
	Gateway bool

	content map[string]*jsonschema.Schema // by media type
	headers []parameter
}

// parameter is a parameter of a request, or a header of an answer.
type parameter struct {
	name, in string
	required bool
	schema   *jsonschema.Schema
	kind     string // the schema's type
}

// Route is the operation's name in the functions, for example "GET /v1/operations/{id}".
func (o *Operation) Route() string { return o.Method + " " + o.Path }

// API returns the description of the API.
var API = sync.OnceValue(func() *Document {
	d, err := load(docs.OpenAPI)
	if err != nil {
		panic(err)
	}
	return d
})

func load(text string) (*Document, error) {
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	root, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the document is no object")
	}
	strict(root)
	d := &Document{root: root, compiler: jsonschema.NewCompiler(), byRoute: map[string]*Operation{}}
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource("openapi.json", root); err != nil {
		return nil, err
	}
	for path, item := range object(root["paths"]) {
		for method, operation := range object(item) {
			if !slices.Contains([]string{"get", "put", "post", "patch", "delete"}, method) {
				continue
			}
			o, err := d.readOperation(path, method, object(item), object(operation))
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", method, path, err)
			}
			d.byRoute[o.Route()] = o
		}
	}
	return d, nil
}

// TakesBody reports whether a request has a body.
func (o *Operation) TakesBody() bool { return o.body != nil }

// QueryParameters returns the names of an operation's query parameters.
func (o *Operation) QueryParameters() (names []string) {
	for _, p := range o.parameters {
		if p.in == "query" {
			names = append(names, p.name)
		}
	}
	return names
}

// Operations returns all operations, sorted by path and method.
func (d *Document) Operations() []*Operation {
	return slices.SortedFunc(maps.Values(d.byRoute), func(a, b *Operation) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method))
	})
}

func (d *Document) readOperation(path, method string, item, operation map[string]any) (*Operation, error) {
	o := &Operation{Method: strings.ToUpper(method), Path: path, Answers: map[int]*Answer{}}
	o.ID, _ = operation["operationId"].(string)
	base := "/paths/" + escape(path) + "/" + method
	for i, p := range list(item["parameters"]) {
		if err := d.addParameter(o, p, fmt.Sprint("/paths/", escape(path), "/parameters/", i)); err != nil {
			return nil, err
		}
	}
	for i, p := range list(operation["parameters"]) {
		if err := d.addParameter(o, p, fmt.Sprint(base, "/parameters/", i)); err != nil {
			return nil, err
		}
	}
	o.NeedsKey = len(list(operation["security"])) > 0
	for _, requirement := range list(operation["security"]) {
		for _, scope := range list(object(requirement)["api_key"]) {
			o.Scope, _ = scope.(string)
		}
	}
	if body := object(operation["requestBody"]); body != nil {
		var err error
		if o.body, err = d.compile(base + "/requestBody/content/application~1json/schema"); err != nil {
			return nil, err
		}
		o.needsBody, _ = body["required"].(bool)
	}
	for status, answer := range object(operation["responses"]) {
		code, err := strconv.Atoi(status)
		if err != nil {
			return nil, fmt.Errorf("%s is no status", status)
		}
		if o.Answers[code], err = d.readAnswer(answer, base+"/responses/"+status); err != nil {
			return nil, err
		}
	}
	return o, nil
}

func (d *Document) addParameter(o *Operation, value any, at string) error {
	p, at := d.follow(value, at)
	read, err := d.readParameter(p, at)
	o.parameters = append(o.parameters, read)
	return err
}

func (d *Document) readParameter(p map[string]any, at string) (parameter, error) {
	schema, _ := d.follow(p["schema"], "")
	var read parameter
	read.name, _ = p["name"].(string)
	read.in, _ = p["in"].(string)
	read.required, _ = p["required"].(bool)
	read.kind, _ = schema["type"].(string)
	var err error
	read.schema, err = d.compile(at + "/schema")
	return read, err
}

func (d *Document) readAnswer(value any, at string) (*Answer, error) {
	answer, at := d.follow(value, at)
	a := &Answer{content: map[string]*jsonschema.Schema{}, Gateway: answer["x-answered-by"] == "gateway"}
	for _, code := range list(answer["x-problem-codes"]) {
		a.Codes = append(a.Codes, code.(string))
	}
	for name, header := range object(answer["headers"]) {
		h, at := d.follow(header, at+"/headers/"+escape(name))
		read, err := d.readParameter(h, at)
		if err != nil {
			return nil, err
		}
		read.name = name
		a.headers = append(a.headers, read)
	}
	for mediaType := range object(answer["content"]) {
		schema, err := d.compile(at + "/content/" + escape(mediaType) + "/schema")
		if err != nil {
			return nil, err
		}
		a.content[mediaType] = schema
	}
	return a, nil
}

// follow returns the object that a value is or refers to, and where that is.
func (d *Document) follow(value any, at string) (found map[string]any, where string) {
	o := object(value)
	for ref, _ := o["$ref"].(string); ref != ""; ref, _ = o["$ref"].(string) {
		at = strings.TrimPrefix(ref, "#")
		o = object(d.at(at))
	}
	return o, at
}

// at returns what a JSON pointer leads to.
func (d *Document) at(pointer string) any {
	var v any = d.root
	for _, part := range strings.Split(pointer, "/")[1:] {
		v = object(v)[strings.NewReplacer("~1", "/", "~0", "~").Replace(part)]
	}
	return v
}

func (d *Document) compile(pointer string) (*jsonschema.Schema, error) {
	s, err := d.compiler.Compile("openapi.json#" + strings.ReplaceAll(strings.ReplaceAll(pointer, "{", "%7B"), "}", "%7D"))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", pointer, err)
	}
	return s, nil
}

// escape makes a name a part of a JSON pointer.
func escape(name string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(name) }

func object(v any) map[string]any { o, _ := v.(map[string]any); return o }

func list(v any) []any { l, _ := v.([]any); return l }

// strict closes what the description leaves open for later versions: objects without a policy for
// further members, and enumerations.
func strict(v any) {
	switch v := v.(type) {
	case map[string]any:
		_, named := v["properties"].(map[string]any)
		_, open := v["additionalProperties"]
		if named && !open {
			v["additionalProperties"] = false
		}
		if values, ok := v["x-extensible-enum"].([]any); ok {
			v["enum"] = values
		}
		for name, member := range v {
			if name != "example" && name != "examples" && name != "value" && name != "enum" {
				strict(member)
			}
		}
	case []any:
		for _, item := range v {
			strict(item)
		}
	}
}

// decode reads a JSON text as the validator wants it.
func decode(text []byte) (any, error) {
	if !json.Valid(text) {
		return nil, fmt.Errorf("no JSON")
	}
	return jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
}
