package httpapi_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/operation"
)

// withBody is a request with another body, in base64 as the gateway sends it.
func withBody(e events.APIGatewayProxyRequest, body string) events.APIGatewayProxyRequest {
	e.Body, e.IsBase64Encoded = base64.StdEncoding.EncodeToString([]byte(body)), true
	return e
}

// badValue is a value of JSON that can't be kept as it is, and a part of the rule that it breaks.
var badValues = []struct{ name, value, rule string }{
	{"half of a surrogate pair", `"summer sale \ud83d"`, "surrogate"},
	{"the other half", `"\ude00 sale"`, "surrogate"},
	{"Latin-1", "\"caf\xe9\"", "UTF-8"},
	{"more than a double", `1e400`, "double"},
	{"an integer that a double rounds", `9007199254740993`, "double"},
}

// wantOneWrongField checks that a response is a 400 that names one field.
func wantOneWrongField(t *testing.T, got events.APIGatewayProxyResponse, field, rule string) {
	t.Helper()
	p := wantProblem(t, got, 400, "invalid_request")
	if len(p.Errors) != 1 || p.Errors[0].Field != field || p.Errors[0].Code != "invalid_value" ||
		!strings.Contains(p.Errors[0].Rule, rule) {
		t.Errorf("named %+v, want %s", p.Errors, field)
	}
}

func TestSubmissionWithBadBytesIsTheClientsFault(t *testing.T) {
	t.Parallel()
	_, submit := newSubmit(t, operation.WebhookHMAC)
	e := request(t, "submit")
	for _, bad := range badValues {
		body := strings.Replace(e.Body, `"end_time"`, `"ext":{"notes":[1,{"text":`+bad.value+`}]},"end_time"`, 1)
		if body == e.Body {
			t.Fatal("the event has no end_time")
		}
		t.Run(bad.name, func(t *testing.T) {
			t.Parallel()
			wantOneWrongField(t, call(t, submit, withBody(e, body)), "request.ext.notes[1].text", bad.rule)
		})
	}
	// The corrected body is accepted under the same key: nothing was bound to it.
	if got := call(t, submit, e); got.StatusCode != 202 || got.Headers["Idempotent-Replayed"] != "" {
		t.Errorf("got %+v", got)
	}
}

func TestSubmissionNamesBadBytesAndWrongFieldsTogether(t *testing.T) {
	t.Parallel()
	_, submit := newSubmit(t, operation.WebhookHMAC)
	body := `{"agent_id":"seller","type":"create_media_buy","surplus":1,"request":{"account":{"account_id":"a"},` +
		`"brand":{"domain":"\ud800"},"start_time":"soon","end_time":"2027-06-30T23:59:59Z","po_number":"p\u202eo",` +
		`"packages":[{"budget":1e400},{"budget":9007199254740993}]}}`
	e := request(t, "submit")
	e.Headers, e.MultiValueHeaders = nil, nil
	p := wantProblem(t, call(t, submit, withBody(e, body)), 400, "invalid_request")
	var got []string
	for _, f := range p.Errors {
		got = append(got, f.Field)
	}
	slices.Sort(got)
	want := []string{"Idempotency-Key", "request.brand.domain",
		"request.packages[0].budget", "request.packages[0].pricing_option_id", "request.packages[0].product_id",
		"request.packages[1].budget", "request.packages[1].pricing_option_id", "request.packages[1].product_id",
		"request.po_number", "request.start_time", "surplus"}
	if !slices.Equal(got, want) {
		t.Errorf("named %v, want %v", got, want)
	}
}

// 9007199254740992 and 9007199254740993 have one digest: under one key they would be one payload.
func TestPayloadsThatRoundToTheSameNumberAreNotOnePayload(t *testing.T) {
	t.Parallel()
	_, submit := newSubmit(t, operation.WebhookHMAC)
	e := request(t, "submit")
	send := func(n string) events.APIGatewayProxyResponse {
		body := strings.Replace(e.Body, `"end_time"`, `"ext":{"n":`+n+`},"end_time"`, 1)
		return call(t, submit, withBody(e, body))
	}
	for _, n := range []string{"9007199254740992", "9007199254740993"} {
		wantOneWrongField(t, send(n), "request.ext.n", "9007199254740991")
	}
	wantOneWrongField(t, send("1000.0100000000000001"), "request.ext.n", "more digits than a double keeps")
	first, other := send("9007199254740990"), send("9007199254740991")
	if first.StatusCode != 202 || other.StatusCode != 409 {
		t.Errorf("got %d, then %d", first.StatusCode, other.StatusCode)
	}
}

func TestInputWithBadBytesIsTheClientsFault(t *testing.T) {
	t.Parallel()
	h := newInputHarness(t)
	h.requestInput(`{"message":"Which?"}`, continuation)
	for _, bad := range badValues {
		body := `{"generation":1,"input":{"ext":{"answer":` + bad.value + `}},"on_behalf_of":"jane"}`
		wantOneWrongField(t, h.post("acme", body), "input.ext.answer", bad.rule)
	}
	decode[httpapi.Operation](t, h.post("acme", approval), 202) // the input request is still open
}

// The record of an approval must not read as another name than the one that was sent.
func TestApproverWithInvisibleCharactersIsRefused(t *testing.T) {
	t.Parallel()
	h := newInputHarness(t)
	h.requestInput(`{"message":"Which?"}`, continuation)
	for _, name := range []string{`ja\u202ene`, `ja\u200bne`, `jane\u2028`, `jane\u2029`, `jane\u0085`, `jane\u007f`,
		`\u2066jane`, `jane\ufeff`, `\ud800`, ` `} {
		body := fmt.Sprintf(`{"generation":1,"input":{},"on_behalf_of":"%s"}`, name)
		wantOneWrongField(t, h.post("acme", body), "on_behalf_of", "visible characters")
	}
}

func TestPurchaseOrderNumberIsBounded(t *testing.T) {
	t.Parallel()
	_, submit := newSubmit(t, operation.WebhookHMAC)
	body := func(po string) string {
		return `{"agent_id":"seller","type":"create_media_buy","request":{"account":{"account_id":"a"},` +
			`"brand":{"domain":"d"},"start_time":"asap","end_time":"2027-06-30T23:59:59Z",` +
			`"packages":[{"product_id":"p","pricing_option_id":"cpm","budget":1000}],"po_number":` + po + `}}`
	}
	e := request(t, "submit")
	for _, po := range []string{
		`"` + strings.Repeat("x", 129) + `"`, `"` + strings.Repeat("x", 500_000) + `"`,
		`"a\u0000"`, `"a\u202e"`, `" "`, `1`, `1e400`,
	} {
		wantOneWrongField(t, call(t, submit, withBody(e, body(po))), "request.po_number", "128 visible characters")
	}
	if got := call(t, submit, withBody(e, body(`"`+strings.Repeat("é", 128)+`"`))); got.StatusCode != 202 {
		t.Errorf("128 characters: %s", got.Body)
	}
}

func TestAgentEntryWithBadBytesIsTheClientsFault(t *testing.T) {
	t.Parallel()
	put, _ := agentRoutes(`{}`)
	e := request(t, "agents")
	for _, bad := range badValues {
		body := `{"url":"https://sales.example.com/mcp","brand_json_url":` + bad.value + `}`
		wantOneWrongField(t, call(t, put, withBody(e, body)), "brand_json_url", bad.rule)
	}
	large := withBody(e, `{"url":"https://sales.example.com/`+strings.Repeat("x", 1<<20)+`"}`)
	wantProblem(t, call(t, put, large), 413, "too_large")
}

func TestPinnedAddressWithBadBytesIsTheClientsFault(t *testing.T) {
	t.Parallel()
	var none error
	f := keyRoutes(t, &none)
	for _, value := range []string{`"https://s.example/\ud83d"`, "\"https://s.example/caf\xe9\""} {
		e := withBody(keysRequest("acme", "PUT", "seller", ""), `{"jwks_uri":`+value+`}`)
		wantOneWrongField(t, call(t, f, e), "jwks_uri", "must")
	}
	large := keysRequest("acme", "PUT", "seller", `{"jwks_uri":"`+strings.Repeat("x", 1<<20)+`"}`)
	wantProblem(t, call(t, f, large), 413, "too_large")
}

// An answer above Lambda's limit would reach nobody.
func TestAnswerToVeryManyWrongFieldsCanBeDelivered(t *testing.T) {
	t.Parallel()
	_, submit := newSubmit(t, operation.WebhookHMAC)
	var unknown strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&unknown, `"<%d>":1,`, i)
	}
	for name, body := range map[string]string{
		"unknown members": `{` + unknown.String() + `"request":{}}`,
		"bad values":      `{"request":{"a":[` + strings.Repeat("1e400,", 150_000) + `1]}}`,
	} {
		got := call(t, submit, withBody(request(t, "submit"), body))
		p := wantProblem(t, got, 400, "invalid_request")
		if len(got.Body) > 100_000 || p.Errors[len(p.Errors)-1].Field != "(more)" {
			t.Errorf("%s: %d bytes, the last is %+v", name, len(got.Body), p.Errors[len(p.Errors)-1])
		}
	}
}
