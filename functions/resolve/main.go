// Command resolve serves POST /v1/operations/{id}/resolve. It is a function of its own: it asks the
// agent first, for which it needs the agents' credentials, and it ends operations.
package main

import (
	"log"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/google/uuid"

	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/stepfunctions"
	"adcp-orchestrator/pkg/store/dynamo"
	"adcp-orchestrator/pkg/telemetry"
	"adcp-orchestrator/pkg/wire"
	wireapi "adcp-orchestrator/pkg/wire/api"
	"adcp-orchestrator/pkg/wire/gates"
)

func main() {
	telemetry.Setup()
	env, err := config.Require("TABLE_NAME", "STATE_MACHINE_ARN", "PUBLIC_BASE_URL", "TENANT_LIMITS")
	if err != nil {
		log.Fatal(err)
	}
	store := dynamo.FromConfig(config.AWS("DYNAMODB"), env["TABLE_NAME"], time.Now).WithDueShards(config.DueShards())
	api := wireapi.New(store, env)
	resolve := orchestrator.Resolve{
		Store:    store,
		Agents:   wire.Agents(wire.Secrets()),
		NewKey:   uuid.NewString,
		Breaker:  gates.Breaker(store, 30*time.Second),
		Workflow: stepfunctions.FromConfig(config.AWS("SFN"), env["STATE_MACHINE_ARN"]),
		Deps:     wire.Deps(),
	}
	lambda.Start(api.Route(map[string]httpapi.Function{
		"POST /v1/operations/{id}/resolve": api.Serve(apikey.ScopeOperationsApprove, api.Resolve(resolve.Run)),
	}))
}
