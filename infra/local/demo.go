package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
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

// nextSteps is printed last. The commands are indented and have no comments, because an interactive
// zsh does not accept comments.
const nextSteps = `
The API runs until "make stop", and adcpctl knows it as the profile local. Run these commands in the
root of the repository:

  export PATH="$PWD/dist:$PATH" ADCPCTL_PROFILE=local

Another buy, followed to its end. The webhook of the agent comes after 1.5 s:
  adcpctl submit events/buy.json --new --wait

All buys, and what became of the last one:
  adcpctl ops list
  ID=$(adcpctl ops list --limit 1 -o id 2>/dev/null)
  adcpctl ops show $ID --embed result
  adcpctl ops events $ID

The agent, the webhooks that were not applied, and any other request of docs/api.md:
  adcpctl agents show seller
  adcpctl quarantine list
  adcpctl api GET /v1/operations/$ID

"adcpctl" alone lists its verbs. "make logs" lists the logs.
`

// keepProfile stores the API and the key of an instance as adcpctl's profile local. The key goes by
// stdin: arguments can be read by everybody on the machine.
func keepProfile(ctx context.Context, l stack.Layout, in *stack.Instance, key string) error {
	adcpctl := filepath.Join(l.Root, "dist", "adcpctl")
	for _, step := range [][]string{
		{"profile", "set", "local", "--api", in.APIURL()},
		{"profile", "login", "local", "--in-file", "--unchecked"},
	} {
		c := exec.CommandContext(ctx, adcpctl, step...)
		c.Stdin = strings.NewReader(key + "\n")
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("%s %s: %w\n%s", adcpctl, step[1], err, out)
		}
	}
	return nil
}

// demo makes two buys on a running instance. A webhook ends the first one, a poll the second one.
func demo(ctx context.Context, l stack.Layout, in *stack.Instance, out io.Writer) error {
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
	if err := keepProfile(ctx, l, in, key); err != nil {
		return err
	}
	fmt.Fprint(out, nextSteps)
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
	fmt.Fprintf(out, "  the agent's buy: %s\n", op.MediaBuyID)
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
