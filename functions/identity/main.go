// Command identity is the Lambda function that serves GET /.well-known/brand.json and GET /.well-known/jwks.json:
// who we are and which keys sign our requests.
package main

import (
	"context"
	"log"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"

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
	keys := signing.FromConfig(func() aws.Config { return config.AWS("KMS") }, signing.IDs(env["SIGNING_KEY_IDS"]))
	brand := signing.BrandAt(env["PUBLIC_BASE_URL"])
	lambda.Start(api.Route(map[string]httpapi.Function{
		"GET " + signing.PathBrand: httpapi.Published(api, func(context.Context) (signing.Brand, error) { return brand, nil }),
		"GET " + signing.PathKeys:  httpapi.Published(api, keys.Published),
	}))
}
