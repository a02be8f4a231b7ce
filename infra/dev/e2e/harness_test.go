package e2e

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	smtypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/google/uuid"

	"adcp-orchestrator/infra/local/client"
	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store/dynamo"
)

// env returns a variable of the running local stack. It skips the test if the variable is not set.
func env(t *testing.T, name string) string {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		t.Skipf("%s is not set: make test starts the local stack and sets it", name)
	}
	return v
}

var tenants atomic.Int64

// harness is a new tenant on the stack, with the real seller registered as agent "seller".
type harness struct {
	*client.Client
	tenant string
	store  *dynamo.Store
	sfn    *sfn.Client
}

// newHarness creates a tenant. Its seller is polled for the first time after pollSeconds.
func newHarness(t *testing.T, pollSeconds int) *harness {
	t.Helper()
	h := &harness{
		tenant: fmt.Sprintf("e2e-%d-%d", os.Getpid(), tenants.Add(1)),
		sfn:    sfn.NewFromConfig(config.AWS("SFN")),
	}
	base := env(t, "API_URL")
	h.store = dynamo.New(dynamodb.NewFromConfig(config.AWS("DYNAMODB")), env(t, "TABLE_NAME"), time.Now)
	h.Client = newClient(t, base, h.issueKey(t, apikey.Scopes()...))
	createSecret(t, h.secretName("seller"), env(t, "SELLER_TOKEN"))
	h.registerSeller(t, pollSeconds, "")
	return h
}

func (h *harness) issueKey(t *testing.T, scopes ...string) string {
	t.Helper()
	key, err := apikey.Issue(t.Context(), h.store, rand.Reader, time.Now(), h.tenant, t.Name(), scopes)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// secretName returns the name of a secret that the tenant's agents may use.
func (h *harness) secretName(name string) string { return "adcp/" + h.tenant + "/" + name }

func createSecret(t *testing.T, name, value string) {
	t.Helper()
	_, err := secretsmanager.NewFromConfig(config.AWS("SECRETS_MANAGER")).CreateSecret(t.Context(),
		&secretsmanager.CreateSecretInput{Name: &name, SecretString: &value})
	if err != nil && !errors.As(err, new(*smtypes.ResourceExistsException)) {
		t.Fatal(err)
	}
}

// registerSeller registers the real seller as agent "seller". An empty mode is the default.
func (h *harness) registerSeller(t *testing.T, pollSeconds int, mode operation.WebhookMode) {
	t.Helper()
	entry := map[string]any{
		"url":            env(t, "SELLER_URL"),
		"credential_ref": h.secretName("seller"),
		"poll":           map[string]any{"interval_seconds": pollSeconds},
	}
	if mode != "" {
		entry["webhook_mode"] = mode
	}
	if err := h.PutAgent(t.Context(), "seller", entry); err != nil {
		t.Fatal(err)
	}
}

// buy submits a create_media_buy to the seller and returns the accepted operation.
func (h *harness) buy(t *testing.T, behavior map[string]any) httpapi.Operation {
	t.Helper()
	op, _, err := h.Submit(t.Context(), uuid.NewString(), "seller", "create_media_buy", newBuy(behavior))
	if err != nil {
		t.Fatal(err)
	}
	return op
}

// newBuy is a create_media_buy with a purchase order of its own. The behavior is for the demo
// seller.
func newBuy(behavior map[string]any) map[string]any {
	return client.Buy("PO-"+uuid.NewString(), behavior)
}

// submitUntilAnswered submits as clients do: with the same key again while there is no answer, or a
// 5xx.
func (h *harness) submitUntilAnswered(ctx context.Context, agent, key string, request map[string]any) (
	httpapi.Operation, error) {
	for try := 0; ; try++ {
		op, resp, err := h.Submit(ctx, key, agent, "create_media_buy", request)
		if err == nil || try == 20 || resp != nil && resp.StatusCode < 500 || ctx.Err() != nil {
			return op, err
		}
	}
}

// waitSettled waits until an operation has ended and its end is published.
func (h *harness) waitSettled(t *testing.T, id string) httpapi.Operation {
	t.Helper()
	return h.waitSettledWithin(t, id, 3*time.Minute)
}

func (h *harness) waitSettledWithin(t *testing.T, id string, limit time.Duration) httpapi.Operation {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	op, err := h.Follow(ctx, id, client.Published, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, timeline(op))
	}
	return op
}

func isSubmitted(op httpapi.Operation) bool { return op.State == operation.Submitted }

func timeline(op httpapi.Operation) string {
	var b strings.Builder
	for _, e := range op.Events {
		fmt.Fprintf(&b, "%7.2f s %-9s %-8s %s -> %s %s\n",
			e.At.Sub(op.CreatedAt).Seconds(), e.Kind, e.Channel, e.From, e.To, e.Detail)
	}
	return b.String()
}

func checkEnded(t *testing.T, op httpapi.Operation, state operation.State, by operation.Channel) {
	t.Helper()
	if op.State != state || op.EndedBy() != by {
		t.Errorf("%s by %s, want %s by %s\n%s", op.State, op.EndedBy(), state, by, timeline(op))
	}
}

// firstExecution returns the ARN of an operation's first execution.
func firstExecution(stateMachine, id string) string {
	return strings.Replace(stateMachine, ":stateMachine:", ":execution:", 1) + ":" + id + "-1"
}

// executionHistory returns what Step Functions recorded of an operation's first execution: the
// states that it entered, and the number of events.
func (h *harness) executionHistory(t *testing.T, id string) (states []string, events int) {
	t.Helper()
	arn := firstExecution(env(t, "STATE_MACHINE_ARN"), id)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for { // the operation is settled a moment before its execution ends
		out, err := h.sfn.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &arn})
		if err != nil {
			t.Fatal(err)
		}
		if out.Status != sfntypes.ExecutionStatusRunning {
			break
		}
	}
	pages := sfn.NewGetExecutionHistoryPaginator(h.sfn, &sfn.GetExecutionHistoryInput{ExecutionArn: &arn})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Events {
			events++
			if e.StateEnteredEventDetails != nil {
				states = append(states, *e.StateEnteredEventDetails.Name)
			}
		}
	}
	return states, events
}
