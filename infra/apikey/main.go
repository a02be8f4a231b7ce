// Command apikey makes an API key for a tenant: its hash goes into the table, the key itself is printed this once.
package main

import (
	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/store/dynamo"
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

func main() {
	log.SetFlags(0)
	table := flag.String("table", "", "the orchestrator's table: the stack's output TableName")
	tenant := flag.String("tenant", "", "whose key it is: lower-case letters, digits and hyphens")
	name := flag.String("name", "", "what the key is for, to tell it from others")
	scopes := flag.String("scopes", strings.Join(apikey.Scopes(), ","), "what the key may do, with commas in between")
	flag.Parse()
	if *table == "" || *tenant == "" {
		log.Fatal("apikey: -table and -tenant are required")
	}
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx) // a person's profile, single sign-on included
	if err != nil {
		log.Fatal("apikey: ", err)
	}
	store := dynamo.New(dynamodb.NewFromConfig(cfg), *table, time.Now)
	key, err := apikey.Issue(ctx, store, rand.Reader, time.Now(), *tenant, *name, strings.Split(*scopes, ","))
	if err != nil {
		log.Fatal("apikey: ", err)
	}
	fmt.Println(key)
}
