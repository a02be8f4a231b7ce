package e2e

import (
	"encoding/json"
	"mime"
	"net/http"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/httpapi"
)

// problemID is how a problem identifies itself: its code, and the type that belongs to it.
type problemID struct{ code, address string }

// functionProblem is a problem that a function answers with. Its type is the address of the code's
// description.
func (h *harness) functionProblem(code string) problemID {
	return problemID{code, h.Base + httpapi.ProblemsPath + "#" + code}
}

// gatewayProblem is a problem of API Gateway's own answers, which have no address to name.
func gatewayProblem(code string) problemID { return problemID{code, "about:blank"} }

// checkProblem checks that an answer is the wanted problem (RFC 9457), and returns its errors as
// "field code".
func checkProblem(t *testing.T, name string, resp *http.Response, body []byte, status int, want problemID,
) (errors []string) {
	t.Helper()
	if resp.StatusCode != status {
		t.Errorf("%s: %s, want %d: %s", name, resp.Status, status, body)
	}
	if got := resp.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("%s: Content-Type %s: %s", name, got, body)
	}
	var p httpapi.Problem
	if err := json.Unmarshal(body, &p); err != nil {
		t.Fatalf("%s: %v: %s", name, err, body)
	}
	if p.Code != want.code || p.Type != want.address {
		t.Errorf("%s: code %q and type %q, want %q and %q", name, p.Code, p.Type, want.code, want.address)
	}
	if p.Status != status || p.Title == "" {
		t.Errorf("%s: status %d and title %q in the body of a %d", name, p.Status, p.Title, status)
	}
	for _, e := range p.Errors {
		errors = append(errors, e.Field+" "+string(e.Code))
	}
	return errors
}

// The type of a problem leads to this page, so that it must be readable without a key.
func TestProblemsAreDescribedToEverybody(t *testing.T) {
	t.Parallel()
	stranger := newClient(t, env(t, "API_URL"), "")
	resp, body, err := stranger.Do(t.Context(), http.MethodGet, "/problems", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	contentType, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if resp.StatusCode != http.StatusOK || contentType != "text/plain" {
		t.Fatalf("%s, Content-Type %s, %v: %.200s", resp.Status, contentType, err, body)
	}
	for _, code := range []string{
		"agent_refused", "idempotency_conflict", "input_superseded", "input_taken", "insufficient_scope", "invalid_request",
		"no_such_route", "not_found", "unauthorized", "unknown_route",
	} {
		if !strings.Contains(string(body), "\n## "+code+"\n") {
			t.Errorf("%s is not described", code)
		}
	}
}
