package main

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/inbox"
)

// tuned returns a template for AWS with every setting of the capacity changed.
func tuned(t *testing.T) template { return synthesize(t)["tuned"] }

func TestConcurrencyIsReservedAsTheSettingSays(t *testing.T) {
	t.Parallel()
	want := map[string]any{"dispatch": 400.0, "poll": 100.0, "webhook": 100.0, "authorizer": 50.0}
	for _, spec := range functionSpecs {
		got := tuned(t).get(t, "AWS::Lambda::Function", functionID(spec.name)).Properties["ReservedConcurrentExecutions"]
		if got != want[spec.name] {
			t.Errorf("%s reserves %v, want %v", spec.name, got, want[spec.name])
		}
	}
}

func TestThrottlesAndLimitsAreSettings(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]map[string][2]any{
		"aws": {
			"* /*":                                   {2000.0, 4000.0},
			"POST /~1v1~1webhooks~1{callback_token}": {2000.0, 4000.0},
			"GET /~1problems":                        {50.0, 100.0},
			"GET /~1openapi.json":                    {50.0, 100.0},
			"GET /~1.well-known~1brand.json":         {50.0, 100.0},
			"GET /~1.well-known~1jwks.json":          {50.0, 100.0},
		},
		"tuned": {
			"* /*":                                   {11.0, 12.0},
			"POST /~1v1~1webhooks~1{callback_token}": {13.0, 14.0},
			"GET /~1problems":                        {15.0, 16.0},
			"GET /~1openapi.json":                    {15.0, 16.0},
			"GET /~1.well-known~1brand.json":         {15.0, 16.0},
			"GET /~1.well-known~1jwks.json":          {15.0, 16.0},
		},
	} {
		template := synthesize(t)[name]
		stage := template.Resources[template.all("AWS::ApiGateway::Stage")[0]].Properties
		got := map[string][2]any{}
		for _, s := range list(stage["MethodSettings"]) {
			got[text(at(s, "HttpMethod"))+" "+text(at(s, "ResourcePath"))] = [2]any{
				at(s, "ThrottlingRateLimit"), at(s, "ThrottlingBurstLimit"),
			}
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s: throttles are %v, want %v", name, got, want)
		}
	}
	const limits = "requests=1/2,submissions=3/4,deliveries=100/200,agents=5,openOperations=0"
	for _, function := range []string{"submit", "operations", "wait", "agents", "read", "resolve", "webhook"} {
		if got := tuned(t).variables(t, functionID(function))["TENANT_LIMITS"]; got != limits {
			t.Errorf("%s has the limits %s", function, got)
		}
	}
}

func TestWebACLStandsBeforeTheAPIOnlyIfTheSettingSays(t *testing.T) {
	t.Parallel()
	for name, template := range synthesize(t) {
		acls, associations := template.all("AWS::WAFv2::WebACL"), template.all("AWS::WAFv2::WebACLAssociation")
		if name != "tuned" {
			if acls != nil || associations != nil {
				t.Errorf("%s has a web ACL, which no setting asked for", name)
			}
			continue
		}
		if len(acls) != 1 || len(associations) != 1 {
			t.Fatalf("web ACLs %v, associations %v", acls, associations)
		}
		to := text(template.Resources[associations[0]].Properties["ResourceArn"])
		if !strings.HasSuffix(to, "/restapis/${Api}/stages/${ApiDeploymentStagelive}") {
			t.Errorf("the web ACL is associated with %s", to)
		}
		acl := template.Resources[acls[0]].Properties
		limits := map[string]any{}
		for _, rule := range list(acl["Rules"]) {
			if limit := at(rule, "Statement", "RateBasedStatement", "Limit"); limit != nil {
				limits[text(at(rule, "Name"))] = limit
				response := at(rule, "Action", "Block", "CustomResponse")
				if at(response, "ResponseCode") != 429.0 || at(response, "ResponseHeaders", 0, "Name") != "Retry-After" {
					t.Errorf("who is too fast gets %v", response) // contract F84: only 429 and 5xx are tried again
				}
			}
			if at(rule, "VisibilityConfig", "SampledRequestsEnabled") != false {
				t.Errorf("requests are sampled, with their callback tokens: %v", rule)
			}
		}
		if limits["webhooks-of-an-address"] != 195.0 || limits["requests-of-a-key"] != 165.0 {
			t.Errorf("limits %v", limits)
		}
	}
}

// The form that WAF lets through is that of the tokens: no delivery must be refused that the
// function would take.
func TestWebACLKnowsTheFormOfARoute(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(webhookForm)
	token := inbox.CallbackToken{Tenant: "acme-2", Sender: strings.Repeat("b", 16),
		OperationID: "op_" + strings.Repeat("a", 26), Secret: strings.Repeat("S_-4x", 8) + "abc"}.String()
	for _, candidate := range []string{
		token, strings.Replace(token, "acme-2", "a", 1), token + "x", token[1:], token[:len(token)-1],
		strings.ToUpper(token), strings.Replace(token, ".op_", ".", 1), strings.Replace(token, "acme", "-acme", 1), "",
	} {
		_, parsed := inbox.ParseCallbackToken(candidate)
		if got := form.MatchString("/live/v1/webhooks/" + candidate); got != parsed {
			t.Errorf("%q matches: %v, is a token: %v", candidate, got, parsed)
		}
	}
	if len(webhookForm) > 512 {
		t.Errorf("WAF refuses a form of %d characters", len(webhookForm))
	}
}

// Contract F76: at most 10,000,000 nonces of all keys together are remembered.
func TestHighestWebhookRateKeepsTheLimitOfNonces(t *testing.T) {
	t.Parallel()
	if alive := maxRate*int(inbox.NonceWindow.Seconds()) + maxRate; alive > 10_000_000 {
		t.Errorf("%d nonces may be alive", alive)
	}
}

func TestFunctionNamesAreThoseOfTheSetting(t *testing.T) {
	t.Parallel()
	for _, name := range functionNames() {
		if got, err := parseReserved(name + "=7"); err != nil || got[name] != 7 {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if !slices.Contains(functionNames(), "dispatch") {
		t.Error("there is no function dispatch")
	}
}
