// Command apikey makes an API key for a tenant. It stores only the key's hash in the table and
// prints the key, which can't be shown again.
package main

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"log"
	"strings"
	"time"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/store/dynamo"
)

func main() {
	log.SetFlags(0)
	table := flag.String("table", "", "name of the orchestrator's table: the stack's output TableName")
	tenant := flag.String("tenant", "", "tenant that the key is for: lower-case letters, digits and hyphens")
	name := flag.String("name", "", "purpose of the key, to distinguish it from other keys")
	scopes := flag.String("scopes", strings.Join(apikey.Scopes(), ","), "scopes of the key, separated by commas")
	flag.Parse()
	if *table == "" || *tenant == "" {
		log.Fatal("apikey: -table and -tenant are required")
	}
	ctx := context.Background()
	cfg, err := awsconfig.LoadDefaultConfig(ctx) // a person's profile, including single sign-on
	if err != nil {
		log.Fatal("apikey: ", err)
	}
	cfg.HTTPClient = config.HTTPClient("DYNAMODB")
	store := dynamo.New(dynamodb.NewFromConfig(cfg), *table, time.Now)
	key, err := apikey.Issue(ctx, store, rand.Reader, time.Now(), *tenant, *name, strings.Split(*scopes, ","))
	if err != nil {
		log.Fatal("apikey: ", err)
	}
	fmt.Println(key)
}
