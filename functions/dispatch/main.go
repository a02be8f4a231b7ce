// Command dispatch is the Lambda function by which the state machine calls an agent.
package main

import (
	"context"
	"log"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/secretsmanager"
	"adcp-orchestrator/pkg/store/dynamo"
	"adcp-orchestrator/pkg/telemetry"
	"adcp-orchestrator/pkg/wire"
)

func main() {
	telemetry.Setup()
	env, err := config.Require("TABLE_NAME", "WEBHOOK_SECRET_ID")
	if err != nil {
		log.Fatal(err)
	}
	store := dynamo.FromConfig(config.AWS("DYNAMODB"), env["TABLE_NAME"], time.Now)
	secrets := secretsmanager.FromConfig(config.AWS("SECRETS_MANAGER"), time.Now)
	dispatch := orchestrator.Dispatch{
		Store:   store,
		Agents:  wire.Agents(secrets),
		Roots:   wire.Roots(secrets, env["WEBHOOK_SECRET_ID"]),
		Breaker: breaker.New(store, circuit.Default, 330*time.Second, time.Now, rand.Float64),
		Deps:    orchestrator.Deps{Now: time.Now, Jitter: rand.Float64},
	}
	lambda.Start(func(ctx context.Context, r operation.Ref) (operation.Decision, error) {
		return dispatch.Run(ctx, r.Tenant, r.OperationID)
	})
}
