package orchestrator_test

import (
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store/memory"
	"context"
	"encoding/json"
	"strings"
	"testing"
)

type notStarted struct{}

func (notStarted) Start(context.Context, string, string, int) error { return nil }

// contract F1 to F4: authentication in the registration is a switch to a legacy mode, so the default must leave it out.
func TestSubmitRegistersTheMode(t *testing.T) {
	t.Parallel()
	for mode, scheme := range map[operation.WebhookMode]string{operation.WebhookRFC9421: "", operation.WebhookHMAC: "HMAC-SHA256", operation.WebhookBearer: "Bearer"} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			s := memory.New(clock)
			a := registry.Agent{Tenant: "acme", ID: "seller", URL: "https://s.example/mcp", BrandURL: "https://s.example/brand.json", Transport: registry.MCP,
				WebhookMode: mode, WebhookFormat: operation.FormatA2A, Version: 1}
			if err := s.PutAgent(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			order, err := orchestrator.ParseSubmitRequest([]byte(`{"agent_id":"seller","type":"create_media_buy","request":{"account":{"account_id":"x"},"brand":{"domain":"d"},
				"start_time":"asap","end_time":"2027-06-30T23:59:59Z","packages":[{}]}}`))
			if err != nil {
				t.Fatal(err)
			}
			submit := orchestrator.Submit{Store: s, Workflow: notStarted{}, Deps: orchestrator.Deps{Now: clock}, BaseURL: "https://api.example/live"}
			op, _, err := submit.Run(t.Context(), "acme", "key", order)
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
			case scheme != "" && (auth == nil || len(auth.Schemes) != 1 || auth.Schemes[0] != scheme || len(auth.Credentials) < 32):
				t.Errorf("authentication is %+v, want %s", auth, scheme)
			}
			route, ok := inbox.ParseCallbackToken(sent.Push.URL[strings.LastIndex(sent.Push.URL, "/")+1:])
			if !ok || !route.Matches(op) || route.URL("https://api.example/live") != sent.Push.URL || route.Sender != inbox.SenderID(op.Target) {
				t.Errorf("the URL is %s", sent.Push.URL)
			}
			if op.Webhook.Mode != mode || op.Webhook.Format != operation.FormatA2A || op.Target.BrandURL != a.BrandURL {
				t.Errorf("registered %+v with %+v", op.Webhook, op.Target)
			}
			other := op
			other.Target.URL = "https://other.example/mcp"
			if route.Matches(other) {
				t.Error("the route opens another sender's operation")
			}
		})
	}
}
