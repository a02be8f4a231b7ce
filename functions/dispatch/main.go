// Command dispatch is the Lambda function that the state machine calls an agent with.
package main

import (
	"context"
	"log"
	"math/rand/v2"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"adcp-orchestrator/pkg/agent"
	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/dynamo"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/safehttp"
	"adcp-orchestrator/pkg/secrets"
	"adcp-orchestrator/pkg/signing"
	"adcp-orchestrator/pkg/telemetry"
)

func main() {
	telemetry.Setup()
	env, err := config.Require("TABLE_NAME", "WEBHOOK_SECRET_ID")
	if err != nil {
		log.Fatal(err)
	}
	secret := secrets.New(secretsmanager.NewFromConfig(config.AWS("SECRETS_MANAGER")), time.Now)
	store := dynamo.New(dynamodb.NewFromConfig(config.AWS("DYNAMODB")), env["TABLE_NAME"], time.Now)
	deps := orchestrator.Deps{Now: time.Now, Jitter: rand.Float64}
	var signer agent.Signer
	if ids := signing.IDs(os.Getenv("SIGNING_KEY_IDS")); ids != nil {
		signer = signing.New(func() signing.API { return kms.NewFromConfig(config.AWS("KMS")) }, ids)
	}
	dispatch := orchestrator.Dispatch{
		Store:   store,
		Agents:  agent.New(agent.Options{Secrets: secret, Signer: signer, HTTP: safehttp.Options{AllowLoopback: config.Loopback()}}),
		Roots:   func(ctx context.Context) ([]string, error) { return secret.Roots(ctx, env["WEBHOOK_SECRET_ID"]) },
		Breaker: orchestrator.New(store, circuit.Default, 330*time.Second, deps.Now, deps.Jitter),
		Deps:    deps,
	}
	lambda.Start(func(ctx context.Context, r orchestrator.Ref) (operation.Decision, error) {
		return dispatch.Run(ctx, r.Tenant, r.OperationID)
	})
}
