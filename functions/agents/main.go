// Command agents is the Lambda function behind PUT and GET /v1/agents/{id}.
package main

import (
	"context"
	"log"
	"net/http"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/dynamo"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/safehttp"
	"adcp-orchestrator/pkg/telemetry"
)

func main() {
	telemetry.Setup()
	env, err := config.Require("TABLE_NAME")
	if err != nil {
		log.Fatal(err)
	}
	store := dynamo.New(dynamodb.NewFromConfig(config.AWS("DYNAMODB")), env["TABLE_NAME"], time.Now)
	register := orchestrator.Register{Store: store, Now: time.Now, CheckURL: func(u string) error { return safehttp.CheckURL(u, config.Loopback()) }}
	put := httpapi.Serve(orchestrator.ScopeAgentsWrite, httpapi.PutAgent(register.Run))
	get := httpapi.Serve(orchestrator.ScopeAgentsRead, httpapi.ShowAgent(store))
	lambda.Start(func(ctx context.Context, e events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
		if e.HTTPMethod == http.MethodPut {
			return put(ctx, e)
		}
		return get(ctx, e)
	})
}
