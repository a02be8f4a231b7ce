// Command deliver is the Lambda function that sends what is queued: notices to webhook endpoints,
// and texts to people.
package main

import (
	"log"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/sqs"
	"adcp-orchestrator/pkg/store/dynamo"
	"adcp-orchestrator/pkg/telemetry"
	"adcp-orchestrator/pkg/wire/notices"
	"adcp-orchestrator/pkg/wire/outbound"
)

func main() {
	telemetry.Setup()
	env, err := config.Require("TABLE_NAME", "ENDPOINT_SECRET_ID", "DELIVERY_QUEUE_URL",
		"NOTICES_TOPIC_ARN", "EVENT_BUS_NAME")
	if err != nil {
		log.Fatal(err)
	}
	store := dynamo.FromConfig(config.AWS("DYNAMODB"), env["TABLE_NAME"], time.Now).
		WithSignal(notices.Signal(env["EVENT_BUS_NAME"]))
	lambda.Start(sqs.Handle(outbound.Batch(store, env["DELIVERY_QUEUE_URL"], env["ENDPOINT_SECRET_ID"],
		env["NOTICES_TOPIC_ARN"])))
}
