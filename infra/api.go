package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigateway"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/jsii-runtime-go"
)

// stageName is the API's only stage.
const stageName = "live"

// route is one method of the API.
type route struct {
	method, path, function string
	open                   bool // no API key is required
}

// routes lists the methods of the API. The routes for agents are open, since agents have no API
// key: the webhook function authenticates each delivery itself, and the identity function serves
// public documents only.
var routes = []route{
	{method: "POST", path: "/v1/operations", function: "submit"},
	{method: "GET", path: "/v1/operations", function: "operations"},
	{method: "GET", path: "/v1/operations/counts", function: "operations"},
	{method: "GET", path: "/v1/operations/{id}", function: "wait"},
	{method: "GET", path: "/v1/operations/{id}/events", function: "operations"},
	{method: "GET", path: "/v1/operations/{id}/request", function: "operations"},
	{method: "GET", path: "/v1/operations/{id}/result", function: "operations"},
	{method: "POST", path: "/v1/operations/{id}/input", function: "submit"},
	{method: "POST", path: "/v1/operations/{id}/redrive", function: "submit"},
	{method: "POST", path: "/v1/operations/{id}/cancel", function: "submit"},
	{method: "DELETE", path: "/v1/operations/{id}/cancel", function: "submit"},
	{method: "POST", path: "/v1/operations/{id}/poll", function: "submit"},
	{method: "POST", path: "/v1/operations/{id}/pause", function: "submit"},
	{method: "POST", path: "/v1/operations/{id}/resume", function: "submit"},
	{method: "POST", path: "/v1/operations/{id}/resolve", function: "resolve"},
	{method: "GET", path: "/v1/agents", function: "agents"},
	{method: "GET", path: "/v1/agents/{id}", function: "agents"},
	{method: "PUT", path: "/v1/agents/{id}", function: "agents"},
	{method: "DELETE", path: "/v1/agents/{id}", function: "agents"},
	{method: "POST", path: "/v1/agents/{id}/pause", function: "agents"},
	{method: "POST", path: "/v1/agents/{id}/resume", function: "agents"},
	{method: "POST", path: "/v1/agents/{id}/probe", function: "agents"},
	{method: "GET", path: "/v1/agents/{id}/keys", function: "agents"},
	{method: "PUT", path: "/v1/agents/{id}/keys", function: "agents"},
	{method: "POST", path: "/v1/agents/{id}/read/{task}", function: "read"},
	{method: "GET", path: "/v1/events", function: "operations"},
	{method: "GET", path: "/v1/metrics", function: "operations"},
	{method: "GET", path: "/v1/whoami", function: "account"},
	{method: "GET", path: "/v1/api-keys", function: "account"},
	{method: "POST", path: "/v1/api-keys", function: "account"},
	{method: "GET", path: "/v1/api-keys/{id}", function: "account"},
	{method: "DELETE", path: "/v1/api-keys/{id}", function: "account"},
	{method: "POST", path: "/v1/api-keys/{id}/roll", function: "account"},
	{method: "GET", path: "/v1/audit-events", function: "account"},
	{method: "GET", path: "/v1/quarantine", function: "quarantine"},
	{method: "GET", path: "/v1/quarantine/{id}", function: "quarantine"},
	{method: "POST", path: "/v1/quarantine/{id}/replay", function: "quarantine"},
	{method: "POST", path: "/v1/quarantine/{id}/discard", function: "quarantine"},
	{method: "GET", path: "/v1/webhook-endpoints", function: "endpoints"},
	{method: "POST", path: "/v1/webhook-endpoints", function: "endpoints"},
	{method: "GET", path: "/v1/webhook-endpoints/{id}", function: "endpoints"},
	{method: "PATCH", path: "/v1/webhook-endpoints/{id}", function: "endpoints"},
	{method: "DELETE", path: "/v1/webhook-endpoints/{id}", function: "endpoints"},
	{method: "POST", path: "/v1/webhook-endpoints/{id}/test", function: "endpoints"},
	{method: "POST", path: "/v1/webhook-endpoints/{id}/roll-secret", function: "endpoints"},
	{method: "GET", path: "/v1/webhook-endpoints/{id}/deliveries", function: "endpoints"},
	{method: "POST", path: "/v1/webhook-endpoints/{id}/deliveries/{delivery_id}/redeliver", function: "endpoints"},
	{method: "POST", path: "/v1/webhooks/{callback_token}", function: "webhook", open: true},
	{method: "GET", path: "/problems", function: "identity", open: true},
	{method: "GET", path: "/openapi.json", function: "identity", open: true},
	{method: "GET", path: brandPath, function: "identity", open: true},
	{method: "GET", path: keysPath, function: "identity", open: true},
}

// accessLog is the format of the access log, one line for each request. It has the resource's
// pattern and not the path, because a webhook's path contains the callback token. It has no
// addresses, user agents or headers either.
var accessLog = map[string]string{
	"request_id":          "$context.requestId",
	"time":                "$context.requestTime",
	"method":              "$context.httpMethod",
	"resource":            "$context.resourcePath",
	"status":              "$context.status",
	"latency_ms":          "$context.responseLatency",
	"integration_status":  "$context.integration.status",
	"integration_ms":      "$context.integration.latency",
	"authorizer_status":   "$context.authorizer.status",
	"principal":           "$context.authorizer.principalId",
	"response_type":       "$context.error.responseType",
	"response_bytes":      "$context.responseLength",
	"tls":                 "$context.tlsVersion",
	"trace":               "$context.xrayTraceId",
	"extended_request_id": "$context.extendedRequestId",
}

// addAPI makes the API and its stage. addRoutes adds the methods later: they need the functions,
// and the functions need the API's id.
func (b *builder) addAPI() {
	b.api = awsapigateway.NewRestApi(b.stack, jsii.String("Api"), &awsapigateway.RestApiProps{
		RestApiName: b.stack.StackName(),
		Description: jsii.String("AdCP orchestrator"),
		EndpointConfiguration: &awsapigateway.EndpointConfiguration{
			Types: &[]awsapigateway.EndpointType{awsapigateway.EndpointType_REGIONAL},
		},
		// The functions get bodies as the bytes that were sent, because a signature covers bytes.
		BinaryMediaTypes: jsii.Strings("*/*"),
		DeployOptions: &awsapigateway.StageOptions{
			StageName:            jsii.String(stageName),
			TracingEnabled:       jsii.Bool(true),
			MetricsEnabled:       jsii.Bool(true),
			DataTraceEnabled:     jsii.Bool(false),
			LoggingLevel:         awsapigateway.MethodLoggingLevel_OFF,
			AccessLogDestination: awsapigateway.NewLogGroupLogDestination(b.addLogGroup("ApiLogs", nil)),
			AccessLogFormat:      awsapigateway.AccessLogFormat_Custom(b.stack.ToJsonString(accessLog, nil)),
			ThrottlingRateLimit:  jsii.Number(b.settings.API.Rate),
			ThrottlingBurstLimit: jsii.Number(b.settings.API.Burst),
			MethodOptions:        b.openMethods(),
		},
	})
	b.api.Node().TryRemoveChild(jsii.String("Endpoint")) // CDK's own output; the stack has ApiUrl instead
	resource := b.api.Node().DefaultChild().(awsapigateway.CfnRestApi)
	// TLS 1.2 and 1.3, with forward secrecy and authenticated encryption only. STRICT rejects a
	// request whose Host differs from the TLS server name.
	resource.SetSecurityPolicy(jsii.String("SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09"))
	resource.SetEndpointAccessMode(jsii.String("STRICT"))
	b.addGatewayResponses()
	if b.settings.APIAccount {
		b.addAPIAccount()
	}
}

// openMethods gives each open route its own throttling limits, so that too many requests from
// strangers on one open route throttle neither clients nor the other open routes. API Gateway can't
// tell an agent from a stranger, so what all of them share on the webhook route has to be more than
// a stranger sends; the function refuses strangers at the cost of a read.
func (b *builder) openMethods() *map[string]*awsapigateway.MethodDeploymentOptions {
	methods := map[string]*awsapigateway.MethodDeploymentOptions{}
	for _, r := range routes {
		if r.open {
			limit := b.settings.Documents
			if r.function == "webhook" {
				limit = b.settings.Webhooks
			}
			methods[r.path+"/"+r.method] = &awsapigateway.MethodDeploymentOptions{
				ThrottlingRateLimit:  jsii.Number(limit.Rate),
				ThrottlingBurstLimit: jsii.Number(limit.Burst),
				MetricsEnabled:       jsii.Bool(true),
				DataTraceEnabled:     jsii.Bool(false),
				LoggingLevel:         awsapigateway.MethodLoggingLevel_OFF,
			}
		}
	}
	return &methods
}

// addRoutes connects the methods with their functions.
func (b *builder) addRoutes() {
	ttl := 60.0
	if b.settings.Local != "" {
		ttl = 0 // so that a test that revokes a key need not wait
	}
	header := awsapigateway.IdentitySource_Header(jsii.String("Authorization"))
	authorizer := awsapigateway.NewRequestAuthorizer(
		b.stack, jsii.String("Authorizer"),
		&awsapigateway.RequestAuthorizerProps{
			Handler:         b.functions["authorizer"],
			IdentitySources: &[]*string{header},
			ResultsCacheTtl: awscdk.Duration_Seconds(jsii.Number(ttl)),
		},
	)
	for _, r := range routes {
		options := &awsapigateway.MethodOptions{
			AuthorizationType: awsapigateway.AuthorizationType_CUSTOM,
			Authorizer:        authorizer,
		}
		if r.open {
			options = &awsapigateway.MethodOptions{AuthorizationType: awsapigateway.AuthorizationType_NONE}
		}
		integration := awsapigateway.NewLambdaIntegration(
			b.functions[r.function],
			&awsapigateway.LambdaIntegrationOptions{
				Proxy:           jsii.Bool(true),
				AllowTestInvoke: jsii.Bool(false),
			},
		)
		b.api.Root().ResourceForPath(jsii.String(r.path)).AddMethod(jsii.String(r.method), integration, options)
	}
}

// addAPIAccount gives API Gateway the role that it writes access logs with. An account has one such
// role in each region. So it stays when the stack is deleted, and another stack may set it instead
// (settings.APIAccount).
func (b *builder) addAPIAccount() {
	const policy = "service-role/AmazonAPIGatewayPushToCloudWatchLogs"
	role := awsiam.NewRole(b.stack, jsii.String("ApiLogsRole"), &awsiam.RoleProps{
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("apigateway.amazonaws.com"), nil),
		ManagedPolicies: &[]awsiam.IManagedPolicy{
			awsiam.ManagedPolicy_FromAwsManagedPolicyName(jsii.String(policy)),
		},
	})
	account := awsapigateway.NewCfnAccount(
		b.stack, jsii.String("ApiAccount"),
		&awsapigateway.CfnAccountProps{CloudWatchRoleArn: role.RoleArn()},
	)
	role.ApplyRemovalPolicy(b.removal())
	account.ApplyRemovalPolicy(b.removal(), nil)
	b.api.DeploymentStage().Node().AddDependency(account)
}
