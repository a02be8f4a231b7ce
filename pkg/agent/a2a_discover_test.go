package agent

import (
	"fmt"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/registry"
)

func TestA2ADiscover(t *testing.T) {
	t.Parallel()
	capabilities := func(data string) string {
		return `{"task":{"id":"a","status":{"state":"TASK_STATE_COMPLETED"},` +
			`"artifacts":[{"parts":[{"data":` + data + `},{"text":"Completed"}]}]}}`
	}
	const brandURL = "https://s.example/brand.json"
	npm := replaysKeys(24 * time.Hour)
	npm.Identity = adcp.Identity{
		BrandURL: brandURL,
		Origins:  map[string]string{"webhook_signing": "https://s.example"},
	}
	for name, c := range map[string]struct {
		card   string
		answer string
		skills []string
		want   registry.Profile
	}{
		// The npm seller's card does not name get_adcp_capabilities.
		"npm": {
			card: npmCard,
			answer: capabilities(`{"adcp":{"idempotency":{"supported":true,"replay_ttl_seconds":86400}},` +
				`"identity":{"brand_json_url":"` + brandURL + `",` +
				`"key_origins":{"webhook_signing":"https://s.example"}}}`),
			skills: []string{"create_media_buy", "get_products", "tasks/get", "tasks_get"},
			want: registry.Profile{
				PollTool:     "tasks_get",
				Tasks:        []string{"create_media_buy", "get_products"},
				Capabilities: npm,
			},
		},
		"Python": {
			card:   pythonCard,
			answer: capabilities(`{"status":"completed","adcp":{"idempotency":{"supported":false}}}`),
			skills: []string{"create_media_buy", "get_adcp_capabilities", "get_task_status", "list_tasks"},
			want: registry.Profile{
				PollTool:     "get_task_status",
				ListTool:     "list_tasks",
				Tasks:        []string{"create_media_buy", "get_adcp_capabilities"},
				Capabilities: noIdempotency,
			},
		},
		"no such skill": {
			card: v3Card,
			answer: `{"task":{"id":"a","status":{"state":"TASK_STATE_FAILED"},` +
				`"artifacts":[{"parts":[{"text":"Unknown skill"}]}]}}`,
			want: registry.Profile{Tasks: []string{}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := (&a2aSeller{card: c.card, skills: c.skills, answer: always(c.answer)}).start(t)
			c.want.URL, c.want.DiscoveredAt = s.url, noon
			got, err := client(t).Discover(t.Context(), s.agent())
			if err != nil || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", c.want) {
				t.Errorf("got  %+v, %v\nwant %+v", got, err, c.want)
			}
		})
	}
}

// An agent that does not accept our credential, or does not speak as its card says, gets no
// profile: a profile would be trusted for a day.
func TestA2ADiscoveryToleratesOnlyMissingCapabilities(t *testing.T) {
	t.Parallel()
	rpc := func(code int) handler {
		return respond(jsonType,
			fmt.Sprintf(`{"jsonrpc":"2.0","id":ID,"error":{"code":%d,"message":"m"}}`, code))
	}
	const (
		npm401  = `{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"General processing error."}}`
		adcp401 = `{"jsonrpc":"2.0","id":1,"error":{"code":-32028,"message":"m",` +
			`"data":{"adcp_error":{"code":"AUTH_MISSING"}}}}`
	)
	for name, c := range map[string]struct {
		fault   handler
		outcome adcp.Outcome // "" means that there is a profile
		status  int
	}{
		"Python's 401":           {status(401, ``), adcp.Refused, 401},
		"npm's 401":              {status(500, npm401), adcp.Ambiguous, 500},
		"an older Python's 401":  {rpc(-32603), adcp.Ambiguous, 200},
		"no such method":         {rpc(-32601), adcp.Ambiguous, 200},
		"no such version":        {rpc(-32009), adcp.Ambiguous, 200},
		"no such skill":          {rpc(-32602), "", 0},
		"401 with an AdCP error": {status(401, adcp401), adcp.Refused, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := (&a2aSeller{card: pythonCard, callFault: c.fault}).start(t)
			p, err := client(t).Discover(t.Context(), s.agent())
			if c.outcome != "" {
				wantCallError(t, err, c.outcome, c.status)
			} else if err != nil || p.Capabilities.Idempotency.Support != adcp.Unstated {
				t.Errorf("got %+v, %v", p, err)
			}
		})
	}
}
