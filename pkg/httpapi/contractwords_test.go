package httpapi_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/httpapi/contract"
	"adcp-orchestrator/pkg/keyring"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
)

// ourWords lists the members that may hold any text and are the orchestrator's or its client's.
// Every other text is bounded by its schema, or marked as a counterparty's words.
var ourWords = []string{
	"APIKey.name",
	"Actor.id",
	"Actor.name",
	"Actor.on_behalf_of",
	"Actor.request_id",
	"Agent.credential_ref",
	"AgentAuth.audience",
	"AgentAuth.credential_ref",
	"AgentAuth.resource",
	"AgentAuth.scope",
	"AgentEntry.credential_ref",
	"AgentPause.reason",
	"Attention.detail",
	"AuditEvent.on_behalf_of",
	"AuditEvent.request_id",
	"AuditEvent.resource",
	"AuditEvent.source_ip",
	"Brake.reason",
	"Brand.agents[].description",
	"Brand.agents[].id",
	"Brand.version",
	"CancelRequest.reason",
	"Cancellation.reason",
	"Circuit.last_failure.result",
	"Ended.event_id",
	"Event.detail",
	"Event.reason",
	"FieldError.field",
	"FieldError.remedy",
	"Finding.field",
	"Finding.remedy",
	"Identity.key.id",
	"Identity.key.name",
	"Identity.release",
	"Input.note",
	"Input.on_behalf_of",
	"InputAnswer.content_sha256",
	"KeySet.keys[].adcp_use",
	"KeySet.keys[].alg",
	"KeySet.keys[].crv",
	"KeySet.keys[].key_ops[]",
	"KeySet.keys[].kid",
	"KeySet.keys[].kty",
	"KeySet.keys[].use",
	"KeySet.keys[].x",
	"KeySet.keys[].y",
	"KeySetAddress.jwks_uri",
	"ListedAgent.credential_ref",
	"NewAPIKey.name",
	"NewWebhookEndpoint.description",
	"NoticeData.detail",
	"NoticeData.po_number",
	"NoticeText.body",
	"NoticeText.title",
	"NoticeText.waits_for",
	"Operation.idempotency_key_prefix",
	"Operation.po_number",
	"OperatorResolution.evidence",
	"OperatorResolution.reason",
	"Probe.steps[].step",
	"Problem.detail",
	"Problem.request_id",
	"Problem.title",
	"QuarantinedDelivery.handled.reason",
	"ReadAnswer.task",
	"Reason.reason",
	"Resolution.evidence",
	"Resolution.media_buy_id",
	"Resolution.reason",
	"WebhookEndpoint.description",
	"WebhookEndpointChange.agent_id",
	"WebhookEndpointChange.description",
}

// A new member that may hold any text is either ours, or marked.
func TestContractWordsOfACounterpartyAreMarked(t *testing.T) {
	t.Parallel()
	found := contract.API().FreeTexts()
	for _, member := range found {
		if !slices.Contains(ourWords, member) {
			t.Errorf("%s may hold any text: bound it, mark it with x-untrusted, or list it as ours", member)
		}
	}
	for _, member := range ourWords {
		if !slices.Contains(found, member) {
			t.Errorf("%s is not there any more, or is bounded now", member)
		}
	}
	t.Logf("%d members hold free text of ours", len(found))
}

// What an agent writes appears in the marked members and nowhere else.
func TestContractWordsOfACounterpartyStayThere(t *testing.T) {
	t.Parallel()
	const words = "<b>hostile</b>"
	raw := json.RawMessage(`{"message":"` + words + `","reason":"` + words + `","x":"` + words + `"}`)
	op := operation.Operation{Tenant: "acme", ID: "op_1", State: operation.InputRequired, TaskID: words, ContextID: words,
		MediaBuyID: words, Error: &adcp.Error{Code: words, Message: words, Field: words, Suggestion: words, Issues: raw,
			Details: raw, RetryAfter: time.Second},
		InputRequest: operation.InputRequest{Generation: 1, Since: now, Prompt: raw}}
	facts := adcp.BuyFacts{MediaBuyID: words, Status: words, Health: words, Impairments: []string{words}}
	op.News.Snapshot = &operation.BuySnapshot{AsOf: now, Facts: facts}
	record := operation.Record{Op: op, Request: raw, Result: raw, Events: []operation.Event{{Seq: 1, At: now,
		AgentMessage: words, Notification: &operation.Notification{Type: words, ID: words, Status: words}, Buy: &facts}}}
	agent := registry.Discovery{Profile: registry.Profile{PollTool: words, ListTool: words, Tasks: []string{words},
		Capabilities: adcp.ReadCapabilities(json.RawMessage(`{"adcp":{"supported_versions":["` + words + `"]}}`))}}
	for _, tc := range []struct {
		schema string
		value  any
	}{
		{"Operation", api.ViewRecord(record)},
		{"Agent", httpapi.ViewAgent(registry.Agent{}, agent)},
		{"AgentKeys", keyring.View{BrandURL: words, JWKSURI: words, PendingChange: &keyring.PendingChange{JWKSURI: words},
			Keys:       []keyring.KeyView{{KID: words, Alg: words, Use: words}},
			Revocation: keyring.RevocationView{URL: words}}},
		{"Problem", httpapi.Problem{AgentError: op.Error}},
	} {
		text, err := json.Marshal(tc.value)
		if err != nil {
			t.Fatal(err)
		}
		var value any
		if err := json.Unmarshal(text, &value); err != nil {
			t.Fatal(err)
		}
		for _, at := range contract.API().Leaks(tc.schema, value, words) {
			t.Errorf("%s%s holds the agent's words and is not marked", tc.schema, at)
		}
	}
	// The check finds what it looks for.
	leak := map[string]any{"detail": words, "errors": []any{map[string]any{"remedy": words}}}
	if got := contract.API().Leaks("Problem", leak, words); !slices.Equal(got, []string{".detail", ".errors[0].remedy"}) {
		t.Errorf("found %q", got)
	}
}

// oneAgent is a registry with one agent.
type oneAgent struct{}

func (oneAgent) Agent(context.Context, string, string) (registry.Agent, error) {
	return registry.Agent{Tenant: "acme", ID: "seller", URL: "https://s.example/mcp", Transport: adcp.MCP}, nil
}

func takeAnyKeys(context.Context, keyring.Sender, string) (keyring.View, error) {
	return keyring.View{Keys: []keyring.KeyView{}, Revocation: keyring.RevocationView{State: "unknown"}}, nil
}

// Every example of the description is valid by its own schema.
func TestContractExamples(t *testing.T) {
	t.Parallel()
	examples := contract.API().Examples()
	for _, e := range examples {
		if e.Fault != nil {
			t.Errorf("%s: %v", e.Where, e.Fault)
		}
	}
	if len(examples) < 20 {
		t.Errorf("only %d examples were found", len(examples))
	}
	t.Logf("%d examples are valid", len(examples))
}

// The functions take every request that the description shows.
func TestContractExamplesOfRequestsAreTaken(t *testing.T) {
	t.Parallel()
	functions := map[string]func(*testing.T) (httpapi.Function, events.APIGatewayProxyRequest){
		"submitOperation": func(t *testing.T) (httpapi.Function, events.APIGatewayProxyRequest) {
			_, submit := newSubmit(t, operation.WebhookHMAC)
			return submit, request(t, "submit")
		},
		"putAgent": func(t *testing.T) (httpapi.Function, events.APIGatewayProxyRequest) {
			put, _ := agentRoutes(`{"adcp":{"idempotency":{"supported":true}}}`)
			return put, request(t, "agents")
		},
		"putAgentKeys": func(t *testing.T) (httpapi.Function, events.APIGatewayProxyRequest) {
			f := api.Serve(apikey.ScopeAgentsWrite, api.PinKeys(oneAgent{}, takeAnyKeys))
			return f, as(routed("PUT /v1/agents/{id}/keys", "seller"), "acme")
		},
		"readAgent": func(t *testing.T) (httpapi.Function, events.APIGatewayProxyRequest) {
			return reads(t, api, answered(`{"products":[]}`)), request(t, "read")
		},
		"sendInput": func(t *testing.T) (httpapi.Function, events.APIGatewayProxyRequest) {
			h := newInputHarness(t)
			h.requestInput(`{}`, continuation)
			e := routed("POST /v1/operations/{id}/input", h.id)
			return h.send, as(e, "acme")
		},
		"resolveOperation": func(t *testing.T) (httpapi.Function, events.APIGatewayProxyRequest) {
			h := newActsHarness(t)
			op := h.becomes(func(op *operation.Operation) {
				op.State, op.TaskID = operation.Working, "tk_1"
				op.Flag(operation.GaveUp, now, "")
			})
			return h.acts["resolve"], of(actRoute("resolve"), h.id, "", map[string]string{"If-Match": etag(op.Version)})
		},
		"replayQuarantined": func(t *testing.T) (httpapi.Function, events.APIGatewayProxyRequest) {
			return replays(), of(replayOne, "qd_"+strings.Repeat("a", 26), "", nil)
		},
	}
	for _, o := range contract.API().Operations() { // the others depend on no state
		if functions[o.ID] == nil && !slices.Contains(notYet, o.Route()) {
			functions[o.ID] = func(t *testing.T) (httpapi.Function, events.APIGatewayProxyRequest) {
				routes, _ := everyRoute(t, api)
				u := routes[o.Route()]
				return u.function, u.event(o.Route())
			}
		}
	}
	sent := 0
	for _, o := range contract.API().Operations() {
		for _, body := range contract.API().RequestExamples(o) {
			make, ok := functions[o.ID]
			if ok == slices.Contains(unsent, o.ID) {
				t.Errorf("%s: its examples have to be sent here, or be in unsent, and not both", o.ID)
			}
			if !ok {
				continue
			}
			f, e := make(t)
			e.Body, e.IsBase64Encoded = string(body), false
			if got := call(t, f, e); got.StatusCode >= 300 {
				t.Errorf("%s: %d %s\n%s", o.ID, got.StatusCode, got.Body, body)
			}
			sent++
		}
	}
	t.Logf("%d examples of requests were sent and taken", sent)
}
