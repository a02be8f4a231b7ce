package main

import (
	"adcp-orchestrator/infra/local/client"
	"adcp-orchestrator/infra/local/stack"
	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store/dynamo"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/uuid"
)

// demo shows the main job on a running instance: two buys, one ended by the agent's webhook, one by polling.
func demo(ctx context.Context, in *stack.Instance, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	key, err := issueKey(ctx, in, "demo")
	if err != nil {
		return err
	}
	c := client.New(in.APIURL(), key)
	fmt.Fprintf(out, "\nRegistering the sales agent %s as \"seller\": MCP, webhooks signed by RFC 9421, first backup poll after 2 s\n", in.Getenv("SELLER_URL"))
	if err := c.PutAgent(ctx, "seller", map[string]any{"url": in.Getenv("SELLER_URL"), "credential_ref": stack.CredentialRef,
		"poll": map[string]any{"interval_seconds": 2}}); err != nil {
		return err
	}
	for _, show := range []struct {
		title string
		demo  map[string]any
	}{
		{"A buy that its webhook ends", map[string]any{"delay_ms": 1200}},
		{"A buy whose webhook never comes: polling ends it", map[string]any{"delay_ms": 5000, "webhook": "none"}},
	} {
		if err := buy(ctx, c, show.title, show.demo, out); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, `
The API is up; this key is good for it until make stop:
  export API=%s KEY=%s
Another buy, and its timeline (it is polled after 2 s, its webhook comes after 1.5 s):
  call() { curl -s -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' "$@"; }
  ID=$(call $API/v1/operations -H "Idempotency-Key: $RANDOM" -d @events/buy.json | grep -o 'op_[a-z2-7]*' | head -1); sleep 4; call $API/v1/operations/$ID
`, c.Base, key)
	return nil
}

// buy submits one create_media_buy and prints its timeline as it grows.
func buy(ctx context.Context, c *client.Client, title string, behavior map[string]any, out io.Writer) error {
	fmt.Fprintf(out, "\n%s\n", title)
	op, resp, err := c.Submit(ctx, uuid.NewString(), "seller", "create_media_buy", client.Buy("PO-"+uuid.NewString()[:8], behavior))
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "  POST /v1/operations  %s  %s\n", resp.Status, op.ID)
	shown := 0
	began := time.Now()
	op, err = c.Follow(ctx, op.ID, client.Settled, func(op httpapi.Operation) {
		for _, e := range op.Events[shown:] {
			change := string(e.To)
			if e.From != e.To {
				change = string(e.From) + " -> " + change
			}
			fmt.Fprintf(out, "  %7.2f s  %-13s %-28s %s\n", e.At.Sub(op.CreatedAt).Seconds(), by(e), change, e.Detail)
		}
		shown = len(op.Events)
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "  %s by %s after %.1f s: %s\n", op.State, op.Ended.By, time.Since(began).Seconds(), op.Result)
	if op.State != operation.Completed {
		return fmt.Errorf("%s ended as %s", op.ID, op.State)
	}
	return nil
}

func by(e operation.Event) string {
	if e.Kind == operation.EventChanged || e.Kind == operation.EventSeen {
		return string(e.Channel)
	}
	return string(e.Kind)
}

// issueKey makes an API key for a tenant of the instance.
func issueKey(ctx context.Context, in *stack.Instance, tenant string) (string, error) {
	db := dynamodb.New(dynamodb.Options{Region: in.Getenv("AWS_REGION"), BaseEndpoint: aws.String(in.Endpoint()),
		Credentials: credentials.NewStaticCredentialsProvider(in.Getenv("AWS_ACCESS_KEY_ID"), in.Getenv("AWS_SECRET_ACCESS_KEY"), "")})
	store := dynamo.New(db, in.Getenv("TABLE_NAME"), time.Now)
	return apikey.Issue(ctx, store, rand.Reader, time.Now(), tenant, "local", apikey.Scopes())
}
