// Command webhook is the Lambda function that serves POST /v1/webhooks/{callback_token}, the only
// route that writes without an API key.
package main

import (
	"log"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/stepfunctions"
	"adcp-orchestrator/pkg/store/dynamo"
	"adcp-orchestrator/pkg/telemetry"
	"adcp-orchestrator/pkg/webhook"
	"adcp-orchestrator/pkg/wire"
)

func main() {
	telemetry.Setup()
	env, err := config.Require("TABLE_NAME", "WEBHOOK_SECRET_ID", "PUBLIC_BASE_URL")
	if err != nil {
		log.Fatal(err)
	}
	store := dynamo.FromConfig(config.AWS("DYNAMODB"), env["TABLE_NAME"], time.Now)
	workflow := stepfunctions.FromConfig(config.AWS("SFN"), "")
	lambda.Start(httpapi.Webhook(webhook.Receiver{
		Store:         store,
		Apply:         orchestrator.Receive{Store: store, Workflow: workflow, Deps: wire.Deps()},
		SenderKeys:    wire.SenderKeys(wire.Keyring(store)),
		BaseURL:       env["PUBLIC_BASE_URL"],
		AllowTestKeys: config.Loopback(),
		Roots:         wire.Roots(wire.Secrets(), env["WEBHOOK_SECRET_ID"]),
		Now:           time.Now,
		Count:         telemetry.Counting("WebhookDeliveries", "Outcome"),
	}))
}
