// Command reconcile is the Lambda function that searches, every minute, for operations whose
// execution is missing or over.
package main

import (
	"log"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/stepfunctions"
	"adcp-orchestrator/pkg/store/dynamo"
	"adcp-orchestrator/pkg/telemetry"
)

func main() {
	telemetry.Setup()
	env, err := config.Require("TABLE_NAME", "STATE_MACHINE_ARN")
	if err != nil {
		log.Fatal(err)
	}
	store := dynamo.FromConfig(config.AWS("DYNAMODB"), env["TABLE_NAME"], time.Now).WithDueShards(config.DueShards())
	reconcile := orchestrator.Reconcile{
		Store:    store,
		Workflow: stepfunctions.FromConfig(config.AWS("SFN"), env["STATE_MACHINE_ARN"]),
		Deps:     orchestrator.Deps{Now: time.Now},
		Pace:     orchestrator.NewPace(time.Now),
		Parallel: 16,
		Record:   func(s orchestrator.ReconcileSummary) { telemetry.Record(s.Metrics()) },
	}
	lambda.Start(reconcile.Run)
}
