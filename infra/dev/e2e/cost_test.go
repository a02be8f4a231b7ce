package e2e

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/httpsig"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/dynamo"
	"adcp-orchestrator/pkg/webhook"
)

// countingClient is the DynamoDB SDK's HTTP client, and records the requests that go to the table.
type countingClient struct{ requests []string }

// Do implements the SDK's HTTP client.
func (c *countingClient) Do(r *http.Request) (*http.Response, error) {
	_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	c.requests = append(c.requests, action)
	return http.DefaultClient.Do(r)
}

// knownKeys are a sender's keys that never change and are never revoked.
type knownKeys struct{ httpsig.JWKS }

func (knownKeys) Check(context.Context, string) error { return nil }

type edSigner ed25519.PrivateKey

func (s edSigner) Sign(_ context.Context, message []byte) ([]byte, error) {
	return ed25519.Sign(ed25519.PrivateKey(s), message), nil
}

// newSigningKey generates a webhook key, and returns it with its signer.
func newSigningKey(t *testing.T) httpsig.Identity {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return httpsig.Identity{Signer: edSigner(private), Key: httpsig.JWK{
		KID:     "k",
		KeyType: "OKP",
		Curve:   "Ed25519",
		Alg:     "EdDSA",
		Use:     "sig",
		KeyOps:  []string{"verify"},
		AdCPUse: httpsig.UseRequestSigning,
		X:       base64.RawURLEncoding.EncodeToString(public),
	}}
}

// noExecution is a workflow without an execution to wake.
type noExecution struct{}

func (noExecution) Wake(context.Context, string, orchestrator.Wakeup) error { return nil }

// An accepted delivery costs three requests to the real table, counted on the wire; so does its
// repetition.
func TestAcceptedDeliveryCostsThreeRequests(t *testing.T) {
	t.Parallel()
	h := newHarness(t, 600)
	seller := sender{strings.TrimSuffix(env(t, "SELLER_JWKS_URL"), "/.well-known/jwks.json")}
	op, task := h.buyAndAwaitWebhook(t, seller, operation.WebhookRFC9421)
	for { // until the execution waits: a write at the same time would cost another read
		stored, err := h.store.Get(t.Context(), h.tenant, op.ID)
		if err != nil {
			t.Fatal(err)
		}
		if stored.TaskToken != "" {
			break
		}
	}
	identity := newSigningKey(t)
	u, err := url.Parse(task.URL)
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(task.Body)
	if err != nil {
		t.Fatal(err)
	}
	counting := &countingClient{}
	cfg := config.AWS("DYNAMODB")
	cfg.HTTPClient = counting
	table := dynamo.New(dynamodb.NewFromConfig(cfg), env(t, "TABLE_NAME"), time.Now)
	receiver := webhook.Receiver{
		Store:   table,
		BaseURL: env(t, "API_URL"),
		Now:     time.Now,
		Count:   func(string) {},
		SenderKeys: func(operation.Operation, store.Document) webhook.SenderKeys {
			return knownKeys{httpsig.JWKS{"k": identity.Key}}
		},
		Apply: orchestrator.Receive{Store: table, Workflow: noExecution{},
			Deps: orchestrator.Deps{Now: time.Now, Jitter: func() float64 { return 0 }}},
	}
	for _, want := range []struct {
		code     string
		requests []string
	}{
		{"advanced", []string{"BatchGetItem", "TransactWriteItems", "TransactWriteItems"}},
		{"duplicate", []string{"BatchGetItem", "TransactWriteItems", "TransactWriteItems"}},
	} {
		counting.requests = nil
		header := http.Header{"Content-Type": {"application/json"}}
		signed, err := httpsig.Sign(t.Context(), httpsig.WebhookProfile(), identity,
			httpsig.Message{Method: http.MethodPost, URL: task.URL, Header: header, Body: body},
			httpsig.Stamp{Created: time.Now(), Nonce: rand.Text()})
		if err != nil {
			t.Fatal(err)
		}
		for name, v := range signed {
			header[name] = v
		}
		header.Set("Host", u.Host)
		got := receiver.Handle(t.Context(), webhook.Delivery{Method: http.MethodPost, Path: u.Path,
			CallbackToken: u.Path[strings.LastIndex(u.Path, "/")+1:], Header: header, Body: body})
		if got.Status != http.StatusOK || got.Code != want.code || !slices.Equal(counting.requests, want.requests) {
			t.Errorf("%+v after %v, want %s after %v", got, counting.requests, want.code, want.requests)
		}
		t.Logf("%s: %d requests, %v", got.Code, len(counting.requests), counting.requests)
	}
	if op, err = h.Get(t.Context(), op.ID); err != nil || op.State != operation.Completed {
		t.Errorf("%s, %v", op.State, err)
	}
}
