// Command reconcile is the Lambda function that looks, each minute, for operations that nothing moves any more.
package main

import (
	"context"
	"log"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/dynamo"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/telemetry"
	"adcp-orchestrator/pkg/workflow"
)

func main() {
	telemetry.Setup()
	env, err := config.Require("TABLE_NAME", "STATE_MACHINE_ARN")
	if err != nil {
		log.Fatal(err)
	}
	reconcile := orchestrator.Reconcile{
		Store:    dynamo.New(dynamodb.NewFromConfig(config.AWS("DYNAMODB")), env["TABLE_NAME"], time.Now),
		Workflow: workflow.Workflow{API: sfn.NewFromConfig(config.AWS("SFN")), Machine: env["STATE_MACHINE_ARN"]},
		Deps:     orchestrator.Deps{Now: time.Now},
	}
	lambda.Start(func(ctx context.Context) (orchestrator.ReconcileSummary, error) { return reconcile.Run(ctx) })
}
