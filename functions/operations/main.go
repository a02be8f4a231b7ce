// Command operations is the Lambda function that serves the lists of operations, what belongs to
// one, GET /v1/events and GET /v1/metrics.
package main

import (
	"log"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/outbox"
	"adcp-orchestrator/pkg/store/dynamo"
	"adcp-orchestrator/pkg/telemetry"
	wireapi "adcp-orchestrator/pkg/wire/api"
)

func main() {
	telemetry.Setup()
	env, err := config.Require("TABLE_NAME", "PUBLIC_BASE_URL", "TENANT_LIMITS")
	if err != nil {
		log.Fatal(err)
	}
	store := dynamo.FromConfig(config.AWS("DYNAMODB"), env["TABLE_NAME"], time.Now)
	api := wireapi.New(store, env)
	feed := outbox.Feed{Store: store, Now: time.Now}
	lambda.Start(api.Route(map[string]httpapi.Function{
		"GET /v1/operations":              api.Serve(apikey.ScopeOperationsRead, api.ListOperations(store)),
		"GET /v1/operations/counts":       api.Serve(apikey.ScopeOperationsRead, api.CountOperations(store)),
		"GET /v1/operations/{id}/events":  api.Serve(apikey.ScopeOperationsRead, api.ListEvents(store)),
		"GET /v1/operations/{id}/request": api.Serve(apikey.ScopeOperationsRead, api.ShowRequest(store)),
		"GET /v1/operations/{id}/result":  api.Serve(apikey.ScopeOperationsRead, api.ShowResult(store)),
		"GET /v1/metrics":                 api.Serve(apikey.ScopeMetricsRead, api.ShowMetrics(store, time.Now)),
		"GET /v1/events":                  api.Serve(apikey.ScopeOperationsRead, api.ListTold(feed)),
	}))
}
