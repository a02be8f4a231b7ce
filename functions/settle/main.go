// Command settle is the Lambda function that the state machine ends an operation with.
package main

import (
	"context"
	"crypto/rand"
	"log"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"adcp-orchestrator/pkg/bus"
	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/dynamo"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/telemetry"
)

func main() {
	telemetry.Setup()
	env, err := config.Require("TABLE_NAME", "EVENT_BUS_NAME")
	if err != nil {
		log.Fatal(err)
	}
	settle := orchestrator.Settle{
		Store:     dynamo.New(dynamodb.NewFromConfig(config.AWS("DYNAMODB")), env["TABLE_NAME"], time.Now),
		Publisher: bus.Bus{API: eventbridge.NewFromConfig(config.AWS("EVENTBRIDGE")), Name: env["EVENT_BUS_NAME"]},
		NewOwner:  rand.Text,
		Deps:      orchestrator.Deps{Now: time.Now},
	}
	lambda.Start(func(ctx context.Context, r orchestrator.Ref) (orchestrator.SettleResult, error) {
		return settle.Run(ctx, r.Tenant, r.OperationID)
	})
}
