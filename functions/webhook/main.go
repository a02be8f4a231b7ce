// Command webhook is the Lambda function that serves POST /v1/webhooks/{callback_token}, the one route that strangers can write to.
package main

import (
	"log"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/keyring"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/secretsmanager"
	"adcp-orchestrator/pkg/stepfunctions"
	"adcp-orchestrator/pkg/store"
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
	table := dynamo.FromConfig(config.AWS("DYNAMODB"), env["TABLE_NAME"], time.Now)
	secrets := secretsmanager.FromConfig(config.AWS("SECRETS_MANAGER"), time.Now)
	keys := keyring.FromStore(table, config.Loopback(), telemetry.Counting("WebhookKeys", "Event"))
	lambda.Start(httpapi.Webhook(webhook.Receiver{
		Store: table,
		Apply: orchestrator.Receive{Store: table, Workflow: stepfunctions.FromConfig(config.AWS("SFN"), ""), Deps: orchestrator.Deps{Now: time.Now, Jitter: rand.Float64}},
		SenderKeys: func(op operation.Operation, d store.Document) webhook.SenderKeys {
			return keys.Open(keyring.SenderOf(op.Tenant, op.AgentID, op.Target), d)
		},
		BaseURL:       env["PUBLIC_BASE_URL"],
		AllowTestKeys: config.Loopback(),
		Roots:         wire.Roots(secrets, env["WEBHOOK_SECRET_ID"]),
		Now:           time.Now,
		Count:         telemetry.Counting("WebhookDeliveries", "Outcome"),
	}))
}
