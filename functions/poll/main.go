// Command poll is the Lambda function that the state machine invokes to poll an agent.
package main

import (
	"log"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/google/uuid"

	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/stepfunctions"
	"adcp-orchestrator/pkg/store/dynamo"
	"adcp-orchestrator/pkg/telemetry"
	"adcp-orchestrator/pkg/wire"
	"adcp-orchestrator/pkg/wire/gates"
	"adcp-orchestrator/pkg/wire/notices"
)

func main() {
	telemetry.Setup()
	env, err := config.Require("TABLE_NAME", "EVENT_BUS_NAME")
	if err != nil {
		log.Fatal(err)
	}
	store := dynamo.FromConfig(config.AWS("DYNAMODB"), env["TABLE_NAME"], time.Now).WithDueShards(config.DueShards()).
		WithSignal(notices.Signal(env["EVENT_BUS_NAME"]))
	poll := orchestrator.Poll{
		Store:    store,
		Agents:   wire.Agents(wire.Secrets()),
		NewKey:   uuid.NewString,
		Breaker:  gates.Breaker(store, 90*time.Second),
		Workflow: stepfunctions.FromConfig(config.AWS("SFN"), ""),
		Deps:     wire.Deps(),
	}
	lambda.Start(operation.ByRef(poll.Run))
}
