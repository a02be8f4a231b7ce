package main

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/webhook"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// exampleRoot is the root secret that the webhook event is signed under.
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
	for _, function := range []string{"submit", "operations", "agents", "webhook", "identity"} {
		e := decode[events.APIGatewayProxyRequest](t, function)
		i := slices.IndexFunc(routes, func(r route) bool { return r.method == e.HTTPMethod && r.path == e.Resource })
		if i < 0 || routes[i].function != function {
			t.Errorf("%s: %s %s is not a route of it", function, e.HTTPMethod, e.Resource)
			continue
		}
		path := e.Resource
		for name, value := range e.PathParameters {
			path = strings.ReplaceAll(path, "{"+name+"}", value)
		}
		c := e.RequestContext
		if e.Path != path || c.Path != "/"+stageName+path || c.ResourcePath != e.Resource || c.HTTPMethod != e.HTTPMethod || c.Stage != stageName {
			t.Errorf("%s: path %s, context %+v", function, e.Path, c)
		}
		request, err := httpapi.Read(e)
		if err != nil {
			t.Fatal(err)
		}
		if open := request.Principal.Tenant == ""; open != routes[i].open {
			t.Errorf("%s comes from tenant %q", function, request.Principal.Tenant)
		}
		if !routes[i].open && !(request.Principal.May(apikey.ScopeOperationsWrite) && request.Principal.May(apikey.ScopeAgentsWrite)) {
			t.Errorf("%s may %v", function, request.Principal.Scopes)
		}
		for name, values := range e.MultiValueHeaders {
			if len(values) != 1 || e.Headers[name] != values[0] {
				t.Errorf("%s: header %s is %q and %q", function, name, e.Headers[name], values)
			}
		}
	}
}

func TestSubmitEventIsAnOrder(t *testing.T) {
	t.Parallel()
	request, err := httpapi.Read(decode[events.APIGatewayProxyRequest](t, "submit"))
	if err != nil {
		t.Fatal(err)
	}
	order, err := orchestrator.ParseSubmitRequest(request.Body)
	if err != nil {
		t.Fatal(err)
	}
	if order.Type != adcp.CreateMediaBuy || order.AgentID != decode[events.APIGatewayProxyRequest](t, "agents").PathParameters["id"] {
		t.Errorf("the order is %s for %s", order.Type, order.AgentID)
	}
	if request.Header.Get("Idempotency-Key") == "" {
		t.Error("no Idempotency-Key")
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
		t.Error("the body is text: API Gateway hands every body over in base64 here")
	}
	r, ok := inbox.ParseCallbackToken(request.Path["route"])
	if !ok {
		t.Fatalf("route %q", request.Path["route"])
	}
	credential := inbox.WebhookCredential(exampleRoot, r.Tenant, r.OperationID)
	received := time.UnixMilli(e.RequestContext.RequestTimeEpoch)
	if err := webhook.VerifyHMAC(request.Header, request.Body, []string{credential}, received); err != nil {
		t.Errorf("%v; sign it with sha256=%s", err, webhook.SignHMAC(credential, request.Header.Get(webhook.HeaderTimestamp), request.Body))
	}
	w, err := adcp.ParseWebhook(request.Body)
	if err != nil {
		t.Fatal(err)
	}
	if w.OperationID != r.OperationID || w.Status != adcp.StatusCompleted || w.TaskType != string(adcp.CreateMediaBuy) {
		t.Errorf("the webhook is %+v", w)
	}
}

func TestAuthorizerEventNamesAMethodOfTheStage(t *testing.T) {
	t.Parallel()
	e := decode[events.APIGatewayCustomAuthorizerRequestTypeRequest](t, "authorizer")
	want := fmt.Sprintf("arn:aws:execute-api:us-east-1:%s:%s/%s/%s%s", e.RequestContext.AccountID, e.RequestContext.APIID, stageName, e.HTTPMethod, e.Path)
	if e.Type != "REQUEST" || e.MethodArn != want {
		t.Errorf("%s %s, want %s", e.Type, e.MethodArn, want)
	}
	header := http.Header(e.MultiValueHeaders).Get("Authorization")
	if !strings.HasPrefix(header, "Bearer adcp_acme_") || header != decode[events.APIGatewayProxyRequest](t, "submit").Headers["Authorization"] {
		t.Errorf("Authorization is %s", header)
	}
}

func TestWorkflowEventsNameOneOperation(t *testing.T) {
	t.Parallel()
	want := decode[events.APIGatewayProxyRequest](t, "operations").PathParameters["id"]
	for _, function := range []string{"dispatch", "poll", "settle"} {
		if ref := decode[operation.Ref](t, function); ref.Tenant != "acme" || ref.OperationID != want {
			t.Errorf("%s is for %+v, want %s", function, ref, want)
		}
	}
}

func TestReconcileEventIsAScheduledOne(t *testing.T) {
	t.Parallel()
	if e := decode[events.CloudWatchEvent](t, "reconcile"); e.Source != "aws.events" || e.DetailType != "Scheduled Event" || len(e.Resources) != 1 {
		t.Errorf("the event is %+v", e)
	}
}
