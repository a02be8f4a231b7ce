package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"adcp-orchestrator/pkg/operation"
)

// sdkServers start the sellers on MCP's official SDKs, which fail after they have bought.
var sdkServers = map[string]func(t *testing.T) realSeller{
	"typescript": func(t *testing.T) realSeller {
		t.Helper()
		c := exec.CommandContext(t.Context(), env(t, "NODE"), "../../local/sellers/mcpsdk.mjs")
		c.Env = append(os.Environ(), "ADCP_LOCAL_NPM="+env(t, "NPM_PACKAGES"))
		return startSDKServer(t, "npm @modelcontextprotocol/sdk 1.32.2", c)
	},
	"python": func(t *testing.T) realSeller {
		t.Helper()
		c := exec.CommandContext(t.Context(), env(t, "SENDERS_PYTHON"), "../../local/sellers/mcpsdk.py")
		c.Env = os.Environ()
		return startSDKServer(t, "PyPI mcp 2.3.0", c)
	},
}

func startSDKServer(t *testing.T, name string, c *exec.Cmd) realSeller {
	t.Helper()
	port, token := freePort(t), uuid.NewString()
	c.Env = append(c.Env, "PORT="+port, "TOKEN="+token)
	startSeller(t, c, port)
	base := "http://127.0.0.1:" + port
	return realSeller{
		name:   name,
		token:  token,
		urls:   map[string]string{"mcp": base + "/mcp"},
		cells:  failingCells(),
		bought: buysInLedger(base + "/ledger"),
	}
}

// sdkFailure is a way to fail after the purchase, by ext.adcp_demo, and what a client gets to see
// of it: a part of the answer, or what callTool says in place of one.
type sdkFailure struct {
	path   string
	fail   string
	code   int               // of fail "rpc" and "http"
	body   bool              // of fail "http"
	answer map[string]string // by SDK: what the answer contains
}

func both(answer string) map[string]string {
	return map[string]string{"typescript": answer, "python": answer}
}

// The SDKs' low-level servers pass on whatever a tool throws. Both of them answer a result that
// breaks their schema with the code for invalid parameters, though the tool has run.
var sdkFailures = []sdkFailure{
	{path: "/lowlevel", fail: "broken_result", answer: both(`"code":-32602`)},
	{path: "/lowlevel", fail: "rpc", code: -32600, answer: both(`"code":-32600`)},
	{path: "/lowlevel", fail: "rpc", code: -32601, answer: both(`"code":-32601`)},
	{path: "/lowlevel", fail: "exception", answer: map[string]string{
		"typescript": `"code":-32603`,
		"python":     `"code":0`,
	}},
	{path: "", fail: "exception", answer: both(`"isError":true`)},
	{path: "", fail: "unavailable", answer: both(`SERVICE_UNAVAILABLE`)},
	{path: "", fail: "internal", answer: both(`INTERNAL_ERROR`)},
}

// gatewayFailures are those of a gateway before the SDK, which has answered.
func gatewayFailures() []sdkFailure {
	all := []sdkFailure{
		{path: "", fail: "close", answer: both("no answer: ")},
		{path: "/lowlevel", fail: "cut", answer: both("no answer: ")},
	}
	for _, code := range []int{500, 502, 503, 504} {
		status := both(fmt.Sprintf("HTTP %d ", code))
		all = append(all,
			sdkFailure{path: "", fail: "http", code: code, answer: status},
			sdkFailure{path: "/lowlevel", fail: "http", code: code, body: true, answer: status})
	}
	return all
}

func allFailures() []sdkFailure { return slices.Concat(sdkFailures, gatewayFailures()) }

func (f sdkFailure) String() string {
	s := f.fail
	if f.code != 0 {
		s = fmt.Sprint(s, " ", f.code)
	}
	if f.body {
		s += " with a page"
	}
	return s
}

// buy is a request that fails in this way after the purchase.
func (f sdkFailure) buy(always bool) map[string]any {
	return newBuy(map[string]any{"fail": f.fail, "code": f.code, "body": f.body, "always": always})
}

// failingCells are each failure, at an agent that replays the purchase for its key and at agents
// that would buy again. Where the purchase can be seen, it is the operation's result. Elsewhere the
// operation stays open, and a person is asked to look (contract B41, C19).
func failingCells() (cells []matrixCell) {
	completed, open := []operation.State{operation.Completed}, []operation.State{operation.CallingAdCP}
	for _, f := range allFailures() {
		for _, tc := range []struct {
			path, when string
			states     []operation.State
		}{
			{"", "at first", completed},
			{"", "always", append(open, completed...)},
			{"/plain", "always", completed},
			{"/plain/unlisted", "always", open},
		} {
			cells = append(cells, matrixCell{
				transport: "mcp",
				path:      f.path + tc.path,
				mode:      operation.WebhookNone,
				outcome:   fmt.Sprint(f, " ", tc.when),
				request:   f.buy(tc.when == "always"),
				states:    tc.states,
				buys:      1,
				attention: []operation.Reason{
					operation.OutcomeUnclear, operation.AgentAnswersError, operation.AgentUnreached,
				},
			})
		}
	}
	return cells
}

// An answer that says that a call failed proves nothing about the purchase that the call was for,
// whatever its code.
func TestPurchaseIsMadeOnceBySDKServersThatFailAfterBuying(t *testing.T) {
	var m matrix
	t.Cleanup(func() { t.Log("\n" + m.String()) })
	for name, start := range sdkServers {
		t.Run(name, func(t *testing.T) {
			h, s := newHarness(t, 600), start(t)
			ids := make([]string, len(s.cells))
			for i, c := range s.cells { // all are under way before the first is waited for
				ids[i] = s.submit(t, h, fmt.Sprint("seller-", i), c)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			for i, c := range s.cells {
				t.Run(c.String(), func(t *testing.T) { m.add(s.follow(ctx, t, h, c, ids[i])) })
			}
		})
	}
}

// The servers do what the test above is about: each buys, fails once, and then replays the purchase
// or buys again. Purchases show only to those who ask for their status. No stack is needed.
func TestSDKServersBuyBeforeTheyFail(t *testing.T) {
	for name, start := range sdkServers {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			call := func(path, tool string, arguments map[string]any) string {
				t.Helper()
				return callTool(t, s.urls["mcp"]+path, s.token, tool, arguments)
			}
			for _, f := range allFailures() {
				for path, buys := range map[string]int{f.path: 1, f.path + "/plain": 2} {
					request := f.buy(false)
					request["idempotency_key"] = uuid.NewString()
					failed, repeated := call(path, "create_media_buy", request), call(path, "create_media_buy", request)
					if !strings.Contains(failed, f.answer[name]) || !strings.Contains(repeated, `"media_buy_id":`) {
						t.Errorf("%s at %q: answered %s, and then %s", f, path, failed, repeated)
					}
					if ids := s.bought(t, request); len(ids) != buys {
						t.Errorf("%s at %q: sold %v, want %d", f, path, ids, buys)
					}
				}
			}
			const pending = `"status":"pending_start"`
			if got := call("", "get_media_buys", map[string]any{}); strings.Contains(got, pending) {
				t.Errorf("pending buys are shown unasked: %s", got)
			}
			ask := map[string]any{"status_filter": []string{"pending_start"}}
			if got := call("/plain", "get_media_buys", ask); !strings.Contains(got, pending) {
				t.Errorf("pending buys are not shown: %s", got)
			}
			if got := call("/lowlevel/unlisted", "get_media_buys", ask); strings.Contains(got, pending) {
				t.Errorf("the agent without get_media_buys shows buys: %s", got)
			}
		})
	}
}

// callTool calls a tool without a session, and returns the text of the whole answer. In place of
// one it returns the HTTP status with the body, or why there is no answer.
func callTool(t *testing.T, url, token, tool string, arguments map[string]any) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": "tools/call",
		"params": map[string]any{"name": tool, "arguments": arguments}})
	if err != nil {
		t.Fatal(err)
	}
	resp, answer, err := postMCP(t, url, token, string(body))
	switch {
	case err != nil:
		return "no answer: " + err.Error()
	case resp.StatusCode != http.StatusOK:
		return "HTTP " + resp.Status + " " + answer
	}
	return answer
}

// postMCP sends a message to an MCP server and returns the response, already read and closed, with
// its body. It returns an error if there is no whole answer.
func postMCP(t *testing.T, url, token, body string) (*http.Response, string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp, string(answer), err
}
