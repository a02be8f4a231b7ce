package main

import (
	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store/dynamo"
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
)

// tenant is the local stack's: the demo seller's credential is stored for it.
const tenant = "demo"

// startTime is how long an operation may take from its submission to the call of the agent.
const startTime = time.Minute

// submitOne registers the demo seller and submits the order of events/submit.json, all through the containers. It is content when the local
// stack's state machine has taken the operation up.
func (s session) submitOne(ctx context.Context, base string, env map[string]string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	key, err := apiKey(ctx, env)
	if err != nil {
		return err
	}
	api := caller{base: base, key: key}

	if err := (caller{base: base}).call(ctx, http.MethodGet, "/v1/agents/seller", nil, nil, http.StatusUnauthorized, nil); err != nil {
		return fmt.Errorf("without an API key: %w", err)
	}
	agent, err := json.Marshal(map[string]string{"url": env["SELLER_URL"], "credential_ref": env["CREDENTIAL_REF"]})
	if err != nil {
		return err
	}
	if err := api.call(ctx, http.MethodPut, "/v1/agents/seller", nil, agent, 0, nil); err != nil {
		return err
	}
	order, err := s.order()
	if err != nil {
		return err
	}
	var op struct {
		ID    string
		State operation.State
	}
	header := http.Header{"Idempotency-Key": {uuid.NewString()}}
	if err := api.call(ctx, http.MethodPost, "/v1/operations", header, order, http.StatusAccepted, &op); err != nil {
		return err
	}
	s.printf("submitted %s", op.ID)
	ctx, cancel = context.WithTimeout(ctx, startTime)
	defer cancel()
	for op.State == operation.Requested {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is still %s after %s: is the local stack's state machine running?", op.ID, op.State, startTime)
		case <-time.After(200 * time.Millisecond):
		}
		if err := api.call(ctx, http.MethodGet, "/v1/operations/"+op.ID, nil, nil, http.StatusOK, &op); err != nil {
			return err
		}
	}
	s.printf("%s is %s", op.ID, op.State)
	return nil
}

// order is the body of events/submit.json without its purchase order number, which the order of an earlier run has.
func (s session) order() ([]byte, error) {
	source, err := os.ReadFile(filepath.Join(s.layout.Root, "events", "submit.json"))
	if err != nil {
		return nil, err
	}
	var e events.APIGatewayProxyRequest
	if err := json.Unmarshal(source, &e); err != nil {
		return nil, err
	}
	var order map[string]any
	if err := json.Unmarshal([]byte(e.Body), &order); err != nil {
		return nil, err
	}
	if request, ok := order["request"].(map[string]any); ok {
		delete(request, "po_number")
	}
	return json.Marshal(order)
}

// apiKey makes a key in the local stack's table.
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

type caller struct{ base, key string }

// call makes a request, wants the status (0: any success) and reads the answer into v.
func (c caller) call(ctx context.Context, method, path string, header http.Header, body []byte, status int, v any) error {
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
