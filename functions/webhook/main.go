// Command webhook is the Lambda function behind POST /v1/webhooks/{route}: the one route that is open to strangers.
package main

import (
	"context"
	"log"
	"math/rand/v2"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/dynamo"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/keyring"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/secrets"
	"adcp-orchestrator/pkg/telemetry"
	"adcp-orchestrator/pkg/webhook"
	"adcp-orchestrator/pkg/workflow"
)

func main() {
	telemetry.Setup()
	env, err := config.Require("TABLE_NAME", "WEBHOOK_SECRET_ID", "PUBLIC_BASE_URL")
	if err != nil {
		log.Fatal(err)
	}
	store := dynamo.New(dynamodb.NewFromConfig(config.AWS("DYNAMODB")), env["TABLE_NAME"], time.Now)
	secret := secrets.New(secretsmanager.NewFromConfig(config.AWS("SECRETS_MANAGER")), time.Now)
	keys := &keyring.Source{Store: store, Client: keyring.NewClient(config.Loopback()), Profile: keyring.ProfileFrom(store), Now: time.Now, Loopback: config.Loopback(),
		Count: telemetry.Counter{Out: os.Stdout, Now: time.Now, Metric: "WebhookKeys", Dimension: "Event"}.Add}
	lambda.Start(httpapi.Webhook(webhook.Receiver{
		Store: store,
		Apply: orchestrator.Receive{Store: store, Workflow: workflow.Workflow{API: sfn.NewFromConfig(config.AWS("SFN"))},
			Deps: orchestrator.Deps{Now: time.Now, Jitter: rand.Float64}},
		SenderKeys: func(op operation.Operation, d orchestrator.Document) webhook.SenderKeys {
			return keys.Open(keyring.SenderOf(op.Tenant, op.AgentID, op.Target), d)
		},
		BaseURL:       env["PUBLIC_BASE_URL"],
		AllowTestKeys: config.Loopback(),
		Roots:         func(ctx context.Context) ([]string, error) { return secret.Roots(ctx, env["WEBHOOK_SECRET_ID"]) },
		Now:           time.Now,
		Count:         telemetry.Counter{Out: os.Stdout, Now: time.Now, Metric: "WebhookDeliveries", Dimension: "Outcome"}.Add,
	}))
}
