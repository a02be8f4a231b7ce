// Package e2e tests the deployed local stack from outside: HTTP in, a real sales agent behind, Step Functions' own history as the witness.
package e2e

import (
	"adcp-orchestrator/infra/local/client"
	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store/dynamo"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/google/uuid"
)

// env returns a variable of the running local stack, or skips the test where there is none.
func env(t *testing.T, name string) string {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		t.Skipf("%s is not set: make test starts the local stack and sets it", name)
	}
	return v
}

var tenants atomic.Int64

// world is one tenant of its own on the stack, with the real seller registered.
type world struct {
	*client.Client
	tenant string
	store  *dynamo.Store
	sfn    *sfn.Client
}

// enter makes a tenant whose agent is polled first after so many seconds.
func enter(t *testing.T, first int) *world {
	t.Helper()
	w := &world{tenant: fmt.Sprintf("e2e-%d-%d", os.Getpid(), tenants.Add(1)), sfn: sfn.NewFromConfig(config.AWS("SFN"))}
	base := env(t, "API_URL")
	w.store = dynamo.New(dynamodb.NewFromConfig(config.AWS("DYNAMODB")), env(t, "TABLE_NAME"), time.Now)
	w.Client = client.New(base, w.key(t, apikey.Scopes()...))
	secret(t, "adcp/"+w.tenant+"/seller", env(t, "SELLER_TOKEN"))
	w.agent(t, "seller", first, "")
	return w
}

func (w *world) key(t *testing.T, scopes ...string) string {
	t.Helper()
	key, err := apikey.Issue(t.Context(), w.store, rand.Reader, time.Now(), w.tenant, t.Name(), scopes)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// agent registers the real seller. An empty mode is the default.
func (w *world) agent(t *testing.T, id string, first int, mode operation.WebhookMode) {
	t.Helper()
	err := w.PutAgent(t.Context(), id, map[string]any{"url": env(t, "SELLER_URL"), "credential_ref": "adcp/" + w.tenant + "/seller",
		"webhook_mode": mode, "poll": map[string]any{"interval_seconds": first}})
	if err != nil {
		t.Fatal(err)
	}
}

// buy submits a create_media_buy and returns it as accepted.
func (w *world) buy(t *testing.T, behavior map[string]any) httpapi.Operation {
	t.Helper()
	op, _, err := w.Submit(t.Context(), uuid.NewString(), "seller", "create_media_buy", client.Buy("PO-"+uuid.NewString(), behavior))
	if err != nil {
		t.Fatal(err)
	}
	return op
}

// persist submits as clients do: until it is answered, with the same key each time.
func (w *world) persist(ctx context.Context, agent, key string, request map[string]any) (httpapi.Operation, error) {
	for try := 0; ; try++ {
		op, resp, err := w.Submit(ctx, key, agent, "create_media_buy", request)
		if err == nil || try == 20 || resp != nil && resp.StatusCode < 500 || ctx.Err() != nil {
			return op, err
		}
	}
}

// settled waits for the end of an operation.
func (w *world) settled(t *testing.T, id string) httpapi.Operation {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	op, err := w.Follow(ctx, id, client.Settled, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, timeline(op))
	}
	return op
}

func timeline(op httpapi.Operation) string {
	var b strings.Builder
	for _, e := range op.Events {
		fmt.Fprintf(&b, "%7.2f s %-9s %-8s %s -> %s %s\n", e.At.Sub(op.CreatedAt).Seconds(), e.Kind, e.Channel, e.From, e.To, e.Detail)
	}
	return b.String()
}

// history is the execution's own: which states it entered, and how many events it recorded.
func (w *world) history(t *testing.T, id string) (states []string, events int) {
	t.Helper()
	arn := strings.Replace(env(t, "STATE_MACHINE_ARN"), ":stateMachine:", ":execution:", 1) + ":" + id + "-1"
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for { // the operation is settled a moment before its execution has ended
		out, err := w.sfn.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &arn})
		if err != nil {
			t.Fatal(err)
		}
		if out.Status != types.ExecutionStatusRunning {
			break
		}
	}
	pages := sfn.NewGetExecutionHistoryPaginator(w.sfn, &sfn.GetExecutionHistoryInput{ExecutionArn: &arn})
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

// ledger is the seller's own account of what it was asked and what it sold.
type ledger struct {
	Calls []struct {
		PO string `json:"po_number"`
	} `json:"calls"`
	Buys []struct {
		ID string `json:"media_buy_id"`
		PO string `json:"po_number"`
	} `json:"buys"`
}

func (l ledger) of(po ...string) (calls, buys int) {
	for _, c := range l.Calls {
		if slices.Contains(po, c.PO) {
			calls++
		}
	}
	for _, b := range l.Buys {
		if slices.Contains(po, b.PO) {
			buys++
		}
	}
	return calls, buys
}

func readLedger(t *testing.T) ledger {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, env(t, "SELLER_LEDGER_URL"), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var l ledger
	if err := json.NewDecoder(resp.Body).Decode(&l); err != nil {
		t.Fatal(err)
	}
	return l
}

// sold checks that the seller was called once and sold once for an operation, and that the operation knows what.
func sold(t *testing.T, op httpapi.Operation) {
	t.Helper()
	l := readLedger(t)
	if calls, buys := l.of(op.PONumber); calls != 1 || buys != 1 {
		t.Errorf("%d calls and %d buys for one operation", calls, buys)
	}
	var result struct {
		ID string `json:"media_buy_id"`
	}
	if err := json.Unmarshal(op.Result, &result); err != nil || result.ID == "" {
		t.Fatalf("result %s: %v", op.Result, err)
	}
	for _, b := range l.Buys {
		if b.PO == op.PONumber && b.ID != result.ID {
			t.Errorf("the seller sold %s, the operation holds %s", b.ID, result.ID)
		}
	}
}

func ended(t *testing.T, op httpapi.Operation, state operation.State, by operation.Channel) {
	t.Helper()
	if op.State != state || op.Ended.By != by {
		t.Errorf("%s by %s, want %s by %s\n%s", op.State, op.Ended.By, state, by, timeline(op))
	}
}
