// Command endpoints is the Lambda function that serves /v1/webhook-endpoints and what is below it.
package main

import (
	"log"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/store/dynamo"
	"adcp-orchestrator/pkg/telemetry"
	wireapi "adcp-orchestrator/pkg/wire/api"
	"adcp-orchestrator/pkg/wire/outbound"
)

const read, write = apikey.ScopeOperationsRead, apikey.ScopeWebhooksWrite

func main() {
	telemetry.Setup()
	env, err := config.Require("TABLE_NAME", "PUBLIC_BASE_URL", "TENANT_LIMITS", "ENDPOINT_SECRET_ID",
		"DELIVERY_QUEUE_URL")
	if err != nil {
		log.Fatal(err)
	}
	store := dynamo.FromConfig(config.AWS("DYNAMODB"), env["TABLE_NAME"], time.Now)
	api := wireapi.New(store, env)
	manage := outbound.Manage(store, env["DELIVERY_QUEUE_URL"], env["ENDPOINT_SECRET_ID"], api.BaseURL)
	lambda.Start(api.Route(map[string]httpapi.Function{
		"GET /v1/webhook-endpoints":                   api.Serve(read, api.ListEndpoints(store, time.Now)),
		"POST /v1/webhook-endpoints":                  api.Serve(write, api.CreateEndpoint(manage)),
		"GET /v1/webhook-endpoints/{id}":              api.Serve(read, api.ShowEndpoint(store, time.Now)),
		"PATCH /v1/webhook-endpoints/{id}":            api.Serve(write, api.ChangeEndpoint(manage)),
		"DELETE /v1/webhook-endpoints/{id}":           api.Serve(write, api.DeleteEndpoint(store)),
		"POST /v1/webhook-endpoints/{id}/test":        api.Serve(write, api.TestEndpoint(manage)),
		"POST /v1/webhook-endpoints/{id}/roll-secret": api.Serve(write, api.RollSecret(manage)),
		"GET /v1/webhook-endpoints/{id}/deliveries":   api.Serve(read, api.ListDeliveries(store)),

		"POST /v1/webhook-endpoints/{id}/deliveries/{delivery_id}/redeliver": api.Serve(write,
			api.Redeliver(manage)),
	}))
}
