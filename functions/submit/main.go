// Command submit is the Lambda function behind POST /v1/operations.
package main

import (
	"log"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/dynamo"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/telemetry"
	"adcp-orchestrator/pkg/workflow"
)

func main() {
	telemetry.Setup()
	env, err := config.Require("TABLE_NAME", "STATE_MACHINE_ARN", "PUBLIC_BASE_URL")
	if err != nil {
		log.Fatal(err)
	}
	submit := orchestrator.Submit{
		Store:    dynamo.New(dynamodb.NewFromConfig(config.AWS("DYNAMODB")), env["TABLE_NAME"], time.Now),
		Workflow: workflow.Workflow{API: sfn.NewFromConfig(config.AWS("SFN")), Machine: env["STATE_MACHINE_ARN"]},
		Deps:     orchestrator.Deps{Now: time.Now, Jitter: rand.Float64},
		BaseURL:  env["PUBLIC_BASE_URL"],
	}
	lambda.Start(httpapi.Serve(orchestrator.ScopeOperationsWrite, httpapi.Submit(submit.Run, env["PUBLIC_BASE_URL"])))
}
