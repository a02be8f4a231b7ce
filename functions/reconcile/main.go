// Command reconcile is the Lambda function that searches, every minute, for operations whose
// execution is missing or over, and starts those in the queue of starts when it is called for that.
package main

import (
	"context"
	"log"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/google/uuid"

	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/eventbridge"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/quota"
	"adcp-orchestrator/pkg/stepfunctions"
	"adcp-orchestrator/pkg/store/dynamo"
	"adcp-orchestrator/pkg/telemetry"
	"adcp-orchestrator/pkg/wire/gates"
	"adcp-orchestrator/pkg/wire/notices"
)

func main() {
	telemetry.Setup()
	env, err := config.Require("TABLE_NAME", "STATE_MACHINE_ARN", "EVENT_BUS_NAME")
	if err != nil {
		log.Fatal(err)
	}
	store := dynamo.FromConfig(config.AWS("DYNAMODB"), env["TABLE_NAME"], time.Now).WithDueShards(config.DueShards()).
		WithSignal(notices.Signal(env["EVENT_BUS_NAME"]))
	reconcile := orchestrator.Reconcile{
		Store: store, Queue: store, NewOwner: uuid.NewString,
		Workflow: stepfunctions.FromConfig(config.AWS("SFN"), env["STATE_MACHINE_ARN"]),
		Deps:     orchestrator.Deps{Now: time.Now},
		Breaker:  gates.Breaker(store, 0),
		Pace:     orchestrator.NewPace(time.Now), Parallel: 16,
		Kick:   eventbridge.CallForDrain(config.LazyAWS("EVENTBRIDGE"), env["EVENT_BUS_NAME"]),
		Record: func(s orchestrator.ReconcileSummary) { telemetry.Record(s.Metrics()) },
	}
	recount := quota.Recount{Store: store, Now: time.Now, ByType: store.OpenByType,
		Gauge: telemetry.Gauge(telemetry.OperationsOpen, "Type")}
	lambda.Start(func(ctx context.Context, e eventbridge.Event) (orchestrator.ReconcileSummary, error) {
		run := func(ctx context.Context) (orchestrator.ReconcileSummary, error) {
			return reconcile.Handle(ctx, e.DetailType == eventbridge.StartsWait)
		}
		return quota.Beside(recount, run)(ctx)
	})
}
