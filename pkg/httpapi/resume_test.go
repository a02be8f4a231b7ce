package httpapi_test

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
)

type noWake struct{}

func (noWake) Wake(context.Context, string, operation.Next) error { return nil }

// A pause is shown with what is asked, its answer is taken once, and whoever comes too late hears a word for machines and a remedy.
func TestResumeRoute(t *testing.T) {
	t.Parallel()
	store, submit := api(t)
	created, err := submit(t.Context(), as(event[events.APIGatewayProxyRequest](t, "submit"), "acme"))
	if err != nil {
		t.Fatal(err)
	}
	var op httpapi.Operation
	if err := json.Unmarshal([]byte(created.Body), &op); err != nil || op.Pause != nil {
		t.Fatal(err, op.Pause)
	}
	stored, err := store.Get(t.Context(), "acme", op.ID)
	if err != nil {
		t.Fatal(err)
	}
	stored.State, stored.Version = operation.InputRequired, stored.Version+1
	stored.InputRequest = operation.InputRequest{Generation: 1, Since: now, Prompt: json.RawMessage(`{"message":"<b>Which?</b>"}`), Continuation: adcp.Continuation{TaskID: "secret-handle", ContextID: "c"}}
	if err := store.Commit(t.Context(), operation.Change{Op: stored}); err != nil {
		t.Fatal(err)
	}
	resume := httpapi.Serve(apikey.ScopeOperationsWrite, httpapi.SendInput(orchestrator.SendInput{Store: store, Workflow: noWake{}, Deps: orchestrator.Deps{Now: clock}}.Run, base))
	post := func(tenant, body string) events.APIGatewayProxyResponse {
		t.Helper()
		e := as(events.APIGatewayProxyRequest{HTTPMethod: "POST", PathParameters: map[string]string{"id": op.ID}, Body: body}, tenant)
		got, err := resume(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	const yes = `{"generation":1,"input":{"ext":{"answer":"yes"}},"on_behalf_of":"jane"}`
	for name, tc := range map[string]struct {
		tenant, body string
		status       int
		says         []string
	}{
		"another tenant's": {"other", yes, 404, nil},
		"wrong":            {"acme", `{"generation":"1","input":[],"decision":true}`, 400, []string{`"field":"generation"`, `"field":"input"`, `"field":"on_behalf_of"`, `"field":"decision"`}},
		"too large":        {"acme", strings.Repeat(" ", 1<<20) + yes, 413, []string{"1 MiB"}},
		"not yet":          {"acme", strings.Replace(yes, "1", "2", 1), 409, []string{`"type":"urn:adcp-orchestrator:resume_stale"`, "number 1; read it again"}},
	} {
		if got := post(tc.tenant, tc.body); got.StatusCode != tc.status || got.Headers["Content-Type"] != "application/problem+json" {
			t.Errorf("%s: %+v", name, got)
		} else {
			for _, s := range tc.says {
				if !strings.Contains(got.Body, s) {
					t.Errorf("%s: %s says no %s", name, got.Body, s)
				}
			}
		}
	}
	first, again := post("acme", yes), post("acme", yes)
	if err := json.Unmarshal([]byte(first.Body), &op); err != nil || first.StatusCode != 202 || again.Body != first.Body {
		t.Fatalf("got %+v, then %+v", first, again)
	}
	if p := op.Pause; p == nil || p.Generation != 1 || p.Resumable || p.Resume == nil || p.Resume.State != operation.InputAccepted || p.Resume.By != "jane" || string(p.Asks) != `{"message":"\u003cb\u003eWhich?\u003c/b\u003e"}` {
		t.Errorf("shown %s", first.Body)
	}
	if strings.Contains(first.Body, "secret-handle") { // contract H8
		t.Error("the way back is shown")
	}
	if got := post("acme", strings.Replace(yes, "jane", "joe", 1)); got.StatusCode != 409 || !strings.Contains(got.Body, "urn:adcp-orchestrator:resume_in_progress") {
		t.Errorf("another answer: %+v", got)
	}
}
