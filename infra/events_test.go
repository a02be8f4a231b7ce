package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/webhook"
)

// exampleRoot is the root secret of the credential that signs the webhook event.
const exampleRoot = "example-root-of-the-webhook-credentials-0123456789abcdefghijklmn"

// decode reads an event into the type that its function takes.
func decode[E any](t *testing.T, function string) E {
	t.Helper()
	var e E
	if err := readJSON(filepath.Join("..", "events", function+".json"), &e); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestEachFunctionHasAnEvent(t *testing.T) {
	t.Parallel()
	for _, spec := range functionSpecs {
		if event := decode[map[string]any](t, spec.name); len(event) == 0 {
			t.Errorf("events/%s.json is empty", spec.name)
		}
	}
}

func TestHTTPEventsAreRequestsOfTheirRoutes(t *testing.T) {
	t.Parallel()
	for _, function := range []string{"submit", "operations", "wait", "agents", "quarantine", "read",
		"resolve", "account", "webhook",
		"identity", "endpoints"} {
		e := decode[events.APIGatewayProxyRequest](t, function)
		i := slices.IndexFunc(routes, func(r route) bool { return r.method == e.HTTPMethod && r.path == e.Resource })
		if i < 0 || routes[i].function != function {
			t.Errorf("%s: %s %s is not one of its routes", function, e.HTTPMethod, e.Resource)
			continue
		}
		path := e.Resource
		for name, value := range e.PathParameters {
			path = strings.ReplaceAll(path, "{"+name+"}", value)
		}
		c := e.RequestContext
		if e.Path != path || c.Path != "/"+stageName+path || c.ResourcePath != e.Resource ||
			c.HTTPMethod != e.HTTPMethod || c.Stage != stageName {
			t.Errorf("%s: path %s, context %+v", function, e.Path, c)
		}
		request, err := httpapi.Read(e)
		if err != nil {
			t.Fatal(err)
		}
		caller := request.Principal
		if open := caller.Tenant == ""; open != routes[i].open {
			t.Errorf("%s comes from tenant %q", function, caller.Tenant)
		}
		if !routes[i].open && !(caller.May(apikey.ScopeOperationsWrite) && caller.May(apikey.ScopeAgentsWrite)) {
			t.Errorf("%s has the scopes %v", function, caller.Scopes)
		}
		for name, values := range e.MultiValueHeaders {
			if len(values) != 1 || e.Headers[name] != values[0] {
				t.Errorf("%s: header %s is %q and %q", function, name, e.Headers[name], values)
			}
		}
	}
}

func TestSubmitEventIsASubmitRequest(t *testing.T) {
	t.Parallel()
	request, err := httpapi.Read(decode[events.APIGatewayProxyRequest](t, "submit"))
	if err != nil {
		t.Fatal(err)
	}
	submit, err := orchestrator.ParseSubmitRequest(request.Body)
	if err != nil {
		t.Fatal(err)
	}
	agentID := decode[events.APIGatewayProxyRequest](t, "agents").PathParameters["id"]
	if submit.Type != adcp.CreateMediaBuy || submit.AgentID != agentID {
		t.Errorf("the request is a %s for %s, want a %s for %s", submit.Type, submit.AgentID, adcp.CreateMediaBuy, agentID)
	}
	if request.Header.Get("Idempotency-Key") == "" {
		t.Error("no Idempotency-Key")
	}
}

// discovery stands in for the call of the agent: it keeps the entry that would be called.
type discovery struct {
	registry.Caller
	entry *registry.Agent
}

var errNotCalled = errors.New("this test calls no agent")

func (d discovery) Discover(_ context.Context, a registry.Agent) (registry.Profile, error) {
	*d.entry = a
	return registry.Profile{}, errNotCalled
}

func TestAgentsEventIsARegistryEntry(t *testing.T) {
	t.Parallel()
	request, err := httpapi.Read(decode[events.APIGatewayProxyRequest](t, "agents"))
	if err != nil {
		t.Fatal(err)
	}
	var entry registry.Agent
	register := registry.Register{
		Agents:  discovery{entry: &entry},
		Now:     time.Now,
		Checker: registry.Checker{CheckURL: func(string) error { return nil }},
	}
	_, _, err = register.Run(t.Context(), request.Principal.Tenant, request.Path["id"], request.Body)
	if !errors.Is(err, errNotCalled) { // the entry is valid if the next step is the call
		t.Fatalf("the entry is refused: %v", err)
	}
	want := registry.Agent{
		Tenant:        "acme",
		ID:            "seller",
		URL:           "https://sales.example.com/mcp",
		Transport:     adcp.MCP,
		CredentialRef: "adcp/acme/seller",
		WebhookMode:   operation.WebhookHMAC,
		Poll:          operation.PollPolicy{IntervalSeconds: 60, BackoffRate: 2, MaxDelaySeconds: 3600},
	}
	if !reflect.DeepEqual(entry, want) {
		t.Errorf("the entry is %+v, want %+v", entry, want)
	}
}

func TestWebhookEventIsSigned(t *testing.T) {
	t.Parallel()
	e := decode[events.APIGatewayProxyRequest](t, "webhook")
	request, err := httpapi.Read(e)
	if err != nil {
		t.Fatal(err)
	}
	if !e.IsBase64Encoded {
		t.Error("the body is text: API Gateway passes every body of this API in base64")
	}
	token, ok := inbox.ParseCallbackToken(request.Path["callback_token"])
	if !ok {
		t.Fatalf("callback token %q", request.Path["callback_token"])
	}
	credential := inbox.WebhookCredential(exampleRoot, token.Tenant, token.OperationID)
	received := time.UnixMilli(e.RequestContext.RequestTimeEpoch)
	if err := webhook.VerifyHMAC(request.Header, request.Body, []string{credential}, received); err != nil {
		timestamp := request.Header.Get(webhook.HeaderTimestamp)
		t.Errorf("%v; sign it with sha256=%s", err, webhook.SignHMAC(credential, timestamp, request.Body))
	}
	w, err := adcp.ParseWebhook(request.Body)
	if err != nil {
		t.Fatal(err)
	}
	if w.OperationID != token.OperationID || w.Status != adcp.StatusCompleted ||
		w.TaskType != string(adcp.CreateMediaBuy) {
		t.Errorf("the webhook is %+v", w)
	}
}

func TestAuthorizerEventNamesAMethodOfTheStage(t *testing.T) {
	t.Parallel()
	e := decode[events.APIGatewayCustomAuthorizerRequestTypeRequest](t, "authorizer")
	want := fmt.Sprintf("arn:aws:execute-api:us-east-1:%s:%s/%s/%s%s",
		e.RequestContext.AccountID, e.RequestContext.APIID, stageName, e.HTTPMethod, e.Path)
	if e.Type != "REQUEST" || e.MethodArn != want {
		t.Errorf("%s %s, want REQUEST %s", e.Type, e.MethodArn, want)
	}
	header := http.Header(e.MultiValueHeaders).Get("Authorization")
	submitted := decode[events.APIGatewayProxyRequest](t, "submit").Headers["Authorization"]
	if !strings.HasPrefix(header, "Bearer adcp_acme_") || header != submitted {
		t.Errorf("Authorization is %s", header)
	}
}

func TestWorkflowEventsNameOneOperation(t *testing.T) {
	t.Parallel()
	want := decode[events.APIGatewayProxyRequest](t, "wait").PathParameters["id"]
	for _, function := range []string{"dispatch", "poll", "settle"} {
		if ref := decode[operation.Ref](t, function); ref.Tenant != "acme" || ref.OperationID != want {
			t.Errorf("%s is for %+v, want %s", function, ref, want)
		}
	}
}

func TestSweepEventsAreScheduledOnes(t *testing.T) {
	t.Parallel()
	for _, function := range []string{"reconcile", "notify"} {
		e := decode[events.CloudWatchEvent](t, function)
		if e.Source != "aws.events" || e.DetailType != "Scheduled Event" || len(e.Resources) != 1 {
			t.Errorf("the event is %+v", e)
		}
	}
}
