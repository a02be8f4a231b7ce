// Command agents is the Lambda function that serves PUT and GET of /v1/agents/{id} and of
// /v1/agents/{id}/keys.
package main

import (
	"log"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/quota"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store/dynamo"
	"adcp-orchestrator/pkg/telemetry"
	"adcp-orchestrator/pkg/wire"
	"adcp-orchestrator/pkg/wire/keys"
)

func main() {
	telemetry.Setup()
	env, err := config.Require("TABLE_NAME", "PUBLIC_BASE_URL", "TENANT_LIMITS")
	if err != nil {
		log.Fatal(err)
	}
	store := dynamo.FromConfig(config.AWS("DYNAMODB"), env["TABLE_NAME"], time.Now)
	api := httpapi.API{BaseURL: env["PUBLIC_BASE_URL"], Limits: quota.Load(store, env["TENANT_LIMITS"], time.Now),
		Audit: store, Now: time.Now}
	senders := keys.Source(store)
	register := registry.Register{Store: store, Agents: wire.Agents(wire.Secrets()), Now: time.Now,
		Checker: wire.Checker(), MaxAgents: api.Limits.MaxAgents()}
	lambda.Start(api.Route(map[string]httpapi.Function{
		"PUT /v1/agents/{id}":      api.Serve(apikey.ScopeAgentsWrite, api.PutAgent(register.Run)),
		"GET /v1/agents/{id}":      api.Serve(apikey.ScopeAgentsRead, api.ShowAgent(register.Show)),
		"PUT /v1/agents/{id}/keys": api.Serve(apikey.ScopeAgentsWrite, api.PinKeys(store, senders.Pin)),
		"GET /v1/agents/{id}/keys": api.Serve(apikey.ScopeAgentsRead, api.ShowKeys(store, senders.Show)),
	}))
}
