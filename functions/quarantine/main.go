// Command quarantine is the Lambda function that serves /v1/quarantine: the list, GET of one
// delivery, its replay and discard. It is apart from the function that receives webhooks, which is
// open and links what verifies them.
package main

import (
	"log"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/stepfunctions"
	"adcp-orchestrator/pkg/store/dynamo"
	"adcp-orchestrator/pkg/telemetry"
	"adcp-orchestrator/pkg/webhook"
	wireapi "adcp-orchestrator/pkg/wire/api"
)

func main() {
	telemetry.Setup()
	env, err := config.Require("TABLE_NAME", "PUBLIC_BASE_URL", "TENANT_LIMITS")
	if err != nil {
		log.Fatal(err)
	}
	store := dynamo.FromConfig(config.AWS("DYNAMODB"), env["TABLE_NAME"], time.Now).WithDueShards(config.DueShards())
	api := wireapi.New(store, env)
	replayer := webhook.Replayer{Store: store, Now: time.Now, Apply: orchestrator.Receive{
		Store:    store,
		Workflow: stepfunctions.FromConfig(config.AWS("SFN"), ""), // waking needs no ARN
		Deps:     orchestrator.Deps{Now: time.Now, Jitter: rand.Float64},
	}}
	lambda.Start(api.Route(map[string]httpapi.Function{
		"GET /v1/quarantine":      api.Serve(apikey.ScopeOperationsRead, api.ListQuarantine(store)),
		"GET /v1/quarantine/{id}": api.Serve(apikey.ScopeOperationsRead, api.ShowQuarantined(store)),
		"POST /v1/quarantine/{id}/replay": api.Serve(apikey.ScopeQuarantineWrite,
			api.ReplayQuarantined(replayer.Run)),
		"POST /v1/quarantine/{id}/discard": api.Serve(apikey.ScopeQuarantineWrite,
			api.DiscardQuarantined(replayer.Discard)),
	}))
}
