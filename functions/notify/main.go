// Command notify is the Lambda function that sends notices: those of one operation when a signal
// calls for them, and every minute those that no signal has brought.
package main

import (
	"context"
	"log"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/eventbridge"
	"adcp-orchestrator/pkg/outbox"
	"adcp-orchestrator/pkg/store/dynamo"
	"adcp-orchestrator/pkg/telemetry"
	"adcp-orchestrator/pkg/wire/notices"
)

func main() {
	telemetry.Setup()
	env, err := config.Require("TABLE_NAME", "EVENT_BUS_NAME", "PUBLIC_BASE_URL", "DELIVERY_QUEUE_URL")
	if err != nil {
		log.Fatal(err)
	}
	store := dynamo.FromConfig(config.AWS("DYNAMODB"), env["TABLE_NAME"], time.Now).
		WithCounted(notices.Counted)
	drain := notices.Drain(store, env["EVENT_BUS_NAME"], env["PUBLIC_BASE_URL"], env["DELIVERY_QUEUE_URL"])
	sweep := outbox.Sweep{Drain: drain, Store: store, Parallel: 16,
		Record: func(s outbox.Summary) { telemetry.Record(s.Metrics()) }}
	lambda.Start(func(ctx context.Context, e eventbridge.Event) (outbox.Summary, error) {
		if e.DetailType == eventbridge.NoticesWait {
			return outbox.Summary{Swept: 1}, drain.Run(ctx, e.Ref)
		}
		return sweep.Run(ctx)
	})
}
