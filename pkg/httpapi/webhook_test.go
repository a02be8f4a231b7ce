package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/httpsig"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/keyring"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/memory"
	"adcp-orchestrator/pkg/webhook"
)

// The headers of a well-formed signature over the body {}. The keys that could verify it are not
// available.
const (
	signature = "sig1=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA:"
	digest    = "sha-256=:RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=:"
	input     = `sig1=("@method" "@target-uri" "@authority" "content-type" "content-digest")` +
		`;created=1795435200;expires=1795435500;nonce="AAAAAAAAAAAAAAAAAAAAAA";keyid="k";alg="ed25519"` +
		`;tag="adcp/webhook-signing/v1"`
)

// unavailableKeys are keys that can't be fetched at present.
type unavailableKeys struct{}

func (unavailableKeys) Key(context.Context, string) (httpsig.JWK, error) {
	return httpsig.JWK{}, &keyring.UnavailableError{Code: "jwks_unreachable", RetryAfter: 7500 * time.Millisecond}
}

func (unavailableKeys) Check(context.Context, string) error { return nil }

// fakeReceive is the use case behind the receiver, with fixed results.
type fakeReceive struct {
	result        orchestrator.ReceiveResult
	err           error
	quarantineErr error
}

func (f fakeReceive) Run(context.Context, operation.Operation, adcp.Webhook, string) (
	orchestrator.ReceiveResult, error) {
	return f.result, f.err
}

func (f fakeReceive) PollSoon(context.Context, operation.Operation, string) error { return f.err }

func (f fakeReceive) Quarantine(context.Context, inbox.Quarantined) error { return f.quarantineErr }

// webhookHarness is a submitted operation and the receiver of its webhooks.
type webhookHarness struct {
	receiver   webhook.Receiver
	path       string // of the operation's webhook
	credential string
}

const rootSecret = "root secret of the tests"

func newWebhookHarness(t *testing.T, mode operation.WebhookMode) webhookHarness {
	t.Helper()
	s, submit := newSubmit(t, mode)
	op := decode[httpapi.Operation](t, call(t, submit, request(t, "submit")), 202)
	frozen, err := s.Request(t.Context(), "acme", op.ID)
	if err != nil {
		t.Fatal(err)
	}
	var sent struct {
		Push struct{ URL string } `json:"push_notification_config"`
	}
	if err := json.Unmarshal(frozen, &sent); err != nil {
		t.Fatal(err)
	}
	return webhookHarness{
		receiver: webhook.Receiver{
			Store:      s,
			BaseURL:    baseURL,
			Now:        clock,
			Count:      func(string) {},
			Apply:      orchestrator.Receive{Store: s},
			Roots:      func(context.Context) ([]string, error) { return []string{rootSecret}, nil },
			SenderKeys: func(operation.Operation, store.Document) webhook.SenderKeys { return unavailableKeys{} },
		},
		path:       strings.TrimPrefix(sent.Push.URL, baseURL),
		credential: inbox.WebhookCredential(rootSecret, "acme", op.ID),
	}
}

// delivery is an unsigned delivery for the operation.
func (h webhookHarness) delivery(body string) events.APIGatewayProxyRequest {
	e := events.APIGatewayProxyRequest{
		HTTPMethod:     "POST",
		Resource:       "/v1/webhooks/{callback_token}",
		Path:           h.path,
		PathParameters: map[string]string{"callback_token": h.path[strings.LastIndex(h.path, "/")+1:]},
		Headers:        map[string]string{"Content-Type": "application/json", "Host": "api.example"},
		Body:           body,
	}
	e.RequestContext.RequestID = requestID
	return e
}

// The receiver's reply becomes status, code and headers: the challenge of a 401, and when to send
// again.
func TestWebhookReplies(t *testing.T) {
	t.Parallel()
	harness := newWebhookHarness(t, operation.WebhookRFC9421)
	const malformed = "webhook_signature_header_malformed"
	for name, tc := range map[string]struct {
		change func(*webhook.Receiver, *events.APIGatewayProxyRequest)
		status int
		code   string
		header string
		value  string
	}{
		"unsigned": {
			func(*webhook.Receiver, *events.APIGatewayProxyRequest) {},
			401, malformed, "WWW-Authenticate", `Signature error="` + malformed + `"`,
		},
		"the keys can't be fetched": {
			func(_ *webhook.Receiver, e *events.APIGatewayProxyRequest) {
				e.Headers["Signature"], e.Headers["Signature-Input"] = signature, input
				e.Headers["Content-Digest"] = digest
			},
			503, "keys_unavailable", "Retry-After", "8",
		},
		"a path that does not end in the token": {
			func(_ *webhook.Receiver, e *events.APIGatewayProxyRequest) { e.Path += "x" },
			404, "unknown_route", "Retry-After", "",
		},
		"a delivery that can't be quarantined is not refused": {
			func(r *webhook.Receiver, _ *events.APIGatewayProxyRequest) {
				r.Apply = fakeReceive{quarantineErr: errors.New("throttled")}
			},
			503, "try_again", "WWW-Authenticate", "",
		},
		"not base64": {
			func(_ *webhook.Receiver, e *events.APIGatewayProxyRequest) { e.Body, e.IsBase64Encoded = "***", true },
			400, "malformed_body", "WWW-Authenticate", "",
		},
	} {
		r, e := harness.receiver, harness.delivery("{}")
		tc.change(&r, &e)
		got := call(t, api.Webhook(r), e)
		p := wantProblem(t, got, tc.status, tc.code)
		if got.Headers[tc.header] != tc.value {
			t.Errorf("%s: got %+v", name, got)
		}
		if tc.status == 401 && (p.Detail != "" || len(p.Errors) > 0) { // contract F35
			t.Errorf("%s: the body says more than the challenge: %+v", name, p)
		}
	}
}

// An authentic delivery is answered with what it did, or with its wrong fields.
func TestRepliesToAuthenticWebhooks(t *testing.T) {
	t.Parallel()
	harness := newWebhookHarness(t, operation.WebhookBearer)
	harness.receiver.Apply = fakeReceive{result: orchestrator.ReceiveResult{Verdict: operation.Advanced, First: true}}
	const body = `{"idempotency_key":"whk_01HW9D3H8FZP2N6R8T0V4X6Z9B","operation_id":"op_1","task_id":"t",` +
		`"task_type":"create_media_buy","protocol":"media-buy","status":"working","timestamp":"2026-11-23T11:59:59Z"}`
	e := harness.delivery(body)
	e.Headers["Authorization"] = "Bearer " + harness.credential
	got := call(t, api.Webhook(harness.receiver), e)
	if got.StatusCode != 200 || got.Body != `{"outcome":"advanced"}` || got.Headers["Content-Type"] != "application/json" {
		t.Errorf("got %+v", got)
	}
	e.Body = strings.Replace(body, `"operation_id":"op_1",`, "", 1)
	p := wantProblem(t, call(t, api.Webhook(harness.receiver), e), 422, "missing_envelope_fields")
	if len(p.Errors) != 1 || p.Errors[0].Field != "operation_id" || p.Errors[0].Code != "required" || p.Detail == "" {
		t.Errorf("got %+v", p)
	}
}

// events/webhook.json is well formed; no operation is stored for it.
func TestWebhookEvent(t *testing.T) {
	t.Parallel()
	receiver := webhook.Receiver{
		Store: memory.New(clock),
		Now:   clock,
		Count: func(string) {},
		Roots: func(context.Context) ([]string, error) { return nil, nil },
	}
	e := event[events.APIGatewayProxyRequest](t, "webhook")
	if _, ok := inbox.ParseCallbackToken(e.PathParameters["callback_token"]); !ok {
		t.Errorf("the event's callback token is none: %q", e.PathParameters["callback_token"])
	}
	e.RequestContext.RequestID = requestID
	wantProblem(t, call(t, api.Webhook(receiver), e), 404, "unknown_route")
}
