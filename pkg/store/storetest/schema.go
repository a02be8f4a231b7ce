package storetest

import (
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
)

// What newer code has written into an operation's item stays when this code changes it.
func newDocumentsSurviveOldCode(t *testing.T, s *suite) {
	op := s.create(t, "op_1")
	c := next(op)
	c.Op.InputRequest = operation.InputRequest{Generation: 1, Since: Start}
	must(t, s.Commit(t.Context(), c))
	doc, err := s.Attribute(t.Context(), s.tenant, op.ID, "doc")
	must(t, err)
	newer := strings.NewReplacer(
		`{"schema"`, `{"spend_hold":{"amount":"1.50","html":"<&>"},"schema"`,
		`"webhook":{`, `"webhook":{"retries":3,`,
		`"call":{`, `"call":{"region":"eu",`,
		`"poll":{`, `"poll":{"adaptive":true,`,
		`"attempts":{`, `"attempts":{"lookups":7,`,
		`"input_request":{`, `"input_request":{"assignee":"ann",`,
	).Replace(doc)
	if newer == doc {
		t.Fatalf("the document %s is not as expected", doc)
	}
	must(t, s.SetAttribute(t.Context(), s.tenant, op.ID, "doc", newer))
	for range 2 {
		read, err := s.Get(t.Context(), s.tenant, op.ID)
		must(t, err)
		read.Attempts.Polls++
		read.Call.Attempts++
		must(t, s.Commit(t.Context(), next(read)))
	}
	doc, err = s.Attribute(t.Context(), s.tenant, op.ID, "doc")
	must(t, err)
	for _, member := range []string{
		`"spend_hold":{"amount":"1.50","html":"<&>"}`, `"retries":3`, `"region":"eu"`, `"adaptive":true`, `"lookups":7`,
		`"assignee":"ann"`, `"polls":2`,
	} {
		if strings.Count(doc, member) != 1 {
			t.Errorf("%s is not in %s", member, doc)
		}
	}
	agent := registry.Agent{Tenant: s.tenant, ID: "seller", Version: 1, Unknown: `{"limit":{"eur":5}}`}
	must(t, s.PutAgent(t.Context(), agent))
	entry, err := s.Agent(t.Context(), s.tenant, agent.ID)
	if err != nil || entry.Unknown != agent.Unknown {
		t.Errorf("the entry came back with %q, %v", entry.Unknown, err)
	}
	p := registry.Profile{URL: "u", Transport: adcp.MCP, Unknown: `{"vendors":["x"]}`}
	must(t, s.PutProfile(t.Context(), s.tenant, agent.ID, p))
	profile, err := s.Profile(t.Context(), s.tenant, agent.ID, p.Endpoint())
	if err != nil || profile.Unknown != p.Unknown {
		t.Errorf("the profile came back with %q, %v", profile.Unknown, err)
	}
}

// Attributes beside the document stay as well, and those that this code knows come and go.
func newAttributesSurviveOldCode(t *testing.T, s *suite) {
	op := s.create(t, "op_1")
	must(t, s.SetAttribute(t.Context(), s.tenant, op.ID, "archive_pk", "2027"))
	armed := next(op)
	armed.Op.TaskToken = "token"
	must(t, s.Commit(t.Context(), armed))
	settled := next(armed.Op)
	settled.Op.TaskToken, settled.Op.DueAt = "", time.Time{}
	must(t, s.Commit(t.Context(), settled))
	for name, want := range map[string]string{
		"archive_pk": "2027", "task_token": "", "due_pk": "", "due_at": "", "state": string(operation.Working),
	} {
		if got, err := s.Attribute(t.Context(), s.tenant, op.ID, name); err != nil || got != want {
			t.Errorf("%s is %q, want %q, %v", name, got, want, err)
		}
	}
}

// Code that does not know the schema of a document reads it and does not write over it.
func newerSchemaIsNotWrittenOver(t *testing.T, s *suite) {
	op := s.create(t, "op_1")
	doc, err := s.Attribute(t.Context(), s.tenant, op.ID, "doc")
	must(t, err)
	newer := strings.Replace(doc, `"schema":1`, `"schema":4`, 1)
	if newer == doc {
		t.Fatalf("the document %s has no schema", doc)
	}
	must(t, s.SetAttribute(t.Context(), s.tenant, op.ID, "doc", newer))
	read, err := s.Get(t.Context(), s.tenant, op.ID)
	must(t, err)
	if read.ID != op.ID || read.Schema != operation.SchemaVersion+1 {
		t.Errorf("got %+v", read)
	}
	c := next(read)
	c.Delivery = s.delivery("d1", "fp", op)
	want(t, s.Commit(t.Context(), c), store.ErrNewerSchema)
	record, err := s.Load(t.Context(), s.tenant, op.ID)
	if err != nil || record.Op.Version != 1 || len(record.Events) != 1 {
		t.Errorf("a refused change left %+v, %v", record, err)
	}
	if again, err := s.Attribute(t.Context(), s.tenant, op.ID, "doc"); err != nil || again != newer {
		t.Errorf("the document became %s, %v", again, err)
	}
	c.Op.Schema = operation.SchemaVersion // newer code, which knows it, claims the delivery
	must(t, s.Commit(t.Context(), c))
}
