package httpapi_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/operation"
)

// lambdaEvent is what Lambda sends for a response: the aws-lambda-go runtime does not escape HTML.
func lambdaEvent(t *testing.T, r events.APIGatewayProxyResponse) []byte {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// maxLambda is Lambda's limit for a response, in bytes, less a margin.
const maxLambda = 5_501_000

// shownRecord submits a request, ends the operation with a result and events, and shows it.
func shownRecord(t *testing.T, ext, result string, timeline int) (httpapi.Operation, events.APIGatewayProxyResponse) {
	t.Helper()
	store, submit := newSubmit(t, operation.WebhookHMAC)
	e := request(t, "submit")
	e.Body = strings.Replace(e.Body, `"end_time"`, `"ext":`+ext+`,"end_time"`, 1)
	id := decode[httpapi.Operation](t, call(t, submit, e), 202).ID
	op, err := store.Get(t.Context(), "acme", id)
	if err != nil {
		t.Fatal(err)
	}
	op.State = operation.Completed
	op.Terminal = &operation.Terminal{Status: adcp.StatusCompleted, Channel: operation.ByPoll, At: now}
	var all []operation.Event
	for i := range timeline {
		all = append(all, operation.Event{Seq: int64(i + 2), At: now, Kind: operation.EventSeen,
			Channel: operation.ByPoll, From: operation.Submitted, To: operation.Submitted, Detail: strings.Repeat("x", 100)})
	}
	rest := json.RawMessage(result)
	for part := range slices.Chunk(all, 50) { // a transaction has a hundred items at most
		op.Version++
		if err := store.Commit(t.Context(), operation.Change{Op: op, Result: rest, Events: part}); err != nil {
			t.Fatal(err)
		}
		rest = nil
	}
	show := api.Serve(apikey.ScopeOperationsRead, api.ShowOperation(store, httpapi.Waits{}))
	get := events.APIGatewayProxyRequest{HTTPMethod: "GET", Resource: "/v1/operations/{id}",
		PathParameters: map[string]string{"id": id}}
	got := call(t, show, with(as(get, "acme"), "embed", "request,result,events"))
	if n := len(lambdaEvent(t, got)); n > maxLambda {
		t.Errorf("the answer has %d bytes", n)
	}
	if got.Headers["Content-Type"] != "application/json" || got.Headers["X-Content-Type-Options"] != "nosniff" {
		t.Errorf("headers %v", got.Headers)
	}
	return decode[httpapi.Operation](t, got, 200), got
}

// A seller must not be able to hide its own operation behind the size of its result.
func TestResultOfAnySizeLeavesTheOperationReadable(t *testing.T) {
	t.Parallel()
	const megabyte = 1 << 20
	for name, tc := range map[string]struct {
		ext, result    string
		events         int
		request, shown bool
	}{
		"3 MiB of HTML": {`{}`, `{"html":"` + strings.Repeat("<", 3*megabyte-50) + `"}`, 1, true, true},
		"3 MiB of HTML and 900 KB of request": {
			`{"x":"` + strings.Repeat("y", 900_000) + `"}`, `{"html":"` + strings.Repeat("<", 3*megabyte-50) + `"}`, 1,
			true, true,
		},
		"3 MiB of quotes":          {`{}`, `{"html":"` + strings.Repeat(`\"`, 3*megabyte/2-50) + `"}`, 1, true, false},
		"3 MiB of empty texts":     {`{}`, `{"a":[` + strings.Repeat(`"",`, megabyte-50) + `1]}`, 1, true, true},
		"3 MiB of line separators": {`{}`, `{"a":"` + strings.Repeat("\u2028", megabyte-50) + `"}`, 1, true, false},
		"a request of HTML":        {`{"x":"` + strings.Repeat("<", 1_000_000) + `"}`, `{"a":1}`, 1, false, true},
		"a long timeline":          {`{}`, `{"a":1}`, 40_000, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, got := shownRecord(t, tc.ext, tc.result, tc.events)
			sum := sha256.Sum256([]byte(tc.result))
			if shown := string(v.Result) == tc.result; shown != tc.shown || v.ResultLeftOut == tc.shown {
				t.Errorf("result shown: %v, left out: %v", shown, v.ResultLeftOut)
			}
			if v.ResultLeftOut && (v.ResultBytes != len(tc.result) || v.ResultSHA256 != hex.EncodeToString(sum[:])) {
				t.Errorf("described as %d, %s", v.ResultBytes, v.ResultSHA256)
			}
			if v.ResultLeftOut && !strings.Contains(got.Body, `"result_too_large_to_show":true`) {
				t.Errorf("not said in %.300s", got.Body)
			}
			if (v.Request != nil) != tc.request || v.RequestLeftOut == tc.request {
				t.Errorf("request of %d bytes, left out: %v", len(v.Request), v.RequestLeftOut)
			}
			last := v.Events[len(v.Events)-1]
			if last.Seq != int64(tc.events+1) || len(v.Events)+v.EventsLeftOut != tc.events+1 {
				t.Errorf("%d events up to %d, %d left out", len(v.Events), last.Seq, v.EventsLeftOut)
			}
		})
	}
}

// The agent's words are escaped for those who show them in HTML; its result is shown as it is.
func TestShownResultIsAsTheAgentSentIt(t *testing.T) {
	t.Parallel()
	const result = `{"html":"<a href=\"x\">&amp;</a>","price":1.50}`
	if _, got := shownRecord(t, `{}`, result, 1); !strings.Contains(got.Body, `"result":`+result) {
		t.Errorf("got %s", got.Body)
	}
	if v, got := shownRecord(t, `{}`, `{}`, 0); v.ResultLeftOut || strings.Contains(got.Body, "too_large") {
		t.Errorf("got %s", got.Body)
	}
}
