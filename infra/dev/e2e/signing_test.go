package e2e

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"adcp-orchestrator/infra/local/client"
	"adcp-orchestrator/pkg/operation"
)

// A seller that somebody else wrote fetches our key set from the deployed stack and lets nobody buy whose request is not signed by it: once because the tool
// has to be signed, and once because the order hands over a webhook's credential (contract B47).
func TestSignedRequests(t *testing.T) {
	for name, tc := range map[string]struct {
		required string
		mode     operation.WebhookMode
		order    map[string]any
		by       operation.Channel
	}{
		"required for the tool":   {"create_media_buy", operation.WebhookNone, map[string]any{"outcome": "sync"}, operation.ByAnswer},
		"required for credential": {"update_media_buy", operation.WebhookHMAC, map[string]any{"delay_ms": 500}, operation.ByWebhook},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			port, token := freePort(t), uuid.NewString()
			c := exec.CommandContext(t.Context(), env(t, "NODE"), "../../local/sellers/signed.mjs")
			c.Env = append(os.Environ(), "ADCP_LOCAL_NPM="+env(t, "NPM_PACKAGES"), "PORT="+port, "TOKEN="+token, "REQUIRED_FOR="+tc.required,
				"JWKS_URL="+env(t, "API_URL")+"/.well-known/jwks.json")
			startSeller(t, c, port)
			base := "http://127.0.0.1:" + port

			w := enter(t, 600)
			secret(t, "adcp/"+w.tenant+"/signed", token)
			// Past the API, which judges agents when they are registered: that is not what is tried here.
			a, err := w.store.Agent(t.Context(), w.tenant, "seller")
			if err != nil {
				t.Fatal(err)
			}
			a.URL, a.CredentialRef, a.WebhookMode, a.Version = base+"/mcp", "adcp/"+w.tenant+"/signed", tc.mode, a.Version+1
			if err := w.store.PutAgent(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			refusesUnsigned(t, base+"/mcp", token)
			order := client.Buy("PO-"+uuid.NewString(), tc.order)
			op, _, err := w.Submit(t.Context(), uuid.NewString(), "seller", "create_media_buy", order)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			op, err = w.Follow(ctx, op.ID, client.Settled, nil)
			if err != nil {
				t.Fatalf("%v\n%s", err, timeline(op))
			}
			ended(t, op, operation.Completed, tc.by)
			if buys := inLedger(base+"/ledger")(t, order); len(buys) != 1 || op.Attempts.Calls != 1 {
				t.Errorf("%d purchases after %d calls", len(buys), op.Attempts.Calls)
			}
			profile, err := w.store.Profile(t.Context(), w.tenant, "seller")
			if err != nil {
				t.Fatal(err)
			}
			if sign, must := profile.Capabilities.Requests.Wants("create_media_buy", tc.mode.Shared()); !sign || !must {
				t.Errorf("the agent wants signed %+v", profile.Capabilities.Requests)
			}
		})
	}
}

// refusesUnsigned sends what the orchestrator would send without a signature.
func refusesUnsigned(t *testing.T, url, token string) {
	t.Helper()
	const call = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"create_media_buy","arguments":{"push_notification_config":{` +
		`"url":"https://buyer.example/hook","authentication":{"schemes":["HMAC-SHA256"],"credentials":"0123456789abcdef0123456789abcdef"}}}}}`
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(call))
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]string{"Content-Type": "application/json", "Accept": "application/json, text/event-stream", "Authorization": "Bearer " + token} {
		r.Header.Set(name, v)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if challenge := resp.Header.Get("WWW-Authenticate"); resp.StatusCode != http.StatusUnauthorized || challenge != `Signature error="request_signature_required"` {
		t.Errorf("an unsigned purchase is answered %s, %s, %.200s", resp.Status, challenge, body)
	}
}

// Who we are is told to everybody, without a key, and may be kept for a while.
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
	if len(set.Keys) != 1 || set.Keys[0]["alg"] != "ES256" || set.Keys[0]["adcp_use"] != "request-signing" || set.Keys[0]["d"] != nil {
		t.Errorf("the key set is %+v", set)
	}
	resp, _, err := client.New(base, "").Do(t.Context(), http.MethodPut, "/.well-known/jwks.json", nil, "{}")
	if err != nil || resp.StatusCode/100 == 2 {
		t.Errorf("PUT: %v, %v", resp, err)
	}
}
