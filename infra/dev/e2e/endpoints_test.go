package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"

	"adcp-orchestrator/infra/local/client"
	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/endpoint"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/sqs"
	"adcp-orchestrator/pkg/store/dynamo"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// receiver is a process of infra/local/senders/receiver.py, which verifies with the library that
// tenants get from PyPI.
type receiver struct{ base string }

// received is what a receiver got.
type received struct {
	ID         string
	Signatures int
	Verified   bool
	Body       string
	Status     int
}

func startReceiver(t *testing.T) receiver {
	t.Helper()
	port := freePort(t)
	c := exec.CommandContext(t.Context(), env(t, "SENDERS_PYTHON"), "../../local/senders/receiver.py")
	c.Env, c.Stderr = append(os.Environ(), "PORT="+port), t.Output()
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	if !bufio.NewScanner(out).Scan() {
		t.Fatal("the receiver did not start")
	}
	return receiver{"http://127.0.0.1:" + port}
}

func (r receiver) post(t *testing.T, path string, body any) {
	t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.base+path, bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
}

func (r receiver) received(t *testing.T) []received {
	t.Helper()
	var out struct{ Received []received }
	getJSON(t, r.base+"/received", nil, &out)
	return out.Received
}

// do calls the API and decodes its answer, which must have the status.
func do[T any](t *testing.T, c *client.Client, method, path string, header map[string]string, body any,
	status int) (v T) {
	t.Helper()
	resp, out, err := c.Do(t.Context(), method, path, header, body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != status {
		t.Fatalf("%s %s: %s: %s", method, path, resp.Status, out)
	}
	if len(out) > 0 {
		if err := json.Unmarshal(out, &v); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

// Notices of an operation arrive in their order and verify, though the receiver refuses one for a
// while; a rotation of the secret loses none.
func TestNoticesReachAReceiverThatVerifiesThem(t *testing.T) {
	t.Parallel()
	r := startReceiver(t)
	tenant := fmt.Sprintf("e2e-%d-%d", os.Getpid(), tenants.Add(1))
	h := &harness{tenant: tenant, store: dynamo.New(dynamodb.NewFromConfig(config.AWS("DYNAMODB")),
		env(t, "TABLE_NAME"), time.Now)}
	h.Client = client.New(env(t, "API_URL"), h.issueKey(t, apikey.Scopes()...))
	const all = "/v1/webhook-endpoints"
	e := do[httpapi.WebhookEndpoint](t, h.Client, http.MethodPost, all, map[string]string{"Idempotency-Key": "k"},
		map[string]any{"url": r.base + "/hook", "types": []string{"operation.*"}}, http.StatusCreated)
	one := all + "/" + e.ID
	r.post(t, "/secret", map[string]any{"secret": e.Secret})
	if d := do[httpapi.WebhookDelivery](t, h.Client, http.MethodPost, one+"/test", nil, nil,
		http.StatusOK); d.State != endpoint.Delivered {
		t.Fatalf("the test was not delivered: %+v", d)
	}
	r.post(t, "/answers", map[string]any{"answers": []any{
		map[string]any{"status": 200}, map[string]any{"status": 503, "retry_after": "1"}, map[string]any{"status": 500},
	}})
	fanout := endpoint.Fanout{Store: h.store, Queue: sqs.Lazy(config.LazyAWS("SQS"), env(t, "DELIVERY_QUEUE_URL")),
		Source: env(t, "API_URL"), Now: time.Now}
	const notices = 5
	for n := range notices {
		err := fanout.Send(t.Context(), notice.Notice{ID: fmt.Sprintf("%s/%d", tenant, n), Type: notice.Working,
			At: time.Now(), Facts: notice.Facts{Tenant: tenant, OperationID: "op_1", AgentMessage: "Grüße"}})
		if err != nil {
			t.Fatal(err)
		}
	}
	do[httpapi.WebhookEndpoint](t, h.Client, http.MethodPost, one+"/roll-secret", nil, map[string]any{},
		http.StatusOK)
	var taken []string
	var got []received
	deadline, tick := time.After(3*time.Minute), time.NewTicker(time.Second)
	defer tick.Stop()
	for len(taken) < notices {
		select {
		case <-deadline:
			t.Fatalf("received only %+v", got)
		case <-tick.C:
		}
		taken, got = nil, r.received(t)[1:] // without the test
		for _, x := range got {
			if x.Status/100 == 2 {
				taken = append(taken, x.ID)
			}
		}
	}
	for n, id := range taken {
		if want := fmt.Sprintf("%s/%d", tenant, n); id != want {
			t.Errorf("notice %d is %s, want %s", n, id, want)
		}
	}
	for _, x := range got {
		if !x.Verified {
			t.Errorf("%+v does not verify", x)
		}
	}
	if len(got) != notices+2 || got[len(got)-1].Signatures != 2 {
		t.Errorf("%d attempts, the last with %d signatures", len(got), got[len(got)-1].Signatures)
	}
	page := do[struct{ Items []httpapi.WebhookDelivery }](t, h.Client, http.MethodGet, one+"/deliveries?state=delivered",
		nil,
		nil, http.StatusOK)
	if len(page.Items) != notices+1 {
		t.Errorf("%d deliveries are listed", len(page.Items))
	}
	do[any](t, h.Client, http.MethodDelete, one, nil, nil, http.StatusNoContent)
}
