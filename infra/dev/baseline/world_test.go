package baseline

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"adcp-orchestrator/infra/local/stack"
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store/dynamo"
	"adcp-orchestrator/pkg/store/layout"
)

var ctx = context.Background() // of what outlives a test

// world is a table of its own with a tenant, one agent, and the functions of both builds.
type world struct {
	today, release build
	tenant, table  string
	api            *dynamodb.Client
	store          *dynamo.Store // today's, to look at what is stored
	seller         *seller
	services       *services
	env            []string
	running        map[string]*function
}

var worlds atomic.Int64

func newWorld(t *testing.T) *world {
	t.Helper()
	where := config.AWS("DYNAMODB")
	if where.BaseEndpoint == nil {
		t.Skip("AWS_ENDPOINT_URL names no DynamoDB emulator: make test starts one")
	}
	w := &world{tenant: "acme", api: dynamodb.NewFromConfig(where), seller: startSeller(t), services: &services{},
		running: map[string]*function{}}
	w.today, w.release = builds(t)
	w.createTable(t)
	w.store = dynamo.New(w.api, w.table, time.Now)
	fake := httptest.NewServer(w.services)
	t.Cleanup(fake.Close)
	w.env = []string{
		"TABLE_NAME=" + w.table, "WEBHOOK_SECRET_ID=root", "EVENT_BUS_NAME=bus",
		"DELIVERY_QUEUE_URL=http://127.0.0.1:9/queue", "KEEP_ENDED_DAYS=0",
		"TENANT_LIMITS=requests=200/400,submissions=100/200,deliveries=100/200,agents=1000,openOperations=100000",
		"PUBLIC_BASE_URL=" + baseURL,
		"STATE_MACHINE_ARN=arn:aws:states:us-east-1:000000000000:stateMachine:m", "ALLOW_LOOPBACK=1",
		"AWS_REGION=" + where.Region, "AWS_ACCESS_KEY_ID=" + os.Getenv("AWS_ACCESS_KEY_ID"),
		"AWS_SECRET_ACCESS_KEY=" + os.Getenv("AWS_SECRET_ACCESS_KEY"),
		"AWS_ENDPOINT_URL=" + fake.URL, "AWS_ENDPOINT_URL_DYNAMODB=" + *where.BaseEndpoint,
	}
	now := time.Now().UTC()
	must(t, w.store.PutAgent(ctx, registry.Agent{Tenant: w.tenant, ID: "seller", URL: w.seller.url, Transport: adcp.MCP,
		WebhookMode: operation.WebhookHMAC, Version: 1, CreatedAt: now, UpdatedAt: now}))
	return w
}

const baseURL = "https://buyer.example"

// createTable makes a table as infra/table.go defines it.
func (w *world) createTable(t *testing.T) {
	t.Helper()
	w.table = fmt.Sprintf("baseline-%d-%d", time.Now().UnixNano(), worlds.Add(1))
	var attributes []types.AttributeDefinition
	names := []string{"pk", "sk"}
	var indexes []types.GlobalSecondaryIndex
	key := func(hash, sort string) []types.KeySchemaElement {
		return []types.KeySchemaElement{
			{AttributeName: &hash, KeyType: types.KeyTypeHash}, {AttributeName: &sort, KeyType: types.KeyTypeRange},
		}
	}
	for _, i := range layout.Indexes {
		names = append(names, i.PK, i.SK)
		indexes = append(indexes, types.GlobalSecondaryIndex{IndexName: &i.Name, KeySchema: key(i.PK, i.SK),
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly}})
	}
	for _, name := range names {
		attributes = append(attributes,
			types.AttributeDefinition{AttributeName: &name, AttributeType: types.ScalarAttributeTypeS})
	}
	_, err := w.api.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: &w.table, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: attributes, KeySchema: key("pk", "sk"), GlobalSecondaryIndexes: indexes,
	})
	must(t, err)
	t.Cleanup(func() { _, _ = w.api.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &w.table}) })
}

// invoke runs a function of a build.
func (w *world) invoke(t *testing.T, b build, name string, payload any) (json.RawMessage, error) {
	t.Helper()
	body, err := json.Marshal(payload)
	must(t, err)
	f := w.running[b.name+"/"+name]
	if f == nil {
		f = start(t, b, name, w.env)
		w.running[b.name+"/"+name] = f
	}
	return f.invoke(body)
}

// follow runs a function of the workflow, and checks what comes next.
func (w *world) follow(t *testing.T, b build, name, id, next string) {
	t.Helper()
	out, err := w.invoke(t, b, name, operation.Ref{Tenant: w.tenant, OperationID: id})
	var decision struct{ Next string }
	if err != nil || json.Unmarshal(out, &decision) != nil || decision.Next != next {
		t.Fatalf("%s of %s answered %s, %v, want next %q", name, b.name, out, err, next)
	}
}

// httpAnswer is what a function answers to API Gateway.
type httpAnswer struct {
	StatusCode int
	Body       string
}

// serve runs a function of the API with one of the payloads of events/, changed.
func (w *world) serve(t *testing.T, b build, name string, change func(event map[string]any)) httpAnswer {
	t.Helper()
	l, err := stack.FindLayout()
	must(t, err)
	raw, err := os.ReadFile(filepath.Join(l.Root, "events", name+".json"))
	must(t, err)
	var event map[string]any
	must(t, json.Unmarshal(raw, &event))
	change(event)
	out, err := w.invoke(t, b, name, event)
	must(t, err)
	var a httpAnswer
	must(t, json.Unmarshal(out, &a))
	return a
}

// setHeaders replaces headers of an event.
func setHeaders(event map[string]any, headers map[string]string) {
	for name, value := range headers {
		event["headers"].(map[string]any)[name] = value
		event["multiValueHeaders"].(map[string]any)[name] = []string{value}
	}
}

// submit stores a purchase by a build's API, and returns its id.
func (w *world) submit(t *testing.T, b build) string {
	t.Helper()
	key := fmt.Sprintf("key-of-a-submission-%d", worlds.Add(1))
	a := w.serve(t, b, "submit", func(event map[string]any) {
		setHeaders(event, map[string]string{"Idempotency-Key": key})
		var body map[string]any
		must(t, json.Unmarshal([]byte(event["body"].(string)), &body))
		body["request"].(map[string]any)["po_number"] = key
		event["body"] = text(t, body)
	})
	var op struct{ ID string }
	if err := json.Unmarshal([]byte(a.Body), &op); err != nil || op.ID == "" || a.StatusCode != 202 {
		t.Fatalf("submit of %s answered %+v", b.name, a)
	}
	return op.ID
}

// load reads an operation with today's code.
func (w *world) load(t *testing.T, id string) operation.Record {
	t.Helper()
	r, err := w.store.Load(ctx, w.tenant, id)
	must(t, err)
	return r
}

func text(t *testing.T, v any) string {
	t.Helper()
	body, err := json.Marshal(v)
	must(t, err)
	return string(body)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
