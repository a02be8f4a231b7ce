// Command authorizer is the Lambda authorizer of the API: it takes an API key to its tenant and scopes.
package main

import (
	"log"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

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
	lambda.Start(httpapi.Authorize(dynamo.New(dynamodb.NewFromConfig(config.AWS("DYNAMODB")), env["TABLE_NAME"], time.Now), time.Now))
}
