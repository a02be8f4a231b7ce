package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/registry"
)

// offers returns the results of a seller with these tools and this answer to get_adcp_capabilities.
func offers(capabilities string, tools ...string) func(string, json.RawMessage) string {
	return func(method string, _ json.RawMessage) string {
		if method == "tools/call" {
			return capabilities
		}
		return `{"tools":[` + toolList(tools) + `]}`
	}
}

// replaysKeys returns the capabilities of an agent that replays idempotency keys for a time.
func replaysKeys(ttl time.Duration) adcp.Capabilities {
	return adcp.Capabilities{
		Stated:      true,
		Idempotency: adcp.IdempotencyOffer{Support: adcp.Supported, ReplayTTL: ttl},
	}
}

func toolList(names []string) string {
	items := make([]string, len(names))
	for i, n := range names {
		items[i] = fmt.Sprintf(`{"name":%q,"inputSchema":{"type":"object"}}`, n)
	}
	return strings.Join(items, ",")
}

// noIdempotency are the capabilities of an agent that does not support idempotency keys.
var noIdempotency = adcp.Capabilities{
	Stated:      true,
	Idempotency: adcp.IdempotencyOffer{Support: adcp.Unsupported},
}

func TestDiscover(t *testing.T) {
	t.Parallel()
	const yes = `{"structuredContent":{"adcp":{"idempotency":{"supported":true,"replay_ttl_seconds":86400}}}}`
	onlyCapabilities := []string{"get_adcp_capabilities"}
	for name, c := range map[string]struct {
		capabilities string
		tools        []string
		want         registry.Profile
	}{
		"present names": {
			capabilities: yes,
			tools: []string{
				"create_media_buy", "tasks_get", "get_task_status", "list_tasks", "get_adcp_capabilities",
			},
			want: registry.Profile{
				PollTool:     "get_task_status",
				ListTool:     "list_tasks",
				Tasks:        []string{"create_media_buy", "get_adcp_capabilities"},
				Capabilities: replaysKeys(24 * time.Hour),
			},
		},
		"the npm seller's": {
			capabilities: yes,
			tools:        []string{"tasks/get", "tasks_get", "get_products", "vendor_thing"},
			want:         registry.Profile{PollTool: "tasks_get", Tasks: []string{"get_products"}},
		},
		"the oldest names": {
			capabilities: yes,
			tools:        []string{"tasks/get", "tasks/list"},
			want:         registry.Profile{PollTool: "tasks/get", ListTool: "tasks/list", Tasks: []string{}},
		},
		"webhook only": {
			capabilities: yes,
			tools:        []string{"create_media_buy"},
			want:         registry.Profile{Tasks: []string{"create_media_buy"}},
		},
		"no tools": {capabilities: yes, want: registry.Profile{Tasks: []string{}}},
		"idempotency not supported": {
			capabilities: `{"content":[{"type":"text","text":"{\"adcp\":{\"idempotency\":{\"supported\":false}}}"}]}`,
			tools:        onlyCapabilities,
			want:         registry.Profile{Tasks: onlyCapabilities, Capabilities: noIdempotency},
		},
		"idempotency not stated": {
			capabilities: `{"structuredContent":{"adcp":{"major_versions":[3]}}}`,
			tools:        onlyCapabilities,
			want: registry.Profile{
				Tasks:        onlyCapabilities,
				Capabilities: adcp.Capabilities{Stated: true, MajorVersions: []int{3}},
			},
		},
		"capabilities fail": {
			capabilities: `{"isError":true,"structuredContent":{"adcp_error":{"code":"AUTH_MISSING"}}}`,
			tools:        onlyCapabilities,
			want:         registry.Profile{Tasks: onlyCapabilities},
		},
		"a TTL above the maximum": {
			capabilities: `{"structuredContent":{"adcp":{"idempotency":` +
				`{"supported":true,"replay_ttl_seconds":1e300}}}}`,
			tools: onlyCapabilities,
			want:  registry.Profile{Tasks: onlyCapabilities, Capabilities: replaysKeys(7 * 24 * time.Hour)},
		},
		"a TTL below zero": {
			capabilities: `{"structuredContent":{"adcp":{"idempotency":` +
				`{"supported":true,"replay_ttl_seconds":-1}}}}`,
			tools: onlyCapabilities,
			want:  registry.Profile{Tasks: onlyCapabilities, Capabilities: replaysKeys(0)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := (&seller{
				streamed: len(name)%2 == 0,
				sessions: len(name)%3 == 0,
				result:   offers(c.capabilities, c.tools...),
			}).start(t)
			c.want.URL, c.want.DiscoveredAt = s.url, noon
			got, err := client(t).Discover(t.Context(), s.agent())
			if err != nil {
				t.Fatal(err)
			}
			if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", c.want) || got.Tasks == nil {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
			for _, m := range s.received(http.MethodPost, "tools/call") {
				if got := arguments(t, m); got != `{"adcp_version":"3.1"}` {
					t.Errorf("arguments = %s", got)
				}
			}
		})
	}
}

// A long tool list comes in pages. Malformed tools and schemas do no harm.
func TestDiscoverReadsEveryPage(t *testing.T) {
	t.Parallel()
	s := (&seller{sessions: true, result: func(_ string, params json.RawMessage) string {
		switch string(params) {
		case `{}`:
			return `{"tools":[{"name":"get_products","inputSchema":"any"},{"name":7},null,"x",{"inputSchema":[]}],` +
				`"nextCursor":"p2"}`
		case `{"cursor":"p2"}`:
			return `{"tools":[],"nextCursor":"p3"}`
		}
		return `{"tools":[{"name":"list_tasks","inputSchema":{"$ref":"#/nowhere"},"annotations":[1]}],"nextCursor":null}`
	}}).start(t)
	p, err := client(t).Discover(t.Context(), s.agent())
	if err != nil || p.ListTool != "list_tasks" || !slices.Equal(p.Tasks, []string{"get_products"}) {
		t.Errorf("got %+v, %v", p, err)
	}
}

func TestToolListIsBoundedAsReceived(t *testing.T) {
	t.Parallel()
	for _, streamed := range []bool{false, true} {
		for size, ok := range map[int]bool{20 << 20: true, maxRawBody: false} {
			s := (&seller{streamed: streamed, result: func(string, json.RawMessage) string {
				return `{"tools":[{"name":"create_media_buy","inputSchema":{"pad":"` + strings.Repeat("x", size) +
					`"}},{"name":"tasks_get"}]}`
			}}).start(t)
			p, err := client(t).Discover(t.Context(), s.agent())
			if ok && (err != nil || p.PollTool != "tasks_get") {
				t.Errorf("%d bytes, streamed=%v: %+v, %v", size, streamed, p, err)
			} else if !ok {
				wantCallError(t, err, adcp.Ambiguous, http.StatusOK)
			}
		}
	}
}

// The filtered list is bounded, too.
func TestFilteredToolListIsBounded(t *testing.T) {
	t.Parallel()
	s := (&seller{result: func(string, json.RawMessage) string {
		return `{"tools":[{"name":"` + strings.Repeat("x", maxToolList) + `"}]}`
	}}).start(t)
	_, err := client(t).Discover(t.Context(), s.agent())
	wantCallError(t, err, adcp.Ambiguous, http.StatusOK)
}

func TestDiscoverEndsAnEndlessList(t *testing.T) {
	t.Parallel()
	many := make([]string, maxTools+1)
	for i := range many {
		many[i] = "t"
	}
	for page, requests := range map[string]int{"": maxPages, toolList(many): 1} {
		s := (&seller{result: toolResult(`{"tools":[` + page + `],"nextCursor":"again"}`)}).start(t)
		_, err := client(t).Discover(t.Context(), s.agent())
		wantCallError(t, err, adcp.Ambiguous, http.StatusOK)
		if n := len(s.received(http.MethodPost, "tools/list")); n != requests {
			t.Errorf("%d pages were requested, want %d", n, requests)
		}
	}
}

func TestDiscoveryToleratesOnlyMissingCapabilities(t *testing.T) {
	t.Parallel()
	const noMethod = `{"jsonrpc":"2.0","id":ID,"error":{"code":-32601,"message":"m"}}`
	const noTool = `{"jsonrpc":"2.0","id":ID,"error":{"code":-32602,"message":"no such tool"}}`
	for name, c := range map[string]struct {
		fault   interceptor
		outcome adcp.Outcome // "" means that there is a profile
		status  int
	}{
		"401 on initialize": {on("initialize", status(401, ``)), adcp.Unsent, 401},
		"403 on the list":   {on("tools/list", status(403, ``)), adcp.Refused, 403},
		"list cut off":      {on("tools/list", cutOff(jsonType, `{"jsonrpc":"2.0"`)), adcp.Ambiguous, 200},
		"list of another shape": {
			on("tools/list", respond(jsonType, `{"jsonrpc":"2.0","id":ID,"result":{"tools":"many"}}`)),
			adcp.Ambiguous,
			200,
		},
		"no tools capability":      {on("tools/list", respond(jsonType, noMethod)), adcp.Ambiguous, 200},
		"503 on the capabilities":  {on("tools/call", status(503, ``)), adcp.Ambiguous, 503},
		"capabilities not offered": {on("tools/call", respond(jsonType, noTool)), "", 0},
		"capabilities unreadable": {
			on("tools/call", respond(jsonType,
				`{"jsonrpc":"2.0","id":ID,"result":{"structuredContent":{"adcp":[]}}}`)),
			"",
			0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := (&seller{fault: c.fault, result: offers(`{}`, "get_adcp_capabilities")}).start(t)
			p, err := client(t).Discover(t.Context(), s.agent())
			if c.outcome != "" {
				wantCallError(t, err, c.outcome, c.status)
			} else if err != nil || p.Capabilities.Idempotency.Support != adcp.Unstated {
				t.Errorf("got %+v, %v", p, err)
			}
		})
	}
}

func TestDiscoverEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := (&seller{fault: on("tools/list", func(w http.ResponseWriter, r *http.Request, _ message) {
		_, _ = io.WriteString(w, " ")
		cancel()
		<-r.Context().Done()
	})}).start(t)
	if _, err := client(t).Discover(ctx, s.agent()); !as[*adcp.CallError](err) {
		t.Errorf("err = %v", err)
	}
}
