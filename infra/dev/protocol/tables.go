package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// member is a member of a result, and the first bytes that its value may have.
type member struct{ name, kinds string }

// tool is what the manifests and schemas of all releases say about one tool. A set of releases is
// their names.
type tool struct {
	name, protocol         string
	in, mutating, async    []string
	key, needsKey, webhook []string
	commitment             string
	// successes have what proves a success: all members of one. anySuccesses are forms that require
	// nothing of their own: any member of one proves it.
	successes, anySuccesses [][]member
	// statuses are the task's own, where a task's status stands in other releases.
	statuses []string
	// wrapped: the successes are those of the response's member result.
	wrapped bool
}

// tables are what is derived.
type tables struct {
	versions []string // the patch of each release
	tools    []tool
	codes    map[string]string // recovery
	envelope []string
	webhook  []string
}

type manifest struct {
	Version string `json:"adcp_version"`
	Tools   map[string]struct {
		Protocol string   `json:"protocol"`
		Mutating bool     `json:"mutating"`
		Request  string   `json:"request_schema"`
		Response string   `json:"response_schema"`
		Async    []string `json:"async_response_schemas"`
	} `json:"tools"`
	Codes map[string]struct {
		Recovery string `json:"recovery"`
	} `json:"error_codes"`
}

// derive reads the bundle.
func derive(bundle string) (tables, error) {
	t := tables{codes: map[string]string{}}
	tools := map[string]*tool{}
	envelope, webhook := map[string]bool{}, map[string]bool{}
	for _, release := range releases {
		r := &reader{filepath.Join(bundle, "_schemas", release), map[string]map[string]any{}}
		b, err := os.ReadFile(filepath.Join(r.dir, "manifest.json"))
		if err != nil {
			return t, err
		}
		var m manifest
		if err := json.Unmarshal(b, &m); err != nil {
			return t, fmt.Errorf("%s: %w", release, err)
		}
		if len(m.Tools) == 0 || len(m.Codes) == 0 {
			return t, fmt.Errorf("%s: the manifest has %d tools and %d codes", release, len(m.Tools), len(m.Codes))
		}
		t.versions = append(t.versions, m.Version)
		for name, c := range m.Codes { // the newest release decides; what it dropped stays
			t.codes[name] = c.Recovery
		}
		for file, into := range map[string]map[string]bool{"core/protocol-envelope.json": envelope,
			"core/version-envelope.json": envelope, "core/mcp-webhook-payload.json": webhook} {
			if err := r.properties(file, into); err != nil {
				return t, err
			}
		}
		for name, entry := range m.Tools {
			if tools[name] == nil {
				tools[name] = &tool{name: name}
			}
			tl := tools[name]
			tl.in = append(tl.in, release)
			tl.protocol = entry.Protocol
			if entry.Mutating {
				tl.mutating = append(tl.mutating, release)
			}
			if len(entry.Async) > 0 {
				tl.async = append(tl.async, release)
			}
			if err := r.request(tl, release, entry.Request); err != nil {
				return t, err
			}
			if err := r.response(tl, entry.Response); err != nil {
				return t, err
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(tools)) {
		t.tools = append(t.tools, *tools[name])
	}
	// They hold the task's own body: payload is a concept, and result is what a webhook wraps.
	delete(envelope, "payload")
	delete(webhook, "result")
	t.envelope, t.webhook = slices.Sorted(maps.Keys(envelope)), slices.Sorted(maps.Keys(webhook))
	return t, nil
}

// properties adds the names of a schema's properties. A release may not have the schema.
func (r *reader) properties(file string, into map[string]bool) error {
	s, err := r.open(file)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	p, _ := s.part("properties")
	for name := range p.members {
		into[name] = true
	}
	return nil
}

// request reads what a tool's request takes.
func (r *reader) request(t *tool, release, file string) error {
	s, err := r.open(file)
	if err != nil {
		return err
	}
	forms, err := r.arms(s, 0)
	if err != nil {
		return err
	}
	takes := func(name string) []string {
		if slices.ContainsFunc(forms, func(a arm) bool { _, ok := a.declared[name]; return ok }) {
			return []string{release}
		}
		return nil
	}
	t.key = append(t.key, takes("idempotency_key")...)
	t.webhook = append(t.webhook, takes("push_notification_config")...)
	if !slices.ContainsFunc(forms, func(a arm) bool { return !a.required["idempotency_key"] }) {
		t.needsKey = append(t.needsKey, release)
	}
	if c, ok := s.part("x-governed-commitment"); ok {
		t.commitment, _ = c.members["scope"].(string)
	} else {
		t.commitment = ""
	}
	return nil
}

// notBusiness are members of many results that are not the task's work.
var notBusiness = []string{
	"status", "task_id", "context", "context_id", "message", "timestamp", "replayed", "adcp_error", "ext", "sandbox",
	"push_notification_config", "governance_context", "adcp_version", "adcp_major_version", "errors", "error",
	"warnings", "success", "payload",
}

// response adds what proves a success in one release's schema.
func (r *reader) response(t *tool, file string) error {
	s, err := r.open(file)
	if err != nil {
		return err
	}
	forms, err := r.arms(s, 0)
	if err != nil {
		return err
	}
	if forms, err = r.within(t, s, forms); err != nil {
		return err
	}
	for _, a := range forms {
		if !a.success() {
			continue
		}
		for _, status := range a.fixed["status"] {
			if status != "completed" && !slices.Contains(unfinished, status) && !slices.Contains(t.statuses, status) {
				t.statuses = append(t.statuses, status)
			}
		}
		var required, declared []member
		for _, name := range slices.Sorted(maps.Keys(a.declared)) {
			if !slices.Contains(notBusiness, name) {
				declared = append(declared, member{name, a.declared[name]})
			}
		}
		for _, name := range slices.Sorted(maps.Keys(a.required)) {
			if !slices.Contains(notBusiness, name) {
				required = append(required, member{name, a.declared[name]})
			}
		}
		if len(required) == 0 && a.required["success"] && a.declared["success"] == "t" {
			required = []member{{"success", "t"}} // all that the task says
		}
		switch {
		case len(required) > 0:
			t.successes = addLeast(t.successes, required)
		case len(declared) > 0:
			t.anySuccesses = append(t.anySuccesses, declared)
		}
	}
	slices.Sort(t.statuses)
	return nil
}

// within returns the forms of the member result, for a tool whose response requires that.
// Frameworks wrap what any tool returns in a member of this name, so the reader has to look through
// it.
func (r *reader) within(t *tool, s schema, forms []arm) ([]arm, error) {
	properties, _ := s.part("properties")
	result, ok := properties.part("result")
	if !ok || !slices.Contains(texts(s.members["required"]), "result") {
		return forms, nil
	}
	t.wrapped = true
	return r.arms(result, 0)
}

// addLeast adds what proves a success, unless less proves one already.
func addLeast(all [][]member, required []member) [][]member {
	within := func(less, more []member) bool {
		return !slices.ContainsFunc(less, func(m member) bool { return !slices.Contains(more, m) })
	}
	if slices.ContainsFunc(all, func(less []member) bool { return within(less, required) }) {
		return all
	}
	return append(slices.DeleteFunc(all, func(more []member) bool { return within(required, more) }), required)
}
