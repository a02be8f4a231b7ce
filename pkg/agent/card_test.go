package agent

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/registry"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// contextUntil ends a context when the channel is closed.
func contextUntil(t *testing.T, stop <-chan struct{}) (context.Context, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-stop
		cancel()
	}()
	return ctx, cancel
}

const (
	under1, under2 = "/mcp/.well-known/agent-card.json", "/mcp/.well-known/agent.json"
	root1, root2   = "/.well-known/agent-card.json", "/.well-known/agent.json"
)

// The card is looked for under the agent's address, then on the origin, under the present name first (contract B20).
func TestCardIsFound(t *testing.T) {
	t.Parallel()
	order := []string{under1, under2, root1, root2}
	for i, at := range order {
		s := (&a2aSeller{card: npmCard, paths: order[i:], answer: always(submittedTask)}).start(t)
		c := client(t)
		for range 2 {
			if _, err := c.Call(t.Context(), s.agent(), "create_media_buy", json.RawMessage(`{}`)); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(s.asked, order[:i+1]) {
			t.Errorf("card at %s: asked at %q", at, s.asked)
		}
		for _, m := range s.received(http.MethodGet, "") {
			if got := m.header.Get("Authorization"); got != "Bearer token-1" {
				t.Errorf("Authorization = %q", got)
			}
		}
	}
	for u, want := range map[string][]string{
		"https://s.example":             {"https://s.example" + root1, "https://s.example" + root2},
		"https://s.example/":            {"https://s.example" + root1, "https://s.example" + root2},
		"https://s.example:8443/a/b/?t": {"https://s.example:8443/a/b" + root1 + "?t", "https://s.example:8443/a/b" + root2 + "?t", "https://s.example:8443" + root1, "https://s.example:8443" + root2},
	} {
		if got, err := cardURLs(u); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v", u, got, err)
		}
	}
}

// A card is believed for a while, by the one who was told.
func TestCardIsKept(t *testing.T) {
	t.Parallel()
	s := (&a2aSeller{card: npmCard, answer: always(submittedTask)}).start(t)
	c, clock := client(t), noon
	c.now = func() time.Time { return clock }
	call := func(a registry.Agent, asked int) {
		t.Helper()
		if _, err := c.Call(t.Context(), a, "create_media_buy", json.RawMessage(`{}`)); err != nil || len(s.asked) != asked {
			t.Fatalf("asked %d times, want %d: %v", len(s.asked), asked, err)
		}
	}
	other := s.agent()
	other.Tenant = "other"
	call(s.agent(), 1)
	call(s.agent(), 1)
	call(other, 2)
	clock = clock.Add(cardFor)
	call(s.agent(), 3)
	if _, err := c.Discover(t.Context(), s.agent()); err != nil || len(s.asked) != 4 {
		t.Errorf("asked %d times: %v", len(s.asked), err)
	}
	for i := range 2 * maxCards {
		a := s.agent()
		a.URL = fmt.Sprint(i)
		c.cards.keep(a, card{}, noon)
	}
	if n := len(c.cards.known); n > maxCards {
		t.Errorf("%d cards are kept", n)
	}
}

func TestReadCard(t *testing.T) {
	t.Parallel()
	const own = "https://s.example/a2a"
	v10 := func(interfaces string) string { return `{"supportedInterfaces":[` + interfaces + `]}` }
	for name, c := range map[string]struct {
		card string
		want string // endpoint, 1.0, profile; "" is no card
	}{
		"0.3":                       {`{"url":"https://s.example/x","protocolVersion":"0.3.0"}`, "https://s.example/x false false"},
		"0.2":                       {`{"url":"https://s.example/x"}`, "https://s.example/x false false"},
		"1.0 as 0.3 wrote it":       {`{"url":"https://s.example/x","protocolVersion":"1.0"}`, "https://s.example/x true false"},
		"1.0":                       {v10(`{"url":"https://s.example/x","protocolBinding":"JSONRPC","protocolVersion":"1.0"}`), "https://s.example/x true false"},
		"1.0 unsaid":                {v10(`{"url":"https://s.example/x","protocolBinding":"JSONRPC"}`), "https://s.example/x true false"},
		"both, 0.3 first":           {v10(`{"url":"https://s.example/3","protocolBinding":"JSONRPC","protocolVersion":"0.3"},{"url":"https://s.example/1","protocolBinding":"JSONRPC","protocolVersion":"1.0"}`), "https://s.example/1 true false"},
		"another binding first":     {v10(`{"url":"https://s.example/g","protocolBinding":"GRPC","protocolVersion":"1.0"},{"url":"https://s.example/j","protocolBinding":"jsonrpc","protocolVersion":"1.0.1"}`), "https://s.example/j true false"},
		"0.3 with another binding":  {`{"url":"https://s.example/g","protocolVersion":"0.3.0","preferredTransport":"GRPC","additionalInterfaces":[{"url":"https://s.example/j","transport":"JSONRPC"}]}`, "https://s.example/j false false"},
		"another version":           {v10(`{"url":"https://s.example/x","protocolBinding":"JSONRPC","protocolVersion":"2.0"}`), ""},
		"a version like 1":          {v10(`{"url":"https://s.example/x","protocolBinding":"JSONRPC","protocolVersion":"10.0"}`), ""},
		"no JSON-RPC":               {`{"url":"https://s.example/x","protocolVersion":"0.3.0","preferredTransport":"HTTP+JSON"}`, ""},
		"no address":                {`{"name":"s","skills":[]}`, ""},
		"an error":                  {`{"error":"not found"}`, ""},
		"no object":                 {`[]`, ""},
		"a page":                    {`<html>`, ""},
		"another host":              {`{"url":"https://evil.example/a2a"}`, own + " false false"},
		"another port":              {`{"url":"https://s.example:8443/a2a"}`, own + " false false"},
		"another scheme":            {`{"url":"http://s.example/a2a"}`, own + " false false"},
		"the same port, said":       {`{"url":"https://S.example:443/x"}`, "https://S.example:443/x false false"},
		"a name before the host":    {`{"url":"https://evil@s.example/x"}`, own + " false false"},
		"a fragment":                {`{"url":"https://s.example/x#y"}`, own + " false false"},
		"no absolute address":       {`{"url":"/x"}`, own + " false false"},
		"no address at all":         {`{"url":"http://[::1"}`, own + " false false"},
		"the profile":               {`{"url":"` + own + `","protocolVersion":"1.0","capabilities":{"extensions":[7,{"uri":"` + profileV3 + `","required":true}]}}`, own + " true true"},
		"the profile, misplaced":    {`{"url":"` + own + `","protocolVersion":"1.0","extensions":[{"uri":"` + profileV3 + `"}]}`, own + " true false"},
		"another profile":           {`{"url":"` + own + `","protocolVersion":"1.0","capabilities":{"extensions":[{"uri":"` + profileV3 + `.1"}]}}`, own + " true false"},
		"odd skills are overlooked": {`{"url":"` + own + `","skills":[null,7,{"name":"create_media_buy"},{"id":["x"]}]}`, own + " false false"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := readCard([]byte(c.card), own)
			if c.want == "" {
				if err == nil {
					t.Errorf("got %+v", got)
				}
				return
			}
			if s := fmt.Sprint(got.endpoint, " ", got.v1, " ", got.profile); err != nil || s != c.want || len(got.skills) != 0 {
				t.Errorf("got %s, %v, %v", s, got.skills, err)
			}
		})
	}
}

// A card that names a tenant wants it repeated.
func TestCardTenant(t *testing.T) {
	t.Parallel()
	c, err := readCard([]byte(`{"supportedInterfaces":[{"url":"https://s.example/x","protocolBinding":"JSONRPC","protocolVersion":"1.0","tenant":"t\"1"}]}`), "https://s.example/x")
	if err != nil {
		t.Fatal(err)
	}
	m, err := c.message("x", json.RawMessage(`{}`), adcp.Continuation{})
	if err != nil || !json.Valid(m) || !strings.Contains(string(m), `"params":{"tenant":"t\"1","message":{`) {
		t.Errorf("%s, %v", m, err)
	}
}

// No card, no call: nothing has been sent.
func TestCardFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault  func(http.ResponseWriter, *http.Request, message)
		status int
		asked  int
		after  time.Duration
	}{
		"404":         {fault: status(404, ``), status: 404, asked: 4},
		"401":         {fault: status(401, ``), status: 401, asked: 4},
		"redirect":    {fault: status(302, ``, "Location: /elsewhere"), status: 302, asked: 4},
		"a page":      {fault: whole("text/html", `<html>welcome</html>`), status: 200, asked: 4},
		"half a card": {fault: partly(jsonType, `{"url":"`), status: 200, asked: 4},
		"too large":   {fault: whole(jsonType, `{"url":"`+strings.Repeat("x", maxAnswer)+`"}`), status: 200, asked: 4},
		"429":         {fault: status(429, ``, "Retry-After: 7"), status: 429, asked: 1, after: 7 * time.Second},
		"503":         {fault: status(503, ``), status: 503, asked: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := (&seller{fault: func(w http.ResponseWriter, r *http.Request, m message) bool { c.fault(w, r, m); return true }}).start(t)
			a := s.agent()
			a.Transport = registry.A2A
			_, err := client(t).Call(t.Context(), a, "create_media_buy", json.RawMessage(`{}`))
			if ce := wantCallError(t, err, adcp.Unsent, c.status); ce.RetryAfter != c.after {
				t.Errorf("retry after %v", ce.RetryAfter)
			}
			if n := len(s.received(http.MethodGet, "")); n != c.asked || len(s.received(http.MethodPost, "")) != 0 {
				t.Errorf("%d cards were asked for, want %d", n, c.asked)
			}
			_, err = client(t).Discover(t.Context(), a)
			wantCallError(t, err, adcp.Unsent, c.status)
		})
	}
}

func TestA2ADiscover(t *testing.T) {
	t.Parallel()
	capabilities := func(data string) string {
		return `{"task":{"id":"a","status":{"state":"TASK_STATE_COMPLETED"},"artifacts":[{"parts":[{"data":` + data + `},{"text":"Completed"}]}]}}`
	}
	yes := capabilities(`{"adcp":{"idempotency":{"supported":true,"replay_ttl_seconds":86400}},"identity":{"brand_json_url":"https://s.example/brand.json","key_origins":{"webhook_signing":"https://s.example"}}}`)
	npm := deduplicates(24 * time.Hour)
	npm.Identity = adcp.Identity{BrandURL: "https://s.example/brand.json", Origins: map[string]string{"webhook_signing": "https://s.example"}}
	for name, c := range map[string]struct {
		card   string
		answer string
		skills []string
		want   registry.Profile
	}{
		// The npm seller's card is silent about get_adcp_capabilities.
		"npm": {npmCard, yes, []string{"create_media_buy", "get_products", "tasks/get", "tasks_get"}, registry.Profile{PollTool: "tasks_get", Tasks: []string{"create_media_buy", "get_products"},
			Capabilities: npm}},
		"Python": {pythonCard, capabilities(`{"status":"completed","adcp":{"idempotency":{"supported":false}}}`), []string{"create_media_buy", "get_adcp_capabilities", "get_task_status", "list_tasks"},
			registry.Profile{PollTool: "get_task_status", ListTool: "list_tasks", Tasks: []string{"create_media_buy", "get_adcp_capabilities"},
				Capabilities: adcp.Capabilities{Asked: true, Idempotency: adcp.IdempotencyOffer{Support: adcp.Unsupported}}}},
		"no such skill": {v3Card, `{"task":{"id":"a","status":{"state":"TASK_STATE_FAILED"},"artifacts":[{"parts":[{"text":"Unknown skill"}]}]}}`, nil,
			registry.Profile{Tasks: []string{}}},
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

// An agent that doesn't know us, or doesn't speak as its card says, has no profile that would be believed for a day.
func TestA2ADiscoverFaults(t *testing.T) {
	t.Parallel()
	rpc := func(code int) func(http.ResponseWriter, *http.Request, message) {
		return whole(jsonType, fmt.Sprintf(`{"jsonrpc":"2.0","id":ID,"error":{"code":%d,"message":"m"}}`, code))
	}
	for name, c := range map[string]struct {
		fault   func(http.ResponseWriter, *http.Request, message)
		outcome adcp.Outcome // "" is a profile
		status  int
	}{
		"Python's 401":            {status(401, ``), adcp.Refused, 401},
		"npm's 401":               {status(500, `{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"General processing error."}}`), adcp.Ambiguous, 500},
		"an older Python's 401":   {rpc(-32603), adcp.Ambiguous, 200},
		"no such method":          {rpc(-32601), adcp.Refused, 200},
		"no such version":         {rpc(-32009), adcp.Refused, 200},
		"no such skill":           {rpc(-32602), "", 0},
		"refused in AdCP's terms": {status(401, `{"jsonrpc":"2.0","id":1,"error":{"code":-32028,"message":"m","data":{"adcp_error":{"code":"AUTH_MISSING"}}}}`), adcp.Refused, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := (&a2aSeller{card: pythonCard, broken: c.fault}).start(t)
			p, err := client(t).Discover(t.Context(), s.agent())
			if c.outcome != "" {
				wantCallError(t, err, c.outcome, c.status)
			} else if err != nil || p.Capabilities.Idempotency.Support != adcp.Unstated {
				t.Errorf("got %+v, %v", p, err)
			}
		})
	}
}
