// Command wait is the Lambda function that serves GET /v1/operations/{id}, where a client can wait
// for a change. API Gateway routes by path and not by query, so the reads that do not wait are
// served here as well: a request that waits holds a run of this function, and none of another.
package main

import (
	"log"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/store/dynamo"
	"adcp-orchestrator/pkg/telemetry"
	wireapi "adcp-orchestrator/pkg/wire/api"
)

func main() {
	telemetry.Setup()
	env, err := config.Require("TABLE_NAME", "PUBLIC_BASE_URL", "TENANT_LIMITS", "MAX_WAITS")
	if err != nil {
		log.Fatal(err)
	}
	most, err := strconv.Atoi(env["MAX_WAITS"])
	if err != nil {
		log.Fatal("MAX_WAITS must be a number")
	}
	store := dynamo.FromConfig(config.AWS("DYNAMODB"), env["TABLE_NAME"], time.Now)
	api := wireapi.New(store, env)
	waits := httpapi.Waits{Buckets: store, Max: most, Now: time.Now, Sleep: httpapi.Sleep}
	lambda.Start(api.Route(map[string]httpapi.Function{
		"GET /v1/operations/{id}": api.Serve(apikey.ScopeOperationsRead, api.ShowOperation(store, waits)),
	}))
}
