// Command settle is the Lambda function that the state machine invokes to publish the end of an
// operation.
package main

import (
	"crypto/rand"
	"log"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/eventbridge"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store/dynamo"
	"adcp-orchestrator/pkg/telemetry"
	"adcp-orchestrator/pkg/wire/notices"
)

func main() {
	telemetry.Setup()
	env, err := config.Require("TABLE_NAME", "EVENT_BUS_NAME", "KEEP_ENDED_DAYS", "PUBLIC_BASE_URL",
		"DELIVERY_QUEUE_URL")
	if err != nil {
		log.Fatal(err)
	}
	keep, err := operation.ParseKeepEnded(env["KEEP_ENDED_DAYS"])
	if err != nil {
		log.Fatal("KEEP_ENDED_DAYS: ", err)
	}
	store := dynamo.FromConfig(config.AWS("DYNAMODB"), env["TABLE_NAME"], time.Now).WithDueShards(config.DueShards()).
		WithCounted(notices.Counted)
	deps := orchestrator.Deps{Now: time.Now}
	settle := orchestrator.Settle{
		Store:     store,
		Publisher: notices.Drain(store, env["EVENT_BUS_NAME"], env["PUBLIC_BASE_URL"], env["DELIVERY_QUEUE_URL"]),
		NewOwner:  rand.Text,
		KeepEnded: keep,
		Deps:      deps,
		// The state machine's own functions can't start executions: the queue's drain does.
		Buys: &orchestrator.CancelBuys{Store: store, Workflow: orchestrator.StartedByDrain{}, Deps: deps,
			Queue: &orchestrator.StartQueue{Store: store, Now: time.Now,
				Kick: eventbridge.CallForDrain(config.LazyAWS("EVENTBRIDGE"), env["EVENT_BUS_NAME"])}},
	}
	lambda.Start(operation.ByRef(settle.Run))
}
