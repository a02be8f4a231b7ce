package baseline

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// rootSecret is what webhook credentials are derived from. It protects nothing.
const rootSecret = "0123456789abcdefghijklmnopqrstuv"

// services stands for the services of AWS that functions call, other than DynamoDB.
type services struct {
	mu    sync.Mutex
	calls []string // the names of the actions, in order
	ended []string // the operations whose end was published, in order
}

// ends are the types of events that tell an end: those of today, and that of the release before.
var ends = []string{"operation.completed.v1", "operation.failed.v1", "operation.rejected.v1", "operation.canceled.v1",
	"AdCP operation ended"}

// publish notes the ends among published events, and answers for each of them.
func (s *services) publish(body io.Reader) string {
	var put struct {
		Entries []struct{ DetailType, Detail string }
	}
	_ = json.NewDecoder(body).Decode(&put)
	var answers []string
	for _, e := range put.Entries {
		answers = append(answers, `{"EventId":"e"}`)
		if slices.Contains(ends, e.DetailType) {
			s.ended = append(s.ended, e.Detail)
		}
	}
	return `{"FailedEntryCount":0,"Entries":[` + strings.Join(answers, ",") + `]}`
}

// published returns how many ends were published.
func (s *services) published() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.ended)
}

func (s *services) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	s.mu.Lock()
	s.calls = append(s.calls, action)
	events := ""
	if action == "PutEvents" {
		events = s.publish(r.Body)
	}
	s.mu.Unlock()
	w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
	answer, ok := map[string]string{
		"GetSecretValue":  `{"SecretString":"{\"current\":\"` + rootSecret + `\"}"}`,
		"PutEvents":       events,
		"StartExecution":  `{"executionArn":"arn:aws:states:us-east-1:000000000000:execution:m:e","startDate":1}`,
		"SendTaskSuccess": `{}`,
	}[action]
	if !ok { // no execution exists, so that the reconciler starts those that are due
		w.WriteHeader(http.StatusBadRequest)
		answer = `{"__type":"ExecutionDoesNotExist"}`
	}
	_, _ = io.WriteString(w, answer)
}

// count returns how often an action was called.
func (s *services) count(action string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.calls {
		if c == action {
			n++
		}
	}
	return n
}

// seller is a sales agent that accepts each buy, and whose tasks have the status that a test gives
// them.
type seller struct {
	url    string
	mu     sync.Mutex
	buys   []json.RawMessage // the arguments
	status string            // what a poll answers
}

func startSeller(t *testing.T) *seller {
	t.Helper()
	s := &seller{}
	server := mcp.NewServer(&mcp.Implementation{Name: "seller"}, nil)
	for name, answer := range map[string]func(json.RawMessage) string{
		"get_adcp_capabilities": func(json.RawMessage) string {
			return `{"status":"completed","adcp":{"major_versions":[3],"supported_versions":["3.1"],` +
				`"idempotency":{"supported":true,"replay_ttl_seconds":86400}},"supported_protocols":["media_buy"]}`
		},
		"create_media_buy": s.buy,
		"get_task_status":  s.task,
	} {
		server.AddTool(&mcp.Tool{Name: name, InputSchema: json.RawMessage(`{"type":"object"}`)},
			func(_ context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
				return &mcp.CallToolResult{StructuredContent: json.RawMessage(answer(r.Params.Arguments))}, nil
			})
	}
	web := httptest.NewServer(mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server },
		&mcp.StreamableHTTPOptions{Stateless: true, JSONResponse: true}))
	t.Cleanup(web.Close)
	s.url = web.URL
	return s
}

func (s *seller) buy(arguments json.RawMessage) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buys = append(s.buys, arguments)
	return fmt.Sprintf(`{"status":"submitted","task_id":"task_%d"}`, len(s.buys))
}

func (s *seller) task(arguments json.RawMessage) string {
	var in struct {
		TaskID string `json:"task_id"`
	}
	_ = json.Unmarshal(arguments, &in)
	s.mu.Lock()
	defer s.mu.Unlock()
	more := ""
	switch s.status {
	case "completed":
		more = `,"result":` + boughtResult
	case "failed":
		more = `,"error":{"code":"PRODUCT_UNAVAILABLE","message":"sold out","recovery":"correctable"}`
	}
	return fmt.Sprintf(`{"task_id":%q,"task_type":"create_media_buy","status":%q%s}`, in.TaskID, s.status, more)
}

// boughtResult is the result of a task that made a buy.
const boughtResult = `{"media_buy_id":"mb_1","media_buy_status":"pending_creatives",` +
	`"confirmed_at":"2026-11-23T12:00:00Z","revision":1,"packages":[]}`

// becomes gives the seller's tasks a status.
func (s *seller) becomes(status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
}

// received returns the arguments of all buys.
func (s *seller) received() []json.RawMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]json.RawMessage(nil), s.buys...)
}
