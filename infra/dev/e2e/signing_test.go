package e2e

import (
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/google/uuid"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
)

// A seller on npm's SDK fetches our key set from the deployed stack and accepts only requests that
// are signed with it: once because the tool requires a signature, once because the request carries
// a webhook credential (contract B47).
func TestSignedRequests(t *testing.T) {
	for name, tc := range map[string]struct {
		requiredFor string
		mode        operation.WebhookMode
		behavior    map[string]any
		by          operation.Channel
	}{
		"required for the tool": {"create_media_buy", operation.WebhookNone,
			map[string]any{"outcome": "sync"}, operation.ByAnswer},
		"required for the credential": {"update_media_buy", operation.WebhookHMAC,
			map[string]any{"delay_ms": 500}, operation.ByWebhook},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base, token := startSigningSeller(t, tc.requiredFor)
			h := newHarness(t, 600)
			h.replaceSeller(t, base+"/mcp", token, tc.mode)
			checkUnsignedIsRefused(t, base+"/mcp", token)
			request := newBuy(tc.behavior)
			op, _, err := h.Submit(t.Context(), uuid.NewString(), "seller", "create_media_buy", request)
			if err != nil {
				t.Fatal(err)
			}
			op = h.waitSettledWithin(t, op.ID, time.Minute)
			checkEnded(t, op, operation.Completed, tc.by)
			if buys := buysInLedger(base+"/ledger")(t, request); len(buys) != 1 || op.Attempts.Calls != 1 {
				t.Errorf("%d buys after %d calls", len(buys), op.Attempts.Calls)
			}
			at := registry.EndpointOf(base+"/mcp", adcp.MCP)
			profile, err := h.store.Profile(t.Context(), h.tenant, "seller", at)
			if err != nil {
				t.Fatal(err)
			}
			sign, required := profile.Capabilities.Requests.Wants("create_media_buy", tc.mode.Shared())
			if !sign || !required {
				t.Errorf("the agent wants signed %+v", profile.Capabilities.Requests)
			}
		})
	}
}

// startSigningSeller starts a seller that requires signed requests for a task, and returns its
// address and token.
func startSigningSeller(t *testing.T, requiredFor string) (base, token string) {
	t.Helper()
	port := freePort(t)
	token = uuid.NewString()
	c := exec.CommandContext(t.Context(), env(t, "NODE"), "../../local/sellers/signed.mjs")
	c.Env = append(os.Environ(), "ADCP_LOCAL_NPM="+env(t, "NPM_PACKAGES"), "PORT="+port, "TOKEN="+token,
		"REQUIRED_FOR="+requiredFor, "JWKS_URL="+env(t, "API_URL")+"/.well-known/jwks.json")
	startSeller(t, c, port)
	return "http://127.0.0.1:" + port, token
}

// replaceSeller stores another address and mode for agent "seller". It does not use the API, which
// would check the agent: the test is about calls, not about registration.
func (h *harness) replaceSeller(t *testing.T, url, token string, mode operation.WebhookMode) {
	t.Helper()
	createSecret(t, h.secretName("signed"), token)
	a, err := h.store.Agent(t.Context(), h.tenant, "seller")
	if err != nil {
		t.Fatal(err)
	}
	a.URL, a.CredentialRef, a.WebhookMode, a.Version = url, h.secretName("signed"), mode, a.Version+1
	if err := h.store.PutAgent(t.Context(), a); err != nil {
		t.Fatal(err)
	}
}

const unsignedCall = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"create_media_buy",` +
	`"arguments":{"push_notification_config":{"url":"https://buyer.example/hook","authentication":` +
	`{"schemes":["HMAC-SHA256"],"credentials":"0123456789abcdef0123456789abcdef"}}}}}`

// checkUnsignedIsRefused sends what the orchestrator would send, without a signature.
func checkUnsignedIsRefused(t *testing.T, url, token string) {
	t.Helper()
	resp, body, err := postMCP(t, url, token, unsignedCall)
	if err != nil {
		t.Fatal(err)
	}
	challenge := resp.Header.Get("WWW-Authenticate")
	if resp.StatusCode != http.StatusUnauthorized || challenge != `Signature error="request_signature_required"` {
		t.Errorf("an unsigned call is answered with %s, %s, %.200s", resp.Status, challenge, body)
	}
}

// Agents fetch our brand.json and our key set without a key. The routes can't be written to.
func TestSignedRequestsIdentityIsPublic(t *testing.T) {
	t.Parallel()
	base := env(t, "API_URL")
	var brand struct {
		Agents []struct {
			Type, URL, ID string
			JWKS          string `json:"jwks_uri"`
		}
	}
	getJSON(t, base+"/.well-known/brand.json", nil, &brand)
	if len(brand.Agents) != 1 || brand.Agents[0].Type != "buying" || brand.Agents[0].URL != base {
		t.Fatalf("brand.json is %+v", brand)
	}
	var set struct{ Keys []map[string]any }
	getJSON(t, brand.Agents[0].JWKS, nil, &set)
	if len(set.Keys) != 1 {
		t.Fatalf("the key set is %+v", set)
	}
	key := set.Keys[0]
	if key["alg"] != "ES256" || key["adcp_use"] != "request-signing" || key["d"] != nil {
		t.Errorf("the key set is %+v", set)
	}
	stranger := newClient(t, base, "")
	resp, body, err := stranger.Do(t.Context(), http.MethodPut, "/.well-known/jwks.json", nil, "{}")
	if err != nil {
		t.Fatal(err)
	}
	checkProblem(t, "PUT", resp, body, http.StatusNotFound, gatewayProblem("no_such_route"))
}
