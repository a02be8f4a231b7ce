package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"adcp-orchestrator/infra/local/client"
	"adcp-orchestrator/pkg/config"
	bus "adcp-orchestrator/pkg/eventbridge"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/operation"
)

// consumer is a queue that gets the notices of one tenant from the stack's bus.
type consumer struct {
	t        *testing.T
	endpoint string // of the queues' service
	queue    string
}

// newConsumer makes a queue and a rule for a tenant on the stack's bus.
func newConsumer(t *testing.T, tenant string) consumer {
	t.Helper()
	c := consumer{t: t, endpoint: env(t, "AWS_ENDPOINT_URL")}
	var made struct{ QueueURL string }
	var arn struct{ Attributes struct{ QueueArn string } }
	c.call("CreateQueue", map[string]any{"QueueName": tenant}, &made)
	c.queue = made.QueueURL
	c.call("GetQueueAttributes", map[string]any{"QueueUrl": c.queue, "AttributeNames": []string{"QueueArn"}}, &arn)
	api, name := eventbridge.NewFromConfig(config.AWS("EVENTBRIDGE")), env(t, "EVENT_BUS_NAME")
	pattern := fmt.Sprintf(`{"source":[%q],"detail":{"data":{"tenant":[%q]}}}`, bus.Source, tenant)
	rule := &eventbridge.PutRuleInput{Name: &tenant, EventBusName: &name, EventPattern: &pattern}
	_, err := api.PutRule(t.Context(), rule)
	if err == nil {
		_, err = api.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: &tenant, EventBusName: &name,
			Targets: []types.Target{{Id: aws.String("queue"), Arn: &arn.Attributes.QueueArn}}})
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// call calls the queues' service, which the module has no client of.
func (c consumer) call(action string, in, out any) {
	c.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		c.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.endpoint, bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", "AmazonSQS."+action)
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20261127/us-east-1/sqs/aws4_request, "+
		"SignedHeaders=host, Signature=0")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		c.t.Fatalf("%s: %s %v %s", action, resp.Status, err, answer)
	}
	if err := json.Unmarshal(answer, out); err != nil {
		c.t.Fatalf("%s: %v", action, err)
	}
}

// receive returns the notices that have come, in the order of arrival, each once, until done says
// that there are enough.
func (c consumer) receive(ctx context.Context, done func(notice.Envelope) bool) (all []notice.Envelope) {
	c.t.Helper()
	seen := map[string]bool{}
	for ctx.Err() == nil {
		var got struct {
			Messages []struct{ Body, ReceiptHandle string }
		}
		c.call("ReceiveMessage", map[string]any{"QueueUrl": c.queue, "WaitTimeSeconds": 2, "MaxNumberOfMessages": 10}, &got)
		for _, m := range got.Messages {
			var event struct {
				DetailType string          `json:"detail-type"`
				Detail     notice.Envelope `json:"detail"`
			}
			if err := json.Unmarshal([]byte(m.Body), &event); err != nil || event.DetailType != event.Detail.Type {
				c.t.Fatalf("%v: %s", err, m.Body)
			}
			c.call("DeleteMessage", map[string]any{"QueueUrl": c.queue, "ReceiptHandle": m.ReceiptHandle}, &struct{}{})
			if e := event.Detail; !seen[e.ID] {
				seen[e.ID] = true
				all = append(all, e)
			}
		}
		if slices.ContainsFunc(all, done) {
			return all
		}
	}
	return all
}

// events reads everything that GET /v1/events has.
func (h *harness) events(t *testing.T) (all []notice.Envelope) {
	t.Helper()
	address := "/v1/events?limit=2"
	for {
		var p struct {
			Items []notice.Envelope
			Next  string
		}
		if err := h.Read(t.Context(), address, &p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p.Items...)
		if p.Next == "" {
			return all
		}
		next, err := url.Parse(p.Next)
		if err != nil {
			t.Fatal(err)
		}
		address = "/v1/events?" + next.RawQuery
	}
}

// typesOf are the types of notices, without their version, in the order of their sequence.
func typesOf(notices []notice.Envelope) (kinds []string) {
	sorted := slices.SortedFunc(slices.Values(notices), func(a, b notice.Envelope) int {
		return strings.Compare(a.Sequence, b.Sequence)
	})
	for _, e := range sorted {
		kinds = append(kinds, strings.TrimSuffix(e.Type, ".v1"))
	}
	return kinds
}

// A consumer on the stack's bus gets each notice of a buy's life, once by its id; the API has the
// same ones, in the order of the operation; and the end's is the one that the operation names.
func TestABuysLifeIsTold(t *testing.T) {
	t.Parallel()
	agent := startInputAgent(t)
	h := newHarness(t, 120)
	createSecret(t, h.secretName("asking"), agent.token)
	err := h.PutAgent(t.Context(), "asking", map[string]any{"url": agent.url + "/", "transport": "a2a",
		"credential_ref": h.secretName("asking"), "webhook_mode": "none"})
	if err != nil {
		t.Fatal(err)
	}
	queue := newConsumer(t, h.tenant)
	op, _, err := h.Submit(t.Context(), "told", "asking", "create_media_buy", newBuy(nil))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	h.waitInputRequest(ctx, t, op.ID, 1)
	h.sendInput(t, op.ID, 1, "yes", true)
	op, err = h.Follow(ctx, op.ID, client.Published, nil)
	if err != nil || op.State != operation.Completed {
		t.Fatalf("%s, %v\n%s", op.State, err, timeline(op))
	}
	got := queue.receive(ctx, func(e notice.Envelope) bool { return e.ID == op.Ended.EventID })
	want := []string{"operation.input_required", "operation.input_answered", "operation.completed"}
	if kinds := typesOf(got); !slices.Equal(kinds, want) {
		t.Errorf("the bus had %v, want %v\n%s", kinds, want, timeline(op))
	}
	fed := h.events(t)
	var inOrder []string
	for _, e := range fed {
		inOrder = append(inOrder, strings.TrimSuffix(e.Type, ".v1"))
		if !slices.ContainsFunc(got, func(o notice.Envelope) bool { return o.ID == e.ID && o.Time.Equal(e.Time) }) {
			t.Errorf("the API has %s, which the bus had not", e.ID)
		}
	}
	if !slices.Equal(inOrder, want) || fed[0].Subject != op.ID || fed[0].Data.Text.Who != notice.Person {
		t.Errorf("the API has %v, %+v", inOrder, fed)
	}
}
