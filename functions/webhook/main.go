// Command webhook is the Lambda function that serves POST /v1/webhooks/{callback_token}, the only
// route that writes without an API key.
package main

import (
	"log"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/store/dynamo"
	"adcp-orchestrator/pkg/telemetry"
	"adcp-orchestrator/pkg/wire/inbound"
	"adcp-orchestrator/pkg/wire/notices"
)

func main() {
	telemetry.Setup()
	env, err := config.Require("TABLE_NAME", "WEBHOOK_SECRET_ID", "PUBLIC_BASE_URL", "EVENT_BUS_NAME")
	if err != nil {
		log.Fatal(err)
	}
	store := dynamo.FromConfig(config.AWS("DYNAMODB"), env["TABLE_NAME"], time.Now).WithDueShards(config.DueShards()).
		WithSignal(notices.Signal(env["EVENT_BUS_NAME"]))
	api := httpapi.API{BaseURL: env["PUBLIC_BASE_URL"]}
	lambda.Start(api.Webhook(inbound.Receiver(store, env["WEBHOOK_SECRET_ID"], api.BaseURL)))
}
