// Command authorizer is the Lambda authorizer of the API: it takes an API key to its tenant and scopes.
package main

import (
	"log"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/dynamo"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/telemetry"
)

func main() {
	telemetry.Setup()
	env, err := config.Require("TABLE_NAME")
	if err != nil {
		log.Fatal(err)
	}
	lambda.Start(httpapi.Authorize(dynamo.New(config.DynamoDB(), env["TABLE_NAME"], time.Now), time.Now))
}
