package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store/memory"
)

// opPage is a page of operations as clients read it.
type opPage struct {
	Items      []httpapi.Operation
	Self, Next string
}

func (p opPage) ids() (ids []string) {
	for _, op := range p.Items {
		ids = append(ids, op.ID[len(op.ID)-2:])
	}
	return ids
}

// opID is the id of operation n of a test.
func opID(n int) string {
	return "op_" + strings.Repeat("a", 23) + string([]rune{rune('a' + n/676), rune('a' + n/26%26), rune('a' + n%26)})
}

// listed returns the routes of lists over a store with n operations, one a minute.
func listed(t *testing.T, n int, change func(n int, op *operation.Operation)) (*memory.Store, httpapi.Function) {
	t.Helper()
	s := memory.New(clock)
	for i := range n {
		op := operation.Operation{Tenant: "acme", ID: opID(i), Type: adcp.CreateMediaBuy, AgentID: "seller",
			State: operation.Working, Version: 1, Webhook: operation.WebhookConfig{Mode: operation.WebhookHMAC},
			CreatedAt: now.Add(time.Duration(i) * time.Minute)}
		if change != nil {
			change(i, &op)
		}
		c := orchestrator.NewOperation{Op: op, Request: []byte(`{}`), KeyHash: op.ID,
			Event: operation.Event{Seq: 1, At: op.CreatedAt, Kind: operation.EventCreated, Channel: operation.ByAPI,
				From: operation.Requested, To: operation.Requested}}
		if err := s.Create(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	return s, api.Route(map[string]httpapi.Function{
		"GET /v1/operations":        api.Serve(apikey.ScopeOperationsRead, api.ListOperations(s)),
		"GET /v1/operations/counts": api.Serve(apikey.ScopeOperationsRead, api.CountOperations(s)),
	})
}

// get is a request of a list by its address.
func get(t *testing.T, address string) events.APIGatewayProxyRequest {
	t.Helper()
	u, err := url.Parse(strings.TrimPrefix(address, baseURL))
	if err != nil {
		t.Fatal(err)
	}
	return as(events.APIGatewayProxyRequest{HTTPMethod: "GET", Resource: u.Path, Path: u.Path,
		MultiValueQueryStringParameters: u.Query()}, "acme")
}

func TestOperationsAreListedByPages(t *testing.T) {
	t.Parallel()
	_, f := listed(t, 5, nil)
	for query, wanted := range map[string]string{
		"?limit=2":                 "[ae ad] [ac ab] [aa]",
		"?limit=2&sort=created_at": "[aa ab] [ac ad] [ae]",
		"?limit=4&state=open":      "[ae ad ac ab] [aa]",
		"":                         "[ae ad ac ab aa]",
		"?state=ended":             "[]",
		"?q=" + opID(3):            "[ad]",
		"?needs_attention=true":    "[]",
		"?agent_id=seller&limit=3": "[ae ad ac] [ab aa]",
		"?created_after=" + "2026-11-23T12:02:00Z&created_before=2026-11-23T12:04:00.000Z": "[ad]",
	} {
		var got []string
		for address := baseURL + "/v1/operations" + query; address != ""; {
			p := decode[opPage](t, call(t, f, get(t, address)), http.StatusOK)
			self, err := url.QueryUnescape(p.Self)
			if asked, _ := url.QueryUnescape(address); err != nil || len(self) != len(asked) {
				t.Errorf("self is %s of %s", p.Self, address)
			}
			got, address = append(got, fmt.Sprint(p.ids())), p.Next
			if len(got) == 1 && p.Next != "" {
				foreign := call(t, f, as(get(t, p.Next), "other"))
				if there := decode[opPage](t, foreign, http.StatusOK); len(there.Items) > 0 || there.Next != "" {
					t.Errorf("another tenant reads %v", there)
				}
			}
		}
		if strings.Join(got, " ") != wanted {
			t.Errorf("%s: got %v, want %s", query, got, wanted)
		}
	}
}

// A list that is asked for what there is not must not show everything.
func TestListsRefuseWhatTheyDoNotKnow(t *testing.T) {
	t.Parallel()
	_, f := listed(t, 5, nil)
	first := decode[opPage](t, call(t, f, get(t, baseURL+"/v1/operations?state=open&limit=2")), http.StatusOK)
	next, err := url.Parse(first.Next)
	if err != nil {
		t.Fatal(err)
	}
	cursor := next.Query().Get("cursor")
	for query, wanted := range map[string]string{
		"sate=open": "unknown_parameter sate", "campaign_id=c": "unknown_parameter campaign_id",
		"state=open&b=1&a=1":           "unknown_parameter a b",
		"state=closed":                 "invalid_request state",
		"state=":                       "invalid_request state",
		"state=open&state=ended":       "invalid_request state",
		"needs_attention=false":        "invalid_request needs_attention",
		"needs_attention=no_reason":    "invalid_request needs_attention",
		"type=buy":                     "invalid_request type",
		"agent_id=a%20b":               "invalid_request agent_id",
		"limit=0":                      "invalid_request limit",
		"limit=201":                    "invalid_request limit",
		"sort=updated_at":              "invalid_request sort",
		"created_after=yesterday":      "invalid_request created_after",
		"updated_before=2026-11-23":    "invalid_request updated_before",
		"po_number=":                   "invalid_request po_number",
		"cursor=x":                     "invalid_cursor cursor",
		"cursor=":                      "invalid_cursor cursor",
		"cursor=e30":                   "invalid_cursor cursor",
		"state=ended&cursor=" + cursor: "cursor_mismatch cursor",
		"cursor=" + cursor:             "cursor_mismatch cursor",
		"state=open&sort=created_at&cursor=" + cursor: "cursor_mismatch cursor",
		"state=open&q=x&cursor=" + cursor:             "cursor_mismatch cursor",
	} {
		code, _, _ := strings.Cut(wanted, " ")
		p := wantProblem(t, call(t, f, get(t, baseURL+"/v1/operations?"+query)), http.StatusBadRequest, code)
		got := []string{p.Code}
		for _, e := range p.Errors {
			got = append(got, e.Field)
		}
		if strings.Join(got, " ") != wanted {
			t.Errorf("%s: got %v, want %s", query, got, wanted)
		}
	}
	again := baseURL + "/v1/operations?state=open&limit=200&cursor=" + cursor // another limit is no other list
	if p := decode[opPage](t, call(t, f, get(t, again)), http.StatusOK); len(p.Items) != 3 {
		t.Errorf("got %v", p.ids())
	}
	counts := call(t, f, get(t, baseURL+"/v1/operations/counts?state=open"))
	wantProblem(t, counts, http.StatusBadRequest, "unknown_parameter")
}

// Agents can make an operation large. A page of such ones is cut, and stays deliverable.
func TestPageOfLargeOperationsIsDelivered(t *testing.T) {
	t.Parallel()
	const n = 40
	_, f := listed(t, n, func(_ int, op *operation.Operation) {
		op.State = operation.InputRequired
		op.InputRequest = operation.InputRequest{Generation: 1, Prompt: json.RawMessage(
			`{"message":"` + strings.Repeat("<", 300_000/6) + `","x":"` + strings.Repeat(`\"`, 40_000) + `"}`)}
	})
	seen, pages := 0, 0
	for address := baseURL + "/v1/operations?limit=40"; address != "" && pages < n; pages++ {
		got := call(t, f, get(t, address))
		if size := len(lambdaEvent(t, got)); size > maxLambda {
			t.Fatalf("the answer has %d bytes", size)
		}
		p := decode[opPage](t, got, http.StatusOK)
		seen, address = seen+len(p.Items), p.Next
	}
	if seen != n || pages < 2 {
		t.Errorf("%d operations on %d pages", seen, pages)
	}
}

func TestOperationsAreCounted(t *testing.T) {
	t.Parallel()
	_, f := listed(t, 7, func(n int, op *operation.Operation) {
		if n < 2 {
			op.State = operation.Completed
		}
		if n == 3 {
			op.Attention = &operation.Attention{Reason: operation.GaveUp, Since: now}
		}
	})
	got := call(t, f, get(t, baseURL+"/v1/operations/counts"))
	for _, part := range []string{`"completed":{"count":2}`, `"working":{"count":5}`, `"failed":{"count":0}`,
		`"open":{"count":5}`, `"ended":{"count":2}`, `"needs_attention":{"count":1}`} {
		if got.StatusCode != http.StatusOK || !strings.Contains(got.Body, part) {
			t.Errorf("%s is not in %d %s", part, got.StatusCode, got.Body)
		}
	}
}
