package e2e

import (
	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/httpsig"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/dynamo"
	"adcp-orchestrator/pkg/webhook"
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
)

// wire notes which requests go to the table.
type wire struct{ requests []string }

// Do implements the SDK's HTTP client.
func (c *wire) Do(r *http.Request) (*http.Response, error) {
	_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	c.requests = append(c.requests, action)
	return http.DefaultClient.Do(r)
}

// oneKey is a sender whose key is known.
type oneKey struct{ httpsig.JWKS }

func (oneKey) Check(context.Context, string) error { return nil }

type edSigner ed25519.PrivateKey

func (s edSigner) Sign(_ context.Context, message []byte) ([]byte, error) {
	return ed25519.Sign(ed25519.PrivateKey(s), message), nil
}

// What an accepted delivery costs: the receiver's own requests to the real table, counted on the wire.
func TestAcceptedDeliveryCostsThreeRequests(t *testing.T) {
	t.Parallel()
	w := enter(t, 600)
	op, in := w.waiting(t, sender{strings.TrimSuffix(env(t, "SELLER_JWKS_URL"), "/.well-known/jwks.json")}, operation.WebhookRFC9421)
	for { // until its execution waits: what is stored meanwhile would have to be read again
		stored, err := w.store.Get(t.Context(), w.tenant, op.ID)
		if err != nil {
			t.Fatal(err)
		}
		if stored.TaskToken != "" {
			break
		}
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key := httpsig.JWK{KID: "k", KeyType: "OKP", Curve: "Ed25519", Alg: "EdDSA", Use: "sig", KeyOps: []string{"verify"}, AdCPUse: httpsig.UseRequestSigning,
		X: base64.RawURLEncoding.EncodeToString(public)}
	u, err := url.Parse(in.URL)
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(in.Body)
	if err != nil {
		t.Fatal(err)
	}
	counted := &wire{}
	cfg := config.AWS("DYNAMODB")
	cfg.HTTPClient = counted
	table := dynamo.New(dynamodb.NewFromConfig(cfg), env(t, "TABLE_NAME"), time.Now)
	receiver := webhook.Receiver{Store: table, BaseURL: env(t, "API_URL"), Now: time.Now, Count: func(string) {},
		SenderKeys: func(operation.Operation, store.Document) webhook.SenderKeys {
			return oneKey{httpsig.JWKS{"k": key}}
		},
		Apply: orchestrator.Receive{Store: table, Workflow: nobody{}, Deps: orchestrator.Deps{Now: time.Now, Jitter: func() float64 { return 0 }}}}
	for _, want := range []struct {
		code     string
		requests []string
	}{
		{"advanced", []string{"BatchGetItem", "TransactWriteItems", "TransactWriteItems"}},
		{"duplicate", []string{"BatchGetItem", "TransactWriteItems", "TransactWriteItems"}},
	} {
		counted.requests = nil
		h := http.Header{"Content-Type": {"application/json"}}
		signed, err := httpsig.Sign(t.Context(), httpsig.WebhookProfile(), httpsig.Identity{Key: key, Signer: edSigner(private)},
			httpsig.Message{Method: http.MethodPost, URL: in.URL, Header: h, Body: body}, httpsig.Stamp{Created: time.Now(), Nonce: rand.Text()})
		if err != nil {
			t.Fatal(err)
		}
		for name, v := range signed {
			h[name] = v
		}
		h.Set("Host", u.Host)
		got := receiver.Handle(t.Context(), webhook.Delivery{Method: http.MethodPost, Path: u.Path, Route: u.Path[strings.LastIndex(u.Path, "/")+1:], Header: h, Body: body})
		if got.Status != http.StatusOK || got.Code != want.code || !slices.Equal(counted.requests, want.requests) {
			t.Errorf("%+v after %v, want %s after %v", got, counted.requests, want.code, want.requests)
		}
		t.Logf("%s: %d requests, %v", got.Code, len(counted.requests), counted.requests)
	}
	if op, err = w.Get(t.Context(), op.ID); err != nil || op.State != operation.Completed {
		t.Errorf("%s, %v", op.State, err)
	}
}

// nobody waits.
type nobody struct{}

func (nobody) Wake(context.Context, string, operation.Next) error { return nil }
