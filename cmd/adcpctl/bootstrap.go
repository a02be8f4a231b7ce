package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/spf13/cobra"

	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/store/dynamo"
)

// newKeysBootstrap makes the first key of a tenant, which no API can: it writes to the table, with
// the AWS credentials of the person who runs it.
func newKeysBootstrap(a *app) *cobra.Command {
	var table, tenant, name string
	var scopes []string
	cmd := &cobra.Command{Use: "bootstrap", Short: "make the first key of a tenant, with AWS credentials; prints it",
		Long: "Makes an API key without one: it is written to the orchestrator's table with your AWS credentials, as " +
			"the AWS\n" +
			"command line finds them. Only its hash is stored. Later keys: adcpctl keys create.",
		Example: "  adcpctl keys bootstrap --table AdcpOrchestrator-Table... --tenant acme | adcpctl profile login prod"}
	f := cmd.Flags()
	f.StringVar(&table, "table", "", "the stack's output TableName (required)")
	f.StringVar(&tenant, "tenant", "", "lower-case letters, digits and hyphens (required)")
	f.StringVar(&name, "name", "bootstrap", "what the key is for")
	f.StringSliceVar(&scopes, "scope", apikey.Scopes(), "what it may do")
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if table == "" || tenant == "" {
			return usage("add --table and --tenant", "the table and the tenant are needed")
		}
		return noArgs(cmd, args)
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx, cancel := a.within(cmd.Context())
		defer cancel()
		key, err := bootstrapKey(ctx, table, tenant, name, scopes)
		if err != nil {
			return err
		}
		fmt.Fprintln(a.out, key)
		a.say("this is the key; it is not shown again")
		return nil
	}
	return cmd
}

func bootstrapKey(ctx context.Context, table, tenant, name string, scopes []string) (string, error) {
	cfg, err := awsconfig.LoadDefaultConfig(ctx) // a person's profile, including single sign-on
	if err != nil {
		return "", err
	}
	cfg.HTTPClient = config.HTTPClient("DYNAMODB")
	store := dynamo.New(dynamodb.NewFromConfig(cfg), table, time.Now)
	return apikey.Issue(ctx, store, rand.Reader, time.Now(), tenant, name, scopes)
}
