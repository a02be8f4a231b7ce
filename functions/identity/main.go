// Command identity is the Lambda function that serves GET /.well-known/brand.json (who we are),
// GET /.well-known/jwks.json (the keys that sign our requests), GET /problems (the codes of the
// API's problems) and GET /openapi.json (the API's description).
package main

import (
	"context"
	"log"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"

	"adcp-orchestrator/docs"
	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/signing"
	"adcp-orchestrator/pkg/telemetry"
)

func main() {
	telemetry.Setup()
	env, err := config.Require("SIGNING_KEY_IDS", "PUBLIC_BASE_URL")
	if err != nil {
		log.Fatal(err)
	}
	api := httpapi.API{BaseURL: env["PUBLIC_BASE_URL"]}
	keys := signing.FromConfig(func() aws.Config { return config.AWS("KMS") }, signing.IDs(env["SIGNING_KEY_IDS"]))
	brand := signing.BrandAt(api.BaseURL)
	readBrand := func(context.Context) (signing.Brand, error) { return brand, nil }
	lambda.Start(api.Route(map[string]httpapi.Function{
		"GET " + signing.PathBrand:    httpapi.Published(api, readBrand),
		"GET " + signing.PathKeys:     httpapi.Published(api, keys.Published),
		"GET " + httpapi.ProblemsPath: httpapi.PublishedText(docs.Problems),
		"GET " + httpapi.OpenAPIPath:  api.PublishedDescription(docs.OpenAPI),
	}))
}
