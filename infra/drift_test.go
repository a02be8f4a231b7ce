package main

import (
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// These tests compare the SAM template with the CDK app.

// samOnly are variables that the SAM template names without a value, so that `sam local` can set
// them.
var samOnly = []string{"AWS_ENDPOINT_URL"}

func TestSAMHasTheSameFunctions(t *testing.T) {
	t.Parallel()
	sam, globals := samTemplate(t)
	if ids := sam.all("AWS::Serverless::Function"); len(ids) != len(functionSpecs) {
		t.Errorf("functions of the SAM template: %v", ids)
	}
	for _, spec := range functionSpecs {
		id := functionID(spec.name)
		p := maps.Clone(globals)
		maps.Copy(p, sam.get(t, "AWS::Serverless::Function", id).Properties)
		stack := deployed(t).get(t, "AWS::Lambda::Function", id).Properties
		for _, name := range []string{"Runtime", "Handler", "MemorySize", "Timeout", "Description"} {
			if !reflect.DeepEqual(p[name], stack[name]) {
				t.Errorf("%s: %s is %v in the SAM template, %v in the stack", id, name, p[name], stack[name])
			}
		}
		if p["Tracing"] != at(stack, "TracingConfig", "Mode") {
			t.Errorf("%s: tracing is %v in the SAM template", id, p["Tracing"])
		}
		if text(p["Architectures"]) != `["x86_64"]` || p["CodeUri"] != "../dist/amd64/"+spec.name {
			t.Errorf("%s: %v from %v", id, p["Architectures"], p["CodeUri"])
		}
		if name := text(p["FunctionName"]); name != "${AWS::StackName}-"+spec.name {
			t.Errorf("%s: the API's document does not invoke a function named %s", id, name)
		}
	}
}

func TestSAMHasTheSameVariables(t *testing.T) {
	t.Parallel()
	sam, globals := samTemplate(t)
	for _, spec := range functionSpecs {
		id := functionID(spec.name)
		vars, _ := at(globals, "Environment", "Variables").(map[string]any)
		vars = maps.Clone(vars)
		own, _ := at(sam.get(t, "AWS::Serverless::Function", id).Properties, "Environment", "Variables").(map[string]any)
		maps.Copy(vars, own)
		for _, name := range samOnly {
			if text(vars[name]) != "${AWS::NoValue}" {
				t.Errorf("%s: %s is %s, but only `sam local` may set it", id, name, text(vars[name]))
			}
			delete(vars, name)
		}
		got := environment(vars)
		stack := deployed(t).variables(t, id)
		onLocal := local(t).variables(t, id)
		if !slices.Equal(sorted(got), sorted(onLocal)) {
			t.Errorf("%s has %v in the SAM template, %v in the local stack", id, sorted(got), sorted(onLocal))
		}
		for name, value := range got {
			switch name {
			case "LOG_LEVEL": // a parameter in the SAM template, a context value in the CDK app
			case "PUBLIC_BASE_URL":
				value = text(at(vars[name], "Fn::If", 2))
				fallthrough
			default:
				if stack[name] == "" {
					stack[name] = "${AWS::NoValue}"
				}
				if value != stack[name] {
					t.Errorf("%s: %s is %s in the SAM template, %s in the stack", id, name, value, stack[name])
				}
			}
		}
	}
}

// samRoutes reads the API from the SAM template, in the form that methods returns.
func samRoutes(t *testing.T) map[string]string {
	t.Helper()
	sam, _ := samTemplate(t)
	document := sam.get(t, "AWS::Serverless::Api", "Api").Properties["DefinitionBody"]
	got := map[string]string{}
	for path, item := range at(document, "paths").(map[string]any) {
		for method, operation := range item.(map[string]any) {
			guard := "open"
			if security := at(operation, "security"); security != nil {
				if text(security) != `[{"ApiKey":[]}]` {
					t.Errorf("%s %s is guarded by %s", method, path, text(security))
				}
				guard = "key"
			}
			integration := at(operation, "x-amazon-apigateway-integration")
			if at(integration, "type") != "aws_proxy" || at(integration, "httpMethod") != "POST" {
				t.Errorf("%s %s is integrated by %v", method, path, integration)
			}
			got[strings.ToUpper(method)+" "+path] = invoked(t, text(at(integration, "uri"))) + " " + guard
		}
	}
	return got
}

func TestSAMHasTheSameRoutes(t *testing.T) {
	t.Parallel()
	sam, _ := samTemplate(t)
	document := sam.get(t, "AWS::Serverless::Api", "Api").Properties["DefinitionBody"]
	got := samRoutes(t)
	if want := methods(t, deployed(t)); !maps.Equal(got, want) {
		t.Errorf("routes are %v in the SAM template, %v in the stack", got, want)
	}
	scheme := at(document, "components", "securitySchemes", "ApiKey")
	authorizer := at(scheme, "x-amazon-apigateway-authorizer")
	stack := deployed(t).get(t, "AWS::ApiGateway::Authorizer", "Authorizer").Properties
	if at(authorizer, "type") != "request" || at(authorizer, "identitySource") != stack["IdentitySource"] ||
		at(authorizer, "authorizerResultTtlInSeconds") != stack["AuthorizerResultTtlInSeconds"] ||
		invoked(t, text(at(authorizer, "authorizerUri"))) != "authorizer" {
		t.Errorf("authorizer is %v in the SAM template, %v in the stack", authorizer, stack)
	}
}

func TestSAMHasTheSameAPISettings(t *testing.T) {
	t.Parallel()
	sam, _ := samTemplate(t)
	p := sam.get(t, "AWS::Serverless::Api", "Api").Properties
	stack := deployed(t).get(t, "AWS::ApiGateway::RestApi", "Api").Properties
	for _, name := range []string{"SecurityPolicy", "EndpointAccessMode"} {
		if p[name] != stack[name] {
			t.Errorf("%s is %v in the SAM template, %v in the stack", name, p[name], stack[name])
		}
	}
	if text(p["BinaryMediaTypes"]) != `["*~1*"]` || p["StageName"] != stageName { // SAM's spelling of */*
		t.Errorf("binary media types %v, stage %v", p["BinaryMediaTypes"], p["StageName"])
	}
	limits := func(settings any) map[string]any {
		m := map[string]any{}
		for _, s := range list(settings) {
			m[text(at(s, "HttpMethod"))+text(at(s, "ResourcePath"))] = []any{
				at(s, "ThrottlingRateLimit"), at(s, "ThrottlingBurstLimit"), at(s, "DataTraceEnabled"),
			}
		}
		return m
	}
	stage := deployed(t).Resources[deployed(t).all("AWS::ApiGateway::Stage")[0]].Properties
	if got, want := limits(p["MethodSettings"]), limits(stage["MethodSettings"]); !reflect.DeepEqual(got, want) {
		t.Errorf("method settings are %v in the SAM template, %v in the stack", got, want)
	}
}

// The SAM template has no entries for the rarer answers, which get its defaults. The answers that
// it has must be those of the stack.
func TestSAMHasTheSameProblems(t *testing.T) {
	t.Parallel()
	sam, _ := samTemplate(t)
	document := sam.get(t, "AWS::Serverless::Api", "Api").Properties["DefinitionBody"]
	responses := at(document, "x-amazon-apigateway-gateway-responses").(map[string]any)
	for _, kind := range []string{"UNAUTHORIZED", "MISSING_AUTHENTICATION_TOKEN", "DEFAULT_4XX", "DEFAULT_5XX"} {
		if responses[kind] == nil {
			t.Errorf("the SAM template has no answer for %s", kind)
		}
	}
	for kind, response := range responses {
		id := "ApiAnswer" + strings.ReplaceAll(kind, "_", "")
		stack := deployed(t).get(t, "AWS::ApiGateway::GatewayResponse", id).Properties
		got, want := at(response, "responseTemplates"), stack["ResponseTemplates"]
		if at(response, "statusCode") != stack["StatusCode"] || text(got) != text(want) {
			t.Errorf("%s is %v in the SAM template, %v in the stack", kind, response, stack)
		}
		if got, want := problemCode(t, got), problemCode(t, want); got != want || got == "" {
			t.Errorf("%s has the code %q in the SAM template, %q in the stack", kind, got, want)
		}
	}
}

// problemCode reads the code from the templates of an answer of API Gateway.
func problemCode(t *testing.T, templates any) string {
	t.Helper()
	var problem struct{ Code string }
	if err := json.Unmarshal([]byte(text(at(templates, "application/json"))), &problem); err != nil {
		t.Error(err)
	}
	return problem.Code
}

func TestSAMHasTheSameStateMachine(t *testing.T) {
	t.Parallel()
	sam, _ := samTemplate(t)
	p := sam.get(t, "AWS::Serverless::StateMachine", "StateMachine").Properties
	stack := deployed(t).get(t, "AWS::StepFunctions::StateMachine", "StateMachine").Properties

	if p["DefinitionUri"] != "operation.asl.json" {
		t.Errorf("the SAM template reads %v", p["DefinitionUri"])
	}
	definition, err := os.ReadFile("../template/operation.asl.json")
	if err != nil {
		t.Fatal(err)
	}
	if text(stack["DefinitionString"]) != string(definition) {
		t.Error("the stack's definition is not template/operation.asl.json")
	}
	got, want := environment(p["DefinitionSubstitutions"]), environment(stack["DefinitionSubstitutions"])
	if !maps.Equal(got, want) {
		t.Errorf("substitutions are %v in the SAM template, %v in the stack", got, want)
	}
	used := map[string]bool{}
	for _, m := range regexp.MustCompile(`\$\{([^}]*)\}`).FindAllStringSubmatch(string(definition), -1) {
		used[m[1]] = true
	}
	if !slices.Equal(sorted(used), sorted(want)) {
		t.Errorf("the definition uses %v, of which %v are substituted", sorted(used), sorted(want))
	}
	if p["Type"] != stack["StateMachineType"] ||
		at(p, "Tracing", "Enabled") != at(stack, "TracingConfiguration", "Enabled") ||
		at(p, "Logging", "Level") != at(stack, "LoggingConfiguration", "Level") ||
		at(p, "Logging", "IncludeExecutionData") != false {
		t.Errorf("the SAM template's state machine is %v", p)
	}
}

func TestSAMHasTheSameTableSecretAndBus(t *testing.T) {
	t.Parallel()
	sam, _ := samTemplate(t)
	for name, kind := range map[string]string{
		"Table":         "AWS::DynamoDB::Table",
		"WebhookSecret": "AWS::SecretsManager::Secret",
		"Bus":           "AWS::Events::EventBus",

		"EndpointSecret": "AWS::SecretsManager::Secret",
		"NoticesTopic":   "AWS::SNS::Topic",
	} {
		got, want := sam.get(t, kind, name), deployed(t).get(t, kind, name)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s is\n%v in the SAM template,\n%v in the stack", name, got, want)
		}
	}
}

func TestSAMHasTheSameSigningKey(t *testing.T) {
	t.Parallel()
	sam, _ := samTemplate(t)
	got, want := sam.get(t, "AWS::KMS::Key", "SigningKey1"), deployed(t).get(t, "AWS::KMS::Key", "SigningKey1")
	for _, key := range []resource{got, want} { // the account's root is spelled in two ways
		statement := at(key.Properties, "KeyPolicy", "Statement", 0).(map[string]any)
		statement["Principal"] = text(at(statement, "Principal", "AWS"))
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the key is\n%v in the SAM template,\n%v in the stack", got, want)
	}
}

func TestSAMGrantsTheSamePermissions(t *testing.T) {
	t.Parallel()
	sam, _ := samTemplate(t)
	for _, spec := range functionSpecs {
		policies := list(sam.get(t, "AWS::Serverless::Function", functionID(spec.name)).Properties["Policies"])
		if len(policies) != 1 {
			t.Fatalf("%s has %d policies", spec.name, len(policies))
		}
		want := slices.Sorted(slices.Values(allowed[spec.name]))
		for n := range want { // both names begin with the machine's logical id
			want[n] = strings.Replace(want[n], machineID+"-*", "StateMachine-*", 1)
		}
		if got := grants(t, list(at(policies[0], "Statement"))); !slices.Equal(got, want) {
			t.Errorf("%s\n got %s\nwant %s", spec.name, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
		}
	}
	policies := list(sam.get(t, "AWS::Serverless::StateMachine", "StateMachine").Properties["Policies"])
	want := roleGrants(t, deployed(t).get(t, "AWS::IAM::Role", "StateMachineRole"))
	if got := grants(t, list(at(policies[0], "Statement"))); len(policies) != 1 || !slices.Equal(got, want) {
		t.Errorf("state machine\n got %q\nwant %q", got, want)
	}
}

func TestSAMRunsSweepsOnTheSameSchedule(t *testing.T) {
	t.Parallel()
	sam, _ := samTemplate(t)
	rule := func(name string) map[string]any {
		return deployed(t).get(t, "AWS::Events::Rule", name).Properties
	}
	retries := func(name string) any { return at(rule(name), "Targets", 0, "RetryPolicy") }
	for _, f := range []struct{ id, scheduled, called, call string }{
		{"ReconcileFunction", "ReconcileSchedule", "StartQueueRule", "StartsWait"},
		{"NotifyFunction", "NotifySchedule", "NoticesRule", "NoticesWait"},
	} {
		p := sam.get(t, "AWS::Serverless::Function", f.id).Properties
		events, _ := p["Events"].(map[string]any)
		schedule, call := events["EachMinute"], events[f.call]
		if len(events) != 2 {
			t.Fatalf("%s has events %v", f.id, events)
		}
		if at(schedule, "Type") != "Schedule" ||
			at(schedule, "Properties", "Schedule") != rule(f.scheduled)["ScheduleExpression"] ||
			!reflect.DeepEqual(at(schedule, "Properties", "RetryPolicy"), retries(f.scheduled)) {
			t.Errorf("the SAM template runs %s by %v, the stack by %v", f.id, schedule, rule(f.scheduled))
		}
		if at(call, "Type") != "EventBridgeRule" || text(at(call, "Properties", "EventBusName")) != "${Bus}" ||
			!reflect.DeepEqual(at(call, "Properties", "Pattern"), rule(f.called)["EventPattern"]) ||
			!reflect.DeepEqual(at(call, "Properties", "RetryPolicy"), retries(f.called)) {
			t.Errorf("the SAM template runs %s by %v, the stack by %v", f.id, call, rule(f.called))
		}
	}
}

func TestSAMHasTheSameOutputs(t *testing.T) {
	t.Parallel()
	sam, _ := samTemplate(t)
	if got, want := sorted(sam.Outputs), sorted(deployed(t).Outputs); !slices.Equal(got, want) {
		t.Errorf("outputs are %v in the SAM template, %v in the stack", got, want)
	}
}
