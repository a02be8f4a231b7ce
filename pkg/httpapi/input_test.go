package httpapi_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store/memory"
)

const approval = `{"generation":1,"input":{"ext":{"answer":"yes"}},"on_behalf_of":"jane"}`

// inputHarness is an operation and the function that takes its input.
type inputHarness struct {
	t     *testing.T
	store *memory.Store
	send  httpapi.Function
	id    string
}

// newInputHarness is an operation that was just submitted.
func newInputHarness(t *testing.T) *inputHarness {
	t.Helper()
	s, submit := newSubmit(t, operation.WebhookHMAC)
	op := decode[httpapi.Operation](t, call(t, submit, request(t, "submit")), 202)
	if op.InputRequest != nil {
		t.Fatalf("a new operation requests input: %+v", op.InputRequest)
	}
	send := orchestrator.SendInput{Store: s, Workflow: fakeWorkflow{}, Deps: orchestrator.Deps{Now: clock}}
	return &inputHarness{t: t, store: s, id: op.ID, send: api.Serve(apikey.ScopeOperationsWrite, api.SendInput(send.Run))}
}

// requestInput makes the agent wait for input. The zero Continuation can't be answered from here.
func (h *inputHarness) requestInput(prompt string, c adcp.Continuation) {
	h.t.Helper()
	op, err := h.store.Get(h.t.Context(), "acme", h.id)
	if err != nil {
		h.t.Fatal(err)
	}
	op.State, op.Version = operation.InputRequired, op.Version+1
	op.InputRequest = operation.InputRequest{Generation: 1, Since: now, Prompt: json.RawMessage(prompt),
		Continuation: c}
	if err := h.store.Commit(h.t.Context(), operation.Change{Op: op}); err != nil {
		h.t.Fatal(err)
	}
}

func (h *inputHarness) post(tenant, body string) events.APIGatewayProxyResponse {
	h.t.Helper()
	e := routed("POST /v1/operations/{id}/input", h.id)
	e.Body = body
	return call(h.t, h.send, as(e, tenant))
}

var continuation = adcp.Continuation{TaskID: "secret-handle", ContextID: "c"}

func TestInputIsTakenOnce(t *testing.T) {
	t.Parallel()
	h := newInputHarness(t)
	h.requestInput(`{"message":"<b>Which?</b>","reason":"APPROVAL_REQUIRED","options":[1]}`, continuation)
	first, again := h.post("acme", approval), h.post("acme", approval)
	op := decode[httpapi.Operation](t, first, 202)
	if again.StatusCode != 202 || again.Body != first.Body {
		t.Fatalf("got %+v, then %+v", first, again)
	}
	r := op.InputRequest
	if r == nil || r.Generation != 1 || r.Answerable || r.WhyNot != orchestrator.InputTaken || r.Answer == nil {
		t.Fatalf("shown %s", first.Body)
	}
	if r.Answer.State != operation.InputAccepted || r.Answer.Actor.OnBehalfOf != "jane" || !r.Answer.At.Equal(now) ||
		len(r.Answer.ContentSHA256) != 64 || r.Answer.Calls != 0 {
		t.Errorf("the answer is shown as %+v", r.Answer)
	}
	if r.Message != "<b>Which?</b>" || r.Reason != "APPROVAL_REQUIRED" || len(r.Details) != 1 ||
		string(r.Details["options"]) != "[1]" || !r.Since.Equal(now) {
		t.Errorf("the prompt is shown as %+v", r)
	}
	if strings.Contains(first.Body, "<b>") { // escaped, for those who show it in HTML
		t.Errorf("shown %s", first.Body)
	}
	if strings.Contains(first.Body, "secret-handle") { // contract H8
		t.Error("the continuation is shown")
	}
	p := wantProblem(t, h.post("acme", strings.Replace(approval, "jane", "joe", 1)), 409, "input_taken")
	if p.State != operation.InputRequired {
		t.Errorf("another answer: %+v", p)
	}
}

func TestRefusedInputs(t *testing.T) {
	t.Parallel()
	h := newInputHarness(t)
	h.requestInput(`{"message":"Which?"}`, continuation)
	for name, tc := range map[string]struct {
		tenant, body string
		status       int
		code         string
		parts        []string // of the body
	}{
		"another tenant": {"other", approval, 404, "not_found", nil},
		"wrong fields": {
			"acme", `{"generation":"1","input":[],"on_behalf_of":"","decision":true}`,
			400, "invalid_request",
			[]string{`"field":"generation"`, `"field":"input"`, `"field":"on_behalf_of"`, `"field":"decision"`},
		},
		"too large": {"acme", strings.Repeat(" ", 1<<20) + approval, 413, "too_large", []string{"1 MiB"}},
		"another input request": {
			"acme", strings.Replace(approval, "1", "2", 1),
			409, "input_superseded",
			[]string{`"state":"input_required"`, "number 1; read it again"},
		},
	} {
		got := h.post(tc.tenant, tc.body)
		wantProblem(t, got, tc.status, tc.code)
		for _, part := range tc.parts {
			if !strings.Contains(got.Body, part) {
				t.Errorf("%s: %s does not contain %s", name, got.Body, part)
			}
		}
	}
}

// The view says beforehand what the API would answer: why_not is the code of the 409.
func TestWhyNotIsTheCodeOfTheRefusal(t *testing.T) {
	t.Parallel()
	h := newInputHarness(t)
	p := wantProblem(t, h.post("acme", approval), 409, "input_not_requested")
	if p.State != operation.Requested {
		t.Errorf("before the request: %+v", p)
	}
	h.requestInput(`{}`, adcp.Continuation{})
	show := api.Serve(apikey.ScopeOperationsRead, api.ShowOperation(h.store, httpapi.Waits{}))
	get := as(routed("GET /v1/operations/{id}", h.id), "acme")
	r := decode[httpapi.Operation](t, call(t, show, get), 200).InputRequest
	if r == nil || r.Answerable || r.WhyNot != orchestrator.InputNotPossible {
		t.Errorf("shown %+v", r)
	}
	wantProblem(t, h.post("acme", approval), 409, string(r.WhyNot))
}
