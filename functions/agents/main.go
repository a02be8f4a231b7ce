// Command agents is the Lambda function behind PUT and GET of /v1/agents/{id} and of /v1/agents/{id}/keys.
package main

import (
	"log"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"adcp-orchestrator/pkg/agent"
	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/dynamo"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/keyring"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/safehttp"
	"adcp-orchestrator/pkg/secrets"
	"adcp-orchestrator/pkg/signing"
	"adcp-orchestrator/pkg/telemetry"
)

func main() {
	telemetry.Setup()
	env, err := config.Require("TABLE_NAME")
	if err != nil {
		log.Fatal(err)
	}
	store := dynamo.New(dynamodb.NewFromConfig(config.AWS("DYNAMODB")), env["TABLE_NAME"], time.Now)
	register := orchestrator.Register{
		Store:   store,
		Agents:  agent.New(agent.Options{Secrets: secrets.New(secretsmanager.NewFromConfig(config.AWS("SECRETS_MANAGER")), time.Now), HTTP: safehttp.Options{AllowLoopback: config.Loopback()}}),
		Now:     time.Now,
		Checker: orchestrator.Checker{CheckURL: func(u string) error { return safehttp.CheckURL(u, config.Loopback()) }, CanSign: signing.IDs(os.Getenv("SIGNING_KEY_IDS")) != nil},
	}
	keys := &keyring.Source{Store: store, Client: keyring.NewClient(config.Loopback()), Profile: keyring.ProfileFrom(store), Now: time.Now, Loopback: config.Loopback(),
		Count: telemetry.Counter{Out: os.Stdout, Now: time.Now, Metric: "WebhookKeys", Dimension: "Event"}.Add}
	const entry, set = "/v1/agents/{id}", "/v1/agents/{id}/keys"
	handlers := map[string]httpapi.Function{
		"PUT " + entry: httpapi.Serve(orchestrator.ScopeAgentsWrite, httpapi.PutAgent(register.Run)),
		"GET " + entry: httpapi.Serve(orchestrator.ScopeAgentsRead, httpapi.ShowAgent(register.Show)),
		"PUT " + set:   httpapi.Serve(orchestrator.ScopeAgentsWrite, httpapi.PinKeys(store, keys.Pin)),
		"GET " + set:   httpapi.Serve(orchestrator.ScopeAgentsRead, httpapi.ShowKeys(store, keys.Show)),
	}
	lambda.Start(httpapi.Route(handlers))
}
