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
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/safehttp"
	"adcp-orchestrator/pkg/store/dynamo"
	"adcp-orchestrator/pkg/telemetry"
	"adcp-orchestrator/pkg/wire"
)

func main() {
	telemetry.Setup()
	env, err := config.Require("TABLE_NAME")
	if err != nil {
		log.Fatal(err)
	}
	store := dynamo.FromConfig(config.AWS("DYNAMODB"), env["TABLE_NAME"], time.Now)
	keys := wire.Keyring(store)
	checkURL := func(u string) error { return safehttp.CheckURL(u, config.Loopback()) }
	checker := registry.Checker{CheckURL: checkURL, CanSign: wire.CanSign()}
	agents := wire.Agents(wire.Secrets())
	register := registry.Register{Store: store, Agents: agents, Now: time.Now, Checker: checker}
	lambda.Start(httpapi.Route(map[string]httpapi.Function{
		"PUT /v1/agents/{id}":      httpapi.Serve(apikey.ScopeAgentsWrite, httpapi.PutAgent(register.Run)),
		"GET /v1/agents/{id}":      httpapi.Serve(apikey.ScopeAgentsRead, httpapi.ShowAgent(register.Show)),
		"PUT /v1/agents/{id}/keys": httpapi.Serve(apikey.ScopeAgentsWrite, httpapi.PinKeys(store, keys.Pin)),
		"GET /v1/agents/{id}/keys": httpapi.Serve(apikey.ScopeAgentsRead, httpapi.ShowKeys(store, keys.Show)),
	}))
}
