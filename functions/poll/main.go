// Command poll is the Lambda function by which the state machine polls an agent.
package main

import (
	"context"
	"log"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/google/uuid"

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
	env, err := config.Require("TABLE_NAME")
	if err != nil {
		log.Fatal(err)
	}
	store := dynamo.FromConfig(config.AWS("DYNAMODB"), env["TABLE_NAME"], time.Now)
	poll := orchestrator.Poll{
		Store:   store,
		Agents:  wire.Agents(secretsmanager.FromConfig(config.AWS("SECRETS_MANAGER"), time.Now)),
		NewKey:  uuid.NewString,
		Breaker: breaker.New(store, circuit.Default, 90*time.Second, time.Now, rand.Float64),
		Deps:    orchestrator.Deps{Now: time.Now, Jitter: rand.Float64},
	}
	lambda.Start(func(ctx context.Context, r operation.Ref) (operation.Decision, error) {
		return poll.Run(ctx, r.Tenant, r.OperationID)
	})
}
