// Command agents is the Lambda function that serves /v1/agents: the list, GET, PUT and DELETE of an
// agent, its pause, resume and probe, and GET and PUT of its keys.
package main

import (
	"log"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store/dynamo"
	"adcp-orchestrator/pkg/telemetry"
	"adcp-orchestrator/pkg/wire"
	wireapi "adcp-orchestrator/pkg/wire/api"
	"adcp-orchestrator/pkg/wire/gates"
	"adcp-orchestrator/pkg/wire/keys"
)

func main() {
	telemetry.Setup()
	env, err := config.Require("TABLE_NAME", "PUBLIC_BASE_URL", "TENANT_LIMITS")
	if err != nil {
		log.Fatal(err)
	}
	store := dynamo.FromConfig(config.AWS("DYNAMODB"), env["TABLE_NAME"], time.Now)
	api := wireapi.New(store, env)
	senders := keys.Source(store)
	register := registry.Register{Store: store, Agents: wire.Agents(wire.Secrets()), Now: time.Now,
		Checker: wire.Checker(), MaxAgents: api.Limits.MaxAgents()}
	overview := registry.Overview{Store: store, Breaker: gates.Breaker(store, 0)}
	lambda.Start(api.Route(map[string]httpapi.Function{
		"GET /v1/agents":         api.Serve(apikey.ScopeAgentsRead, api.ListAgents(overview.Page)),
		"PUT /v1/agents/{id}":    api.Serve(apikey.ScopeAgentsWrite, api.PutAgent(register.RunIf)),
		"GET /v1/agents/{id}":    api.Serve(apikey.ScopeAgentsRead, api.ShowAgent(register.Show, overview.Of)),
		"DELETE /v1/agents/{id}": api.Serve(apikey.ScopeAgentsWrite, api.DeleteAgent(register.Delete)),
		"POST /v1/agents/{id}/pause": api.Serve(apikey.ScopeAgentsWrite,
			api.SetAgentBrake(store, true, time.Now)),
		"POST /v1/agents/{id}/resume": api.Serve(apikey.ScopeAgentsWrite,
			api.SetAgentBrake(store, false, time.Now)),
		"POST /v1/agents/{id}/probe": api.Serve(apikey.ScopeAgentsCall, api.ProbeAgent(register.Probe)),
		"PUT /v1/agents/{id}/keys":   api.Serve(apikey.ScopeAgentsWrite, api.PinKeys(store, senders.Pin)),
		"GET /v1/agents/{id}/keys":   api.Serve(apikey.ScopeAgentsRead, api.ShowKeys(store, senders.Show)),
	}))
}
