// Command submit is the Lambda function behind POST /v1/operations and POST /v1/operations/{id}/redrive and resume.
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
	base := env["PUBLIC_BASE_URL"]
	store := dynamo.New(dynamodb.NewFromConfig(config.AWS("DYNAMODB")), env["TABLE_NAME"], time.Now)
	machine := workflow.Workflow{API: sfn.NewFromConfig(config.AWS("SFN")), Machine: env["STATE_MACHINE_ARN"]}
	deps := orchestrator.Deps{Now: time.Now, Jitter: rand.Float64}
	submit := orchestrator.Submit{Store: store, Workflow: machine, Deps: deps, BaseURL: base}
	redrive := orchestrator.Redrive{Store: store, Workflow: machine, Deps: deps}
	resume := orchestrator.SendInput{Store: store, Workflow: machine, Deps: deps}
	lambda.Start(httpapi.Route(map[string]httpapi.Function{
		"POST /v1/operations":              httpapi.Serve(orchestrator.ScopeOperationsWrite, httpapi.Submit(submit.Run, base)),
		"POST /v1/operations/{id}/redrive": httpapi.Serve(orchestrator.ScopeOperationsWrite, httpapi.Redrive(redrive.Run, base)),
		"POST /v1/operations/{id}/resume":  httpapi.Serve(orchestrator.ScopeOperationsWrite, httpapi.SendInput(resume.Run, base)),
	}))
}
