// Command digest is the Lambda function that tells people once a day what still waits for somebody.
package main

import (
	"log"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/people"
	"adcp-orchestrator/pkg/sns"
	"adcp-orchestrator/pkg/store/dynamo"
	"adcp-orchestrator/pkg/telemetry"
)

func main() {
	telemetry.Setup()
	env, err := config.Require("TABLE_NAME", "NOTICES_TOPIC_ARN")
	if err != nil {
		log.Fatal(err)
	}
	digest := people.Digest{Store: dynamo.FromConfig(config.AWS("DYNAMODB"), env["TABLE_NAME"], time.Now),
		People: sns.Lazy(config.LazyAWS("SNS"), env["NOTICES_TOPIC_ARN"]), Now: time.Now}
	lambda.Start(digest.Run)
}
