package httpapi_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/quota"
)

// onlyValidate is a submission that is only to be checked, without an idempotency key.
func onlyValidate(e events.APIGatewayProxyRequest, value string) events.APIGatewayProxyRequest {
	e.Headers, e.MultiValueHeaders = nil, nil
	e.QueryStringParameters = map[string]string{"validate": value}
	return e
}

func TestValidateOnlySaysWhatASubmissionWouldDoAndDoesNothing(t *testing.T) {
	t.Parallel()
	_, submit := newSubmit(t, operation.WebhookHMAC)
	e := request(t, "submit")
	for range 2 {
		got := call(t, submit, onlyValidate(e, "only"))
		v := decode[httpapi.Validation](t, got, 200)
		if !v.Valid || v.Would != httpapi.ActOpen || v.Type != "create_media_buy" || v.AgentID != "seller" ||
			v.ADCPVersion != "3.1" || v.OperationID != "" || len(v.Findings) != 1 ||
			v.Findings[0].Code != "agent_release_unknown" {
			t.Errorf("got %s", got.Body)
		}
	}
	op := decode[httpapi.Operation](t, call(t, submit, e), 202) // nothing was stored: it is new
	if op.MatchedBy != "" {
		t.Errorf("got %+v", op)
	}
	v := decode[httpapi.Validation](t, call(t, submit, onlyValidate(e, "only")), 200)
	if v.Would != httpapi.ActReturn || v.OperationID != op.ID || v.MatchedBy != orchestrator.MatchNatural {
		t.Errorf("got %+v", v)
	}
}

// Whatever is wrong, a validation and a submission answer with the same problem.
func TestValidateOnlyHasTheSubmissionsProblems(t *testing.T) {
	t.Parallel()
	_, submit := newSubmit(t, operation.WebhookHMAC)
	e := request(t, "submit")
	decode[httpapi.Operation](t, call(t, submit, e), 202)
	for name, tc := range map[string]struct {
		old, text string
		code      string
		fields    string
	}{
		"a wrong value":      {`"budget": 1000`, `"budget": -1`, "invalid_request", "request.packages[0].budget"},
		"an unknown agent":   {`"seller"`, `"none"`, "invalid_request", "agent_id"},
		"both, and a member": {`"agent_id": "seller"`, `"x":1,"agent_id": "none"`, "invalid_request", "x agent_id"},
		"another buy":        {`"budget": 1000`, `"budget": 5`, "po_number_in_use", "request.po_number"},
		"no JSON":            {`{`, `[`, "invalid_request", "(body)"},
	} {
		other := withKey(e, "another-key")
		other.Body = strings.Replace(e.Body, tc.old, tc.text, 1)
		only := other
		only.QueryStringParameters = map[string]string{"validate": "only"}
		did, said := call(t, submit, other), call(t, submit, only)
		if did.StatusCode != said.StatusCode || did.Body != said.Body {
			t.Errorf("%s: it said %s, and did %s", name, said.Body, did.Body)
		}
		p := wantProblem(t, said, said.StatusCode, tc.code)
		var fields []string
		for _, f := range p.Errors {
			fields = append(fields, f.Field)
		}
		if strings.Join(fields, " ") != tc.fields {
			t.Errorf("%s: %v, want %s", name, fields, tc.fields)
		}
	}
}

// A problem says which release the request was checked against.
func TestAProblemNamesTheReleaseThatWasChecked(t *testing.T) {
	t.Parallel()
	_, submit := newSubmit(t, operation.WebhookNone)
	e := request(t, "submit")
	e.Body = strings.Replace(e.Body, `"budget": 1000`, `"budget": -1`, 1)
	p := wantProblem(t, call(t, submit, e), 400, "invalid_request")
	if p.ADCPVersion != "3.1" || !strings.Contains(p.Detail, "AdCP 3.1") {
		t.Errorf("got %+v", p)
	}
}

func TestAnotherValueOfValidateIsRefused(t *testing.T) {
	t.Parallel()
	_, submit := newSubmit(t, operation.WebhookHMAC)
	for _, value := range []string{"", "true", "ONLY"} {
		e := onlyValidate(request(t, "submit"), value)
		p := wantProblem(t, call(t, submit, e), 400, "invalid_request")
		if len(p.Errors) != 1 || p.Errors[0].Field != "validate" {
			t.Errorf("%q: %+v", value, p)
		}
	}
}

// A key that is sent must be one that a submission accepts.
func TestValidateOnlyChecksAKeyThatIsThere(t *testing.T) {
	t.Parallel()
	_, submit := newSubmit(t, operation.WebhookHMAC)
	e := onlyValidate(request(t, "submit"), "only")
	e.Headers = map[string]string{"Idempotency-Key": "two words"}
	if p := wantProblem(t, call(t, submit, e), 400, "invalid_request"); p.Errors[0].Field != "Idempotency-Key" {
		t.Errorf("got %+v", p)
	}
}

// A validation opens nothing, so it counts as a request and not as a submission.
func TestValidateOnlyCountsAsARequest(t *testing.T) {
	t.Parallel()
	_, _, submit := newLimited(t, quota.Limits{Requests: quota.Rate{PerSecond: 1, Burst: 2},
		Submissions: quota.Rate{PerSecond: 1, Burst: 1}})
	e := onlyValidate(request(t, "submit"), "only")
	var statuses []int
	for range 3 {
		statuses = append(statuses, call(t, submit, e).StatusCode)
	}
	if !slices.Equal(statuses, []int{200, 200, 429}) {
		t.Errorf("got %v", statuses)
	}
	if got := call(t, submit, submission(t, "key")); got.StatusCode != 202 {
		t.Errorf("the submission got %+v", got)
	}
}
