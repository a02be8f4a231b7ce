package contract

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Exchange is a request with its answer.
type Exchange struct {
	Method string
	// Path is the request's, or API Gateway's pattern; then Parameters has the values.
	Path       string
	Parameters map[string]string
	Query      url.Values
	Header     http.Header
	Body       []byte

	Status       int
	AnswerHeader http.Header
	Answer       []byte
}

// Check returns the operation of an exchange, nil if it is of none, and what in the exchange is not
// as it is described. A request has to be as described if it was accepted: whoever sends what the
// description does not allow gets an error.
func (d *Document) Check(x Exchange) (*Operation, []string) {
	o, values := d.find(x)
	if o == nil {
		return nil, []string{x.Method + " " + x.Path + " is not described"}
	}
	answer := o.Answers[x.Status]
	if answer == nil {
		return o, []string{fmt.Sprintf("%s has no answer %d: %.300s", o.ID, x.Status, x.Answer)}
	}
	var faults []string
	add := func(what string, err error) {
		if err != nil {
			faults = append(faults, fmt.Sprintf("%s, %d: %s: %v", o.ID, x.Status, what, err))
		}
	}
	if x.Status < http.StatusBadRequest {
		o.checkRequest(x, values, add)
	}
	answer.check(x, add)
	return o, faults
}

// find returns the operation of an exchange and the parameters of its path. A path that is spelled
// out in the description comes before one with a parameter.
func (d *Document) find(x Exchange) (*Operation, map[string]string) {
	if o := d.byRoute[x.Method+" "+x.Path]; o != nil {
		return o, x.Parameters
	}
	parts := strings.Split(x.Path, "/")
	var found *Operation
	var values map[string]string
	for _, o := range d.byRoute {
		pattern := strings.Split(o.Path, "/")
		if o.Method != x.Method || len(pattern) != len(parts) {
			continue
		}
		matched := map[string]string{}
		for i, part := range pattern {
			if strings.HasPrefix(part, "{") && parts[i] != "" {
				matched[strings.Trim(part, "{}")], _ = url.PathUnescape(parts[i])
			} else if part != parts[i] {
				matched = nil
				break
			}
		}
		if matched != nil && (found == nil || len(matched) < len(values)) {
			found, values = o, matched
		}
	}
	return found, values
}

func (o *Operation) checkRequest(x Exchange, path map[string]string, add func(string, error)) {
	for _, p := range o.parameters {
		var text string
		var there bool
		switch p.in {
		case "path":
			text, there = path[p.name]
		case "query":
			text, there = x.Query.Get(p.name), x.Query.Has(p.name)
		case "header":
			text, there = x.Header.Get(p.name), x.Header.Get(p.name) != ""
		}
		if there || p.required {
			add(p.in+" parameter "+p.name, p.check(text, there))
		}
	}
	for name := range x.Query {
		if !slices.ContainsFunc(o.parameters, func(p parameter) bool { return p.in == "query" && p.name == name }) {
			add("query parameter "+name, fmt.Errorf("it is not described"))
		}
	}
	switch {
	case o.body == nil && x.Method == http.MethodGet: // a body of a GET has no meaning (RFC 9110)
	case o.body == nil && len(x.Body) > 0:
		add("request", fmt.Errorf("no body is described"))
	case o.body == nil, len(x.Body) == 0 && !o.needsBody:
	default:
		add("request", validate(o.body, x.Body))
	}
}

func (p parameter) check(text string, there bool) error {
	if !there {
		return fmt.Errorf("it is missing")
	}
	var value any = text
	if p.kind == "integer" || p.kind == "boolean" || p.kind == "number" {
		value = json.Number(text)
		if p.kind == "boolean" {
			value = text == "true"
		}
	}
	if p.kind == "array" {
		var items []any
		for item := range strings.SplitSeq(text, ",") {
			items = append(items, item)
		}
		value = items
	}
	return p.schema.Validate(value)
}

func (a *Answer) check(x Exchange, add func(string, error)) {
	for _, h := range a.headers {
		if text := x.AnswerHeader.Get(h.name); text != "" || h.required {
			add("header "+h.name, h.check(text, text != ""))
		}
	}
	if len(a.content) == 0 {
		if len(x.Answer) > 0 {
			add("answer", fmt.Errorf("no body is described: %.300s", x.Answer))
		}
		return
	}
	mediaType, _, err := mime.ParseMediaType(x.AnswerHeader.Get("Content-Type"))
	schema := a.content[mediaType]
	if err != nil || schema == nil {
		add("answer", fmt.Errorf("the media type %q is not described", x.AnswerHeader.Get("Content-Type")))
		return
	}
	if !strings.HasSuffix(mediaType, "json") {
		return
	}
	if err := validate(schema, x.Answer); err != nil {
		add("answer", fmt.Errorf("%w: %.1000s", err, x.Answer))
		return
	}
	if mediaType == "application/problem+json" {
		var problem struct {
			Status int
			Code   string
		}
		if err := json.Unmarshal(x.Answer, &problem); err != nil {
			add("problem", err)
		}
		if problem.Status != x.Status || !slices.Contains(a.Codes, problem.Code) {
			add("problem", fmt.Errorf("the code %s with the status %d is not described", problem.Code, problem.Status))
		}
	}
}

func validate(s *jsonschema.Schema, text []byte) error {
	value, err := decode(text)
	if err != nil {
		return err
	}
	return s.Validate(value)
}

// CheckSchema checks a JSON text by a schema of the description.
func (d *Document) CheckSchema(name string, text []byte) error {
	s, err := d.compile("/components/schemas/" + name)
	if err != nil {
		return err
	}
	return validate(s, text)
}
