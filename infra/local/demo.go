package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/uuid"

	"adcp-orchestrator/infra/local/client"
	"adcp-orchestrator/infra/local/stack"
	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store/dynamo"
)

// demoTimeout limits the whole demo. Its buys take seconds.
const demoTimeout = 2 * time.Minute

// demoBuys are the buys of the demo. behavior is for the seller: see infra/local/seller/seller.mjs.
var demoBuys = []struct {
	title    string
	behavior map[string]any
}{
	{"Buy 1: the agent sends a webhook when it is done", map[string]any{"delay_ms": 1200}},
	{"Buy 2: the agent sends no webhook, so polling finds the result",
		map[string]any{"delay_ms": 5000, "webhook": "none"}},
}

// nextSteps is printed last. Its arguments are the API's URL and a key. The commands are indented
// and have no comments, because an interactive zsh does not accept comments.
const nextSteps = `
The API runs until "make stop". Run these commands in the root of the repository.

The address of the API, and a key for it:
  export API=%s
  export KEY=%s
  call() { curl -s -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' "$@"; }

Another buy. The webhook of the agent comes after 1.5 s, the first backup poll after 2 s:
  ID=$(call $API/v1/operations -H "Idempotency-Key: buy-$RANDOM" -d @events/buy.json | grep -o 'op_[a-z2-7]*' | head -1)

Its state and result, its timeline to read, and all operations:
  sleep 4; call "$API/v1/operations/$ID?embed=result"
  call -H 'Accept: text/plain' $API/v1/operations/$ID
  call $API/v1/operations

The entry of the agent, and the webhooks that were not applied:
  call $API/v1/agents/seller
  call $API/v1/quarantine

The answer to an agent that requests input. This agent never does, so the API returns a 409:
  call $API/v1/operations/$ID/input -d '{"generation": 1, "input": {}, "on_behalf_of": "jane@acme.example"}'

docs/api.md describes the whole API. "make logs" lists the logs.
`

// demo makes two buys on a running instance. A webhook ends the first one, a poll the second one.
func demo(ctx context.Context, in *stack.Instance, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, demoTimeout)
	defer cancel()
	key, err := issueKey(ctx, in, "demo")
	if err != nil {
		return err
	}
	c := client.New(in.APIURL(), key)
	agentURL := in.Getenv("SELLER_URL")
	fmt.Fprintf(out, "\nRegistering the sales agent at %s as \"seller\"\n", agentURL)
	fmt.Fprintln(out, "  It speaks MCP and signs its webhooks (RFC 9421). The first backup poll comes after 2 s.")
	err = c.PutAgent(ctx, "seller", map[string]any{
		"url":            agentURL,
		"credential_ref": stack.CredentialRef,
		"poll":           map[string]any{"interval_seconds": 2},
	})
	if err != nil {
		return err
	}
	for _, b := range demoBuys {
		fmt.Fprintf(out, "\n%s\n", b.title)
		if err := buy(ctx, c, b.behavior, out); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, nextSteps, c.Base, key)
	return nil
}

// buy submits one create_media_buy, prints its events as they come, and fails unless it completes.
func buy(ctx context.Context, c *client.Client, behavior map[string]any, out io.Writer) error {
	request := client.Buy("PO-"+uuid.NewString()[:8], behavior)
	op, resp, err := c.Submit(ctx, uuid.NewString(), "seller", "create_media_buy", request)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "  POST /v1/operations  %s  %s\n", resp.Status, op.ID)
	shown := 0
	began := time.Now()
	op, err = c.Follow(ctx, op.ID, client.Published, func(op httpapi.Operation) {
		for _, e := range op.Events[shown:] {
			printEvent(out, op.CreatedAt, e)
		}
		shown = len(op.Events)
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "  %s by %s after %.1f s\n", op.State, op.EndedBy(), time.Since(began).Seconds())
	fmt.Fprintf(out, "  result: %s\n", op.Result)
	if op.State != operation.Completed {
		return fmt.Errorf("%s ended as %s", op.ID, op.State)
	}
	return nil
}

// printEvent prints when an event happened, its channel or kind, the state, and the detail.
func printEvent(out io.Writer, created time.Time, e operation.Event) {
	source := string(e.Kind)
	if e.Kind == operation.EventChanged || e.Kind == operation.EventSeen {
		source = string(e.Channel)
	}
	state := string(e.To)
	if e.From != e.To {
		state = string(e.From) + " -> " + state
	}
	line := fmt.Sprintf("  %7.2f s  %-13s %-28s %s", e.At.Sub(created).Seconds(), source, state, e.Detail)
	fmt.Fprintln(out, strings.TrimRight(line, " "))
}

// issueKey makes an API key with every scope for a tenant of the instance.
func issueKey(ctx context.Context, in *stack.Instance, tenant string) (string, error) {
	db := dynamodb.New(dynamodb.Options{
		Region:       in.Getenv("AWS_REGION"),
		BaseEndpoint: aws.String(in.Endpoint()),
		Credentials: credentials.NewStaticCredentialsProvider(
			in.Getenv("AWS_ACCESS_KEY_ID"), in.Getenv("AWS_SECRET_ACCESS_KEY"), ""),
		HTTPClient: config.HTTPClient("DYNAMODB"),
	})
	store := dynamo.New(db, in.Getenv("TABLE_NAME"), time.Now)
	return apikey.Issue(ctx, store, rand.Reader, time.Now(), tenant, "local", apikey.Scopes())
}
