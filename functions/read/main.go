// Command read serves POST /v1/agents/{id}/read/{task}. It is a function of its own, so that agents
// that hang take the room of reads only.
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
	"adcp-orchestrator/pkg/store/dynamo"
	"adcp-orchestrator/pkg/telemetry"
	"adcp-orchestrator/pkg/wire"
	wireapi "adcp-orchestrator/pkg/wire/api"
	"adcp-orchestrator/pkg/wire/gates"
)

func main() {
	telemetry.Setup()
	env, err := config.Require("TABLE_NAME", "PUBLIC_BASE_URL", "TENANT_LIMITS")
	if err != nil {
		log.Fatal(err)
	}
	store := dynamo.FromConfig(config.AWS("DYNAMODB"), env["TABLE_NAME"], time.Now)
	api := wireapi.New(store, env)
	read := orchestrator.Read{Store: store, Agents: wire.Agents(wire.Secrets()), NewKey: uuid.NewString,
		Breaker: gates.Breaker(store, 30*time.Second), Now: time.Now}
	lambda.Start(api.Route(map[string]httpapi.Function{
		"POST /v1/agents/{id}/read/{task}": api.Serve(apikey.ScopeAgentsCall, api.ReadAgent(read.Run)),
	}))
}
