// Command operations is the Lambda function behind GET /v1/operations/{id} and GET /v1/quarantine.
package main

import (
	"log"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/dynamo"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/telemetry"
)

func main() {
	telemetry.Setup()
	env, err := config.Require("TABLE_NAME", "PUBLIC_BASE_URL")
	if err != nil {
		log.Fatal(err)
	}
	store := dynamo.New(dynamodb.NewFromConfig(config.AWS("DYNAMODB")), env["TABLE_NAME"], time.Now)
	lambda.Start(httpapi.Route(map[string]httpapi.Function{
		"GET /v1/operations/{id}": httpapi.Serve(orchestrator.ScopeOperationsRead, httpapi.Show(store, env["PUBLIC_BASE_URL"])),
		"GET /v1/quarantine":      httpapi.Serve(orchestrator.ScopeOperationsRead, httpapi.ListQuarantine(store, time.Now)),
	}))
}
