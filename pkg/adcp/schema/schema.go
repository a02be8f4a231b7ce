package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"adcp-orchestrator/pkg/validation"
)

// MaxFields is how many wrong fields a check names.
const MaxFields = 50

// Request is a request that can be checked against several releases.
type Request struct{ members map[string]any }

// Read reads a request, which must be a JSON object.
func Read(request []byte) (Request, error) {
	var r Request
	decoder := json.NewDecoder(bytes.NewReader(request))
	decoder.UseNumber()
	if err := decoder.Decode(&r.members); err != nil {
		return r, err
	}
	if r.members == nil {
		return r, errors.New("not an object")
	}
	return r, nil
}

// Result is what a check found.
type Result struct {
	// Fields names at most MaxFields wrong fields, More counts the others.
	Fields []validation.FieldError
	More   int
}

// errUnknown says that a release has no such tool.
func errUnknown(release, tool string) error { return fmt.Errorf("AdCP %s has no %s", release, tool) }

// Valid reports whether a request is valid. It returns an error if the release has no such tool.
func (r Request) Valid(release, tool string) (bool, error) {
	c, n, err := open(release, tool)
	if err != nil {
		return false, err
	}
	return c.valid(n, r.members), nil
}

// Check returns what is wrong with a request: each wrong field once, as path within the place that
// is named at. Members that are the caller's own are not the client's to correct: what is wrong
// with them is left out. It returns an error if the release has no such tool.
func (r Request) Check(release, tool, at string, own ...string) (Result, error) {
	c, n, err := open(release, tool)
	if err != nil {
		return Result{}, err
	}
	if c.valid(n, r.members) {
		return Result{}, nil
	}
	c.steps = 0
	out := newReport(MaxFields, maxCounted)
	out.own = own
	c.check(n, r.members, &place{name: at, index: -1}, out)
	result := Result{More: out.more}
	for _, f := range out.found {
		if f.Remedy == defined {
			f.Remedy = "send it as AdCP " + release + " defines " + tool
		}
		f.Rule = strings.ReplaceAll(f.Rule, "that AdCP ", "that AdCP "+release+" ")
		f.Rule = strings.ReplaceAll(f.Rule, "there: AdCP ", "there: AdCP "+release+" ")
		result.Fields = append(result.Fields, f.FieldError)
	}
	if c.steps > maxSteps {
		result.Fields = append([]validation.FieldError{{Field: at, Code: validation.OutOfRange,
			Rule: "must be smaller: checking it takes too long", Remedy: "send fewer values"}}, result.Fields...)
	}
	return result, nil
}

func open(release, tool string) (*checker, *node, error) {
	number, ok := root(release, tool)
	if !ok {
		return nil, nil, errUnknown(release, tool)
	}
	doc, err := load(release)
	if err != nil {
		return nil, nil, err
	}
	return &checker{doc: doc}, doc.definition(number), nil
}
