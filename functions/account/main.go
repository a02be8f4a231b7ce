// Command account is the Lambda function that serves /v1/whoami, /v1/api-keys and /v1/audit-events.
// Of the functions of the API it is the only one that writes keys.
package main

import (
	"crypto/rand"
	"log"
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
	env, err := config.Require("TABLE_NAME", "PUBLIC_BASE_URL", "TENANT_LIMITS")
	if err != nil {
		log.Fatal(err)
	}
	store := dynamo.FromConfig(config.AWS("DYNAMODB"), env["TABLE_NAME"], time.Now)
	api := wireapi.New(store, env)
	keys := apikey.Manager{Store: store, Now: time.Now, Random: rand.Reader}
	lambda.Start(api.Route(map[string]httpapi.Function{
		"GET /v1/whoami":              api.Serve("", api.Whoami(config.Release())),
		"GET /v1/api-keys":            api.Serve(apikey.ScopeKeysWrite, api.ListKeys(keys)),
		"POST /v1/api-keys":           api.Serve(apikey.ScopeKeysWrite, api.CreateKey(keys)),
		"GET /v1/api-keys/{id}":       api.Serve(apikey.ScopeKeysWrite, api.ShowKey(keys)),
		"DELETE /v1/api-keys/{id}":    api.Serve(apikey.ScopeKeysWrite, api.DeleteKey(keys)),
		"POST /v1/api-keys/{id}/roll": api.Serve(apikey.ScopeKeysWrite, api.RollKey(keys)),
		"GET /v1/audit-events":        api.Serve(apikey.ScopeAuditRead, api.ListAudit(store)),
	}))
}
