package orchestrator_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store/memory"
)

// contract F1 to F4: the member authentication selects a legacy mode, so the default mode must
// leave it out.
func TestSubmitConfiguresTheWebhookOfTheMode(t *testing.T) {
	t.Parallel()
	for mode, scheme := range map[operation.WebhookMode]string{
		operation.WebhookRFC9421: "",
		operation.WebhookHMAC:    "HMAC-SHA256",
		operation.WebhookBearer:  "Bearer",
	} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			clock := func() time.Time { return now }
			s := memory.New(clock)
			a := registry.Agent{
				Tenant:        "acme",
				ID:            "seller",
				URL:           "https://s.example/mcp",
				BrandURL:      "https://s.example/brand.json",
				Transport:     adcp.MCP,
				WebhookMode:   mode,
				WebhookFormat: adcp.FormatA2A,
				Version:       1,
			}
			if err := s.PutAgent(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			r, err := orchestrator.ParseSubmitRequest([]byte(buySubmission))
			if err != nil {
				t.Fatal(err)
			}
			const baseURL = "https://api.example/live"
			submit := orchestrator.Submit{Store: s, Workflow: notStarted{}, Deps: orchestrator.Deps{Now: clock},
				BaseURL: baseURL}
			op, _, err := submit.Run(t.Context(), "acme", "key", r)
			if err != nil {
				t.Fatal(err)
			}
			request, err := s.Request(t.Context(), "acme", op.ID)
			if err != nil {
				t.Fatal(err)
			}
			var sent struct {
				Push struct {
					URL            string `json:"url"`
					Authentication *struct {
						Schemes     []string `json:"schemes"`
						Credentials string   `json:"credentials"`
					} `json:"authentication"`
				} `json:"push_notification_config"`
			}
			if err := json.Unmarshal(request, &sent); err != nil {
				t.Fatal(err)
			}
			switch auth := sent.Push.Authentication; {
			case scheme == "" && auth != nil:
				t.Errorf("authentication is %+v", auth)
			case scheme != "" && (auth == nil || len(auth.Schemes) != 1 || auth.Schemes[0] != scheme ||
				len(auth.Credentials) < 32):
				t.Errorf("authentication is %+v, want %s", auth, scheme)
			}
			token, ok := inbox.ParseCallbackToken(sent.Push.URL[strings.LastIndex(sent.Push.URL, "/")+1:])
			if !ok || !token.Matches(op) || token.URL(baseURL) != sent.Push.URL ||
				token.Sender != inbox.SenderID(op.Target) {
				t.Errorf("the URL is %s", sent.Push.URL)
			}
			if op.Webhook.Mode != mode || op.Webhook.Format != adcp.FormatA2A || op.Target.BrandURL != a.BrandURL {
				t.Errorf("stored %+v with %+v", op.Webhook, op.Target)
			}
			other := op
			other.Target.URL = "https://other.example/mcp"
			if token.Matches(other) {
				t.Error("the callback token matches another sender's operation")
			}
		})
	}
}
