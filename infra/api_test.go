package main

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// methods reads the API from a synthesized template. It maps a route such as "POST /v1/operations"
// to its function and "key" or "open", for example "submit key".
func methods(tb testing.TB, t template) map[string]string {
	tb.Helper()
	found := map[string]string{}
	for _, id := range t.all("AWS::ApiGateway::Method") {
		p := t.Resources[id].Properties
		guard := "key"
		switch kind := text(p["AuthorizationType"]); {
		case kind == "NONE":
			guard = "open"
		case kind != "CUSTOM" || text(p["AuthorizerId"]) != "${Authorizer}":
			tb.Errorf("%s is guarded by %s %s", id, kind, text(p["AuthorizerId"]))
		}
		if kind := text(at(p, "Integration", "Type")); kind != "AWS_PROXY" {
			tb.Errorf("%s is integrated by %s", id, kind)
		}
		route := text(p["HttpMethod"]) + " " + path(t, p["ResourceId"])
		found[route] = invoked(tb, text(at(p, "Integration", "Uri"))) + " " + guard
	}
	return found
}

// path joins a resource's path from its parents.
func path(t template, ref any) string {
	id, ok := at(ref, "Ref").(string)
	if !ok {
		return "" // the root, which is Fn::GetAtt RootResourceId
	}
	p := t.Resources[id].Properties
	return path(t, p["ParentId"]) + "/" + text(p["PathPart"])
}

var invocation = regexp.MustCompile(
	`^arn:\$\{AWS::Partition\}:apigateway:\$\{AWS::Region\}:lambda:path/2015-03-31/functions/` +
		`(?:\$\{([A-Za-z]+)Function\.Arn\}|arn:.*:function:\$\{AWS::StackName\}-([a-z]+))/invocations$`)

// invoked returns the function of an integration's URI. The CDK app refers to the function, the SAM
// template has its name.
func invoked(tb testing.TB, uri string) string {
	tb.Helper()
	m := invocation.FindStringSubmatch(uri)
	if m == nil {
		tb.Fatalf("the integration's URI %s invokes no function", uri)
	}
	return strings.ToLower(m[1]) + m[2]
}

func TestOnlyWebhooksAndPublicDocumentsNeedNoAPIKey(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"POST /v1/operations":                "submit key",
		"GET /v1/operations":                 "operations key",
		"GET /v1/operations/counts":          "operations key",
		"GET /v1/operations/{id}":            "wait key",
		"GET /v1/operations/{id}/events":     "operations key",
		"GET /v1/operations/{id}/request":    "operations key",
		"GET /v1/operations/{id}/result":     "operations key",
		"POST /v1/operations/{id}/redrive":   "submit key",
		"POST /v1/operations/{id}/cancel":    "submit key",
		"DELETE /v1/operations/{id}/cancel":  "submit key",
		"POST /v1/operations/{id}/poll":      "submit key",
		"POST /v1/operations/{id}/pause":     "submit key",
		"POST /v1/operations/{id}/resume":    "submit key",
		"POST /v1/operations/{id}/resolve":   "resolve key",
		"POST /v1/operations/{id}/input":     "submit key",
		"GET /v1/agents/{id}":                "agents key",
		"PUT /v1/agents/{id}":                "agents key",
		"GET /v1/agents/{id}/keys":           "agents key",
		"PUT /v1/agents/{id}/keys":           "agents key",
		"POST /v1/agents/{id}/read/{task}":   "read key",
		"GET /v1/events":                     "operations key",
		"GET /v1/metrics":                    "operations key",
		"GET /v1/whoami":                     "account key",
		"GET /v1/api-keys":                   "account key",
		"POST /v1/api-keys":                  "account key",
		"GET /v1/api-keys/{id}":              "account key",
		"DELETE /v1/api-keys/{id}":           "account key",
		"POST /v1/api-keys/{id}/roll":        "account key",
		"GET /v1/audit-events":               "account key",
		"GET /v1/agents":                     "agents key",
		"DELETE /v1/agents/{id}":             "agents key",
		"POST /v1/agents/{id}/pause":         "agents key",
		"POST /v1/agents/{id}/resume":        "agents key",
		"POST /v1/agents/{id}/probe":         "agents key",
		"GET /v1/quarantine":                 "quarantine key",
		"GET /v1/quarantine/{id}":            "quarantine key",
		"POST /v1/quarantine/{id}/replay":    "quarantine key",
		"POST /v1/quarantine/{id}/discard":   "quarantine key",
		"GET /v1/webhook-endpoints":          "endpoints key",
		"POST /v1/webhook-endpoints":         "endpoints key",
		"GET /v1/webhook-endpoints/{id}":     "endpoints key",
		"PATCH /v1/webhook-endpoints/{id}":   "endpoints key",
		"DELETE /v1/webhook-endpoints/{id}":  "endpoints key",
		"POST /v1/webhooks/{callback_token}": "webhook open",

		"POST /v1/webhook-endpoints/{id}/test":                               "endpoints key",
		"POST /v1/webhook-endpoints/{id}/roll-secret":                        "endpoints key",
		"GET /v1/webhook-endpoints/{id}/deliveries":                          "endpoints key",
		"POST /v1/webhook-endpoints/{id}/deliveries/{delivery_id}/redeliver": "endpoints key",

		"GET /problems":               "identity open",
		"GET /openapi.json":           "identity open",
		"GET /.well-known/brand.json": "identity open",
		"GET /.well-known/jwks.json":  "identity open",
	}
	for name, template := range synthesize(t) {
		got := methods(t, template)
		for route := range got {
			if want[route] == "" {
				t.Errorf("%s: unexpected route %s", name, route)
			}
		}
		for route, target := range want {
			if got[route] != target {
				t.Errorf("%s: %s goes to %q, want %q", name, route, got[route], target)
			}
		}
	}
}

func TestAuthorizerReadsTheAuthorizationHeader(t *testing.T) {
	t.Parallel()
	p := deployed(t).get(t, "AWS::ApiGateway::Authorizer", "Authorizer").Properties
	if p["Type"] != "REQUEST" || p["IdentitySource"] != "method.request.header.Authorization" ||
		p["AuthorizerResultTtlInSeconds"] != 60.0 {
		t.Errorf("authorizer is %v", p)
	}
	if uri := text(p["AuthorizerUri"]); !strings.Contains(uri, "AuthorizerFunction") {
		t.Errorf("authorizer calls %s", uri)
	}
	p = local(t).get(t, "AWS::ApiGateway::Authorizer", "Authorizer").Properties
	if ttl := p["AuthorizerResultTtlInSeconds"]; ttl != 0.0 {
		t.Errorf("local authorizer caches for %v", ttl)
	}
}

func TestAPIPassesBytesAndRefusesOldTLS(t *testing.T) {
	t.Parallel()
	p := deployed(t).get(t, "AWS::ApiGateway::RestApi", "Api").Properties
	if text(p["BinaryMediaTypes"]) != `["*/*"]` || text(at(p, "EndpointConfiguration", "Types")) != `["REGIONAL"]` {
		t.Errorf("API is %v", p)
	}
	if p["SecurityPolicy"] != "SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09" || p["EndpointAccessMode"] != "STRICT" {
		t.Errorf("TLS is %v %v", p["SecurityPolicy"], p["EndpointAccessMode"])
	}
}

func TestStageThrottlesAndLogsNoSecrets(t *testing.T) {
	t.Parallel()
	ids := deployed(t).all("AWS::ApiGateway::Stage")
	if len(ids) != 1 {
		t.Fatalf("stages %v", ids)
	}
	p := deployed(t).Resources[ids[0]].Properties
	if p["StageName"] != stageName || p["TracingEnabled"] != true {
		t.Errorf("stage is %v, traced %v", p["StageName"], p["TracingEnabled"])
	}
	limits := map[string]float64{}
	for _, s := range list(p["MethodSettings"]) {
		limits[text(at(s, "HttpMethod"))+" "+text(at(s, "ResourcePath"))], _ = at(s, "ThrottlingRateLimit").(float64)
		if at(s, "DataTraceEnabled") != false || at(s, "LoggingLevel") != "OFF" {
			t.Errorf("execution logs are on: %v", s) // they hold headers and bodies
		}
	}
	for _, method := range []string{
		"* /*",
		"POST /~1v1~1webhooks~1{callback_token}",
		"GET /~1problems",
		"GET /~1.well-known~1brand.json",
		"GET /~1.well-known~1jwks.json",
	} {
		if limits[method] == 0 {
			t.Errorf("throttling is %v: no limit for %s", limits, method)
		}
	}
	var format map[string]string
	if err := json.Unmarshal([]byte(text(at(p, "AccessLogSetting", "Format"))), &format); err != nil {
		t.Fatal(err)
	}
	if format["request_id"] != "$context.requestId" {
		t.Error("access logs lack $context.requestId, which API Gateway requires")
	}
	for field, variable := range format {
		// A webhook's path contains the callback token. The others are credentials or personal data.
		for _, secret := range []string{
			"$context.path", "header", "identity", "userAgent", "sourceIp", "querystring",
		} {
			if strings.Contains(variable, secret) {
				t.Errorf("access log field %s is %s", field, variable)
			}
		}
	}
}

func TestAnswersOfAPIGatewayAreProblems(t *testing.T) {
	t.Parallel()
	want := map[string]int{
		"UNAUTHORIZED": 401, "ACCESS_DENIED": 403, "MISSING_AUTHENTICATION_TOKEN": 404,
		"REQUEST_TOO_LARGE": 413, "THROTTLED": 429,
		"AUTHORIZER_FAILURE": 500, "AUTHORIZER_CONFIGURATION_ERROR": 500,
		"INTEGRATION_FAILURE": 504, "INTEGRATION_TIMEOUT": 504,
		"DEFAULT_4XX": 0, "DEFAULT_5XX": 0,
	}
	for _, id := range deployed(t).all("AWS::ApiGateway::GatewayResponse") {
		p := deployed(t).Resources[id].Properties
		kind := text(p["ResponseType"])
		headers := p["ResponseParameters"].(map[string]any)
		if headers["gatewayresponse.header.Content-Type"] != "'application/problem+json'" ||
			headers["gatewayresponse.header.Strict-Transport-Security"] != "'max-age=31536000'" {
			t.Errorf("%s has the headers %v", kind, headers)
		}
		var problem struct {
			Type, Title, Code, Detail string
			Status                    int
		}
		template := text(at(p, "ResponseTemplates", "application/json"))
		if err := json.Unmarshal([]byte(template), &problem); err != nil {
			t.Errorf("%s: %s: %v", kind, template, err)
		}
		status, _ := strconv.Atoi(text(p["StatusCode"])) // defaults have none
		if problem.Type != "about:blank" || problem.Title == "" || problem.Code == "" || problem.Detail == "" ||
			problem.Status != status {
			t.Errorf("%s with status %d has the body %+v", kind, status, problem)
		}
		if code, ok := want[kind]; ok && code != status {
			t.Errorf("%s is answered with %d, want %d", kind, status, code)
		}
		if status != 0 && problem.Title != http.StatusText(status) {
			t.Errorf("%s is titled %s", kind, problem.Title)
		}
		delete(want, kind)
	}
	if len(want) > 0 {
		t.Errorf("no answer for %v", want)
	}
}
