// Command reconcile is the Lambda function that searches, every minute, for operations whose
// execution is missing or over, and starts those in the queue of starts when it is called for that.
package main

import (
	"context"
	"log"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/google/uuid"

	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/eventbridge"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/stepfunctions"
	"adcp-orchestrator/pkg/store/dynamo"
	"adcp-orchestrator/pkg/telemetry"
)

func main() {
	telemetry.Setup()
	env, err := config.Require("TABLE_NAME", "STATE_MACHINE_ARN", "EVENT_BUS_NAME")
	if err != nil {
		log.Fatal(err)
	}
	store := dynamo.FromConfig(config.AWS("DYNAMODB"), env["TABLE_NAME"], time.Now).WithDueShards(config.DueShards())
	reconcile := orchestrator.Reconcile{
		Store:    store,
		Workflow: stepfunctions.FromConfig(config.AWS("SFN"), env["STATE_MACHINE_ARN"]),
		Deps:     orchestrator.Deps{Now: time.Now},
		Pace:     orchestrator.NewPace(time.Now),
		Queue:    store,
		NewOwner: uuid.NewString,
		Kick:     eventbridge.FromConfig(config.AWS("EVENTBRIDGE"), env["EVENT_BUS_NAME"]).StartsWait,
		Parallel: 16,
		Record:   func(s orchestrator.ReconcileSummary) { telemetry.Record(s.Metrics()) },
	}
	lambda.Start(func(ctx context.Context, e events.CloudWatchEvent) (orchestrator.ReconcileSummary, error) {
		if e.DetailType == eventbridge.StartsWait {
			return reconcile.Drain(ctx)
		}
		return reconcile.Run(ctx)
	})
}
