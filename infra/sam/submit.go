package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/uuid"

	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store/dynamo"
)

// tenant is the tenant that the local stack stores the demo seller's credential for.
const tenant = "demo"

// startOperationTimeout limits the time from the submission of an operation to the call of the
// agent.
const startOperationTimeout = time.Minute

// submitOne registers the demo seller and submits the request of events/submit.json, both through
// the containers. It waits until the local stack's state machine has started the operation.
func (s session) submitOne(ctx context.Context, base string, env map[string]string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	key, err := apiKey(ctx, env)
	if err != nil {
		return err
	}
	api := caller{base: base, key: key}

	err = (caller{base: base}).call(ctx, http.MethodGet, "/v1/agents/seller", nil, nil, http.StatusUnauthorized, nil)
	if err != nil {
		return fmt.Errorf("without an API key: %w", err)
	}
	agent, err := json.Marshal(map[string]string{"url": env["SELLER_URL"], "credential_ref": env["CREDENTIAL_REF"]})
	if err != nil {
		return err
	}
	if err := api.call(ctx, http.MethodPut, "/v1/agents/seller", nil, agent, 0, nil); err != nil {
		return err
	}
	request, err := s.submitRequest()
	if err != nil {
		return err
	}
	var op struct {
		ID    string
		State operation.State
	}
	header := http.Header{"Idempotency-Key": {uuid.NewString()}}
	if err := api.call(ctx, http.MethodPost, "/v1/operations", header, request, http.StatusAccepted, &op); err != nil {
		return err
	}
	s.printf("submitted %s", op.ID)
	ctx, cancel = context.WithTimeout(ctx, startOperationTimeout)
	defer cancel()
	for op.State == operation.Requested {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is still %s after %s: is the local stack's state machine running?",
				op.ID, op.State, startOperationTimeout)
		case <-time.After(200 * time.Millisecond):
		}
		if err := api.call(ctx, http.MethodGet, "/v1/operations/"+op.ID, nil, nil, http.StatusOK, &op); err != nil {
			return err
		}
	}
	s.printf("%s is %s", op.ID, op.State)
	return nil
}

// submitRequest returns the body of events/submit.json without its purchase order number, which an
// earlier run may have used already.
func (s session) submitRequest() ([]byte, error) {
	source, err := os.ReadFile(filepath.Join(s.layout.Root, "events", "submit.json"))
	if err != nil {
		return nil, err
	}
	var e events.APIGatewayProxyRequest
	if err := json.Unmarshal(source, &e); err != nil {
		return nil, err
	}
	var body map[string]any
	if err := json.Unmarshal([]byte(e.Body), &body); err != nil {
		return nil, err
	}
	if request, ok := body["request"].(map[string]any); ok {
		delete(request, "po_number")
	}
	return json.Marshal(body)
}

// apiKey makes an API key in the local stack's table.
func apiKey(ctx context.Context, env map[string]string) (string, error) {
	endpoint := env["AWS_ENDPOINT_URL"]
	table := dynamo.New(dynamodb.New(dynamodb.Options{
		Region:       "us-east-1",
		BaseEndpoint: &endpoint,
		Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
		HTTPClient:   client,
	}), env["TABLE_NAME"], time.Now)
	return apikey.Issue(ctx, table, rand.Reader, time.Now(), tenant, "sam", apikey.Scopes())
}

// caller sends requests to the API at base, with the API key if it is not empty.
type caller struct{ base, key string }

// call sends a request and reads the answer into v, unless v is nil. It returns an error if the
// answer has another status than status; 0 stands for any success.
func (c caller) call(
	ctx context.Context, method, path string, header http.Header, body []byte, status int, v any,
) error {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	req.Header.Set("Content-Type", "application/json")
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return err
	}
	if res.StatusCode != status && (status != 0 || res.StatusCode/100 != 2) {
		return fmt.Errorf("%s %s: %s, want %d: %s", method, path, res.Status, status, text)
	}
	if v == nil {
		return nil
	}
	return json.Unmarshal(text, v)
}
