// Command settle is the Lambda function that the state machine invokes to publish the end of an
// operation.
package main

import (
	"crypto/rand"
	"log"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store/dynamo"
	"adcp-orchestrator/pkg/telemetry"
	"adcp-orchestrator/pkg/wire/notices"
)

func main() {
	telemetry.Setup()
	env, err := config.Require("TABLE_NAME", "EVENT_BUS_NAME", "KEEP_ENDED_DAYS", "PUBLIC_BASE_URL")
	if err != nil {
		log.Fatal(err)
	}
	keep, err := operation.ParseKeepEnded(env["KEEP_ENDED_DAYS"])
	if err != nil {
		log.Fatal("KEEP_ENDED_DAYS: ", err)
	}
	store := dynamo.FromConfig(config.AWS("DYNAMODB"), env["TABLE_NAME"], time.Now).WithDueShards(config.DueShards())
	settle := orchestrator.Settle{
		Store:     store,
		Publisher: notices.Drain(store, env["EVENT_BUS_NAME"], env["PUBLIC_BASE_URL"]),
		NewOwner:  rand.Text,
		KeepEnded: keep,
		Deps:      orchestrator.Deps{Now: time.Now},
	}
	lambda.Start(operation.ByRef(settle.Run))
}
