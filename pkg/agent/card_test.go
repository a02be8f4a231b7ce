package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/registry"
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

// The paths of a card under the agent's address and on the origin, by the present and the old name.
const (
	agentCard    = "/mcp/.well-known/agent-card.json"
	agentCardOld = "/mcp/.well-known/agent.json"
	rootCard     = "/.well-known/agent-card.json"
	rootCardOld  = "/.well-known/agent.json"
)

// The card is looked for under the agent's address, then on the origin, and by the present name
// first (contract B20).
func TestCardIsFoundUnderEveryPath(t *testing.T) {
	t.Parallel()
	order := []string{agentCard, agentCardOld, rootCard, rootCardOld}
	for i, at := range order {
		s := (&a2aSeller{card: npmCard, paths: order[i:], answer: always(submittedTask)}).start(t)
		c := client(t)
		for range 2 {
			if _, err := c.Call(t.Context(), s.agent(), "create_media_buy", json.RawMessage(`{}`)); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(s.cardRequests, order[:i+1]) {
			t.Errorf("card at %s: requested at %q", at, s.cardRequests)
		}
		for _, m := range s.received(http.MethodGet, "") {
			if got := m.header.Get("Authorization"); got != "Bearer token-1" {
				t.Errorf("Authorization = %q", got)
			}
		}
	}
	for u, want := range map[string][]string{
		"https://s.example":  {"https://s.example" + rootCard, "https://s.example" + rootCardOld},
		"https://s.example/": {"https://s.example" + rootCard, "https://s.example" + rootCardOld},
		"https://s.example:8443/a/b/?t": {
			"https://s.example:8443/a/b" + rootCard + "?t",
			"https://s.example:8443/a/b" + rootCardOld + "?t",
			"https://s.example:8443" + rootCard,
			"https://s.example:8443" + rootCardOld,
		},
	} {
		if got, err := cardURLs(u); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v", u, got, err)
		}
	}
}

// A card is cached for a while, for the tenant that it was sent to.
func TestCardIsCachedPerTenant(t *testing.T) {
	t.Parallel()
	s := (&a2aSeller{card: npmCard, answer: always(submittedTask)}).start(t)
	c, clock := client(t), noon
	c.now = func() time.Time { return clock }
	call := func(a registry.Agent, requests int) {
		t.Helper()
		_, err := c.Call(t.Context(), a, "create_media_buy", json.RawMessage(`{}`))
		if err != nil || len(s.cardRequests) != requests {
			t.Fatalf("the card was requested %d times, want %d: %v", len(s.cardRequests), requests, err)
		}
	}
	other := s.agent()
	other.Tenant = "other"
	call(s.agent(), 1)
	call(s.agent(), 1)
	call(other, 2)
	clock = clock.Add(cardTTL)
	call(s.agent(), 3)
	if _, err := c.Discover(t.Context(), s.agent()); err != nil || len(s.cardRequests) != 4 {
		t.Errorf("the card was requested %d times: %v", len(s.cardRequests), err)
	}
	for i := range 2 * maxCards {
		a := s.agent()
		a.URL = fmt.Sprint(i)
		c.cards.put(a, card{}, noon)
	}
	if n, bytes := c.cards.Size(); n > maxCards || bytes > maxCardBytes {
		t.Errorf("%d cards of %d bytes are cached", n, bytes)
	}
}

func TestReadCard(t *testing.T) {
	t.Parallel()
	const own = "https://s.example/a2a"
	v10 := func(interfaces string) string { return `{"supportedInterfaces":[` + interfaces + `]}` }
	jsonRPC := func(url, version string) string {
		return `{"url":"` + url + `","protocolBinding":"JSONRPC","protocolVersion":"` + version + `"}`
	}
	withExtensions := func(extensions string) string {
		return `{"url":"` + own + `","protocolVersion":"1.0","capabilities":{"extensions":[` + extensions + `]}}`
	}
	for name, c := range map[string]struct {
		card string
		want string // endpoint, whether 1.0, whether AdCP's profile; "" means that there is no card
	}{
		"0.3": {`{"url":"https://s.example/x","protocolVersion":"0.3.0"}`, "https://s.example/x false false"},
		"0.2": {`{"url":"https://s.example/x"}`, "https://s.example/x false false"},
		"1.0 in the shape of 0.3": {
			`{"url":"https://s.example/x","protocolVersion":"1.0"}`,
			"https://s.example/x true false",
		},
		"1.0": {v10(jsonRPC("https://s.example/x", "1.0")), "https://s.example/x true false"},
		"1.0 without a version": {
			v10(`{"url":"https://s.example/x","protocolBinding":"JSONRPC"}`),
			"https://s.example/x true false",
		},
		"both, 0.3 first": {
			v10(jsonRPC("https://s.example/3", "0.3") + "," + jsonRPC("https://s.example/1", "1.0")),
			"https://s.example/1 true false",
		},
		"another binding first": {
			v10(`{"url":"https://s.example/g","protocolBinding":"GRPC","protocolVersion":"1.0"},` +
				`{"url":"https://s.example/j","protocolBinding":"jsonrpc","protocolVersion":"1.0.1"}`),
			"https://s.example/j true false",
		},
		"0.3 with another binding": {
			`{"url":"https://s.example/g","protocolVersion":"0.3.0","preferredTransport":"GRPC",` +
				`"additionalInterfaces":[{"url":"https://s.example/j","transport":"JSONRPC"}]}`,
			"https://s.example/j false false",
		},
		"another version":              {v10(jsonRPC("https://s.example/x", "2.0")), ""},
		"a version that begins like 1": {v10(jsonRPC("https://s.example/x", "10.0")), ""},
		"no JSON-RPC": {
			`{"url":"https://s.example/x","protocolVersion":"0.3.0","preferredTransport":"HTTP+JSON"}`,
			"",
		},
		"no address":             {`{"name":"s","skills":[]}`, ""},
		"an error":               {`{"error":"not found"}`, ""},
		"not an object":          {`[]`, ""},
		"a web page":             {`<html>`, ""},
		"another host":           {`{"url":"https://evil.example/a2a"}`, own + " false false"},
		"another port":           {`{"url":"https://s.example:8443/a2a"}`, own + " false false"},
		"another scheme":         {`{"url":"http://s.example/a2a"}`, own + " false false"},
		"the same port, stated":  {`{"url":"https://S.example:443/x"}`, "https://S.example:443/x false false"},
		"a user before the host": {`{"url":"https://evil@s.example/x"}`, own + " false false"},
		"a fragment":             {`{"url":"https://s.example/x#y"}`, own + " false false"},
		"a relative address":     {`{"url":"/x"}`, own + " false false"},
		"a malformed address":    {`{"url":"http://[::1"}`, own + " false false"},
		"the profile": {
			withExtensions(`7,{"uri":"` + profileV3 + `","required":true}`),
			own + " true true",
		},
		"the profile, misplaced": {
			`{"url":"` + own + `","protocolVersion":"1.0","extensions":[{"uri":"` + profileV3 + `"}]}`,
			own + " true false",
		},
		"another profile": {withExtensions(`{"uri":"` + profileV3 + `.1"}`), own + " true false"},
		"malformed skills are ignored": {
			`{"url":"` + own + `","skills":[null,7,{"name":"create_media_buy"},{"id":["x"]}]}`,
			own + " false false",
		},
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
			s := fmt.Sprint(got.endpoint, " ", got.v1, " ", got.profile)
			if err != nil || s != c.want || len(got.skills) != 0 {
				t.Errorf("got %s, %v, %v", s, got.skills, err)
			}
		})
	}
}

// A call repeats the tenant that the card names.
func TestCallRepeatsTheCardsTenant(t *testing.T) {
	t.Parallel()
	c, err := readCard([]byte(`{"supportedInterfaces":[{"url":"https://s.example/x","protocolBinding":"JSONRPC",`+
		`"protocolVersion":"1.0","tenant":"t\"1"}]}`), "https://s.example/x")
	if err != nil {
		t.Fatal(err)
	}
	m, err := c.message("x", json.RawMessage(`{}`), adcp.Continuation{})
	if err != nil || !json.Valid(m) || !strings.Contains(string(m), `"params":{"tenant":"t\"1","message":{`) {
		t.Errorf("%s, %v", m, err)
	}
}

// Without a card nothing is sent.
func TestCallWithoutCardIsUnsent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault      handler
		status     int
		requests   int
		retryAfter time.Duration
	}{
		"404":         {fault: status(404, ``), status: 404, requests: 4},
		"401":         {fault: status(401, ``), status: 401, requests: 4},
		"redirect":    {fault: status(302, ``, "Location: /elsewhere"), status: 302, requests: 4},
		"web page":    {fault: respond("text/html", `<html>welcome</html>`), status: 200, requests: 4},
		"half a card": {fault: cutOff(jsonType, `{"url":"`), status: 200, requests: 4},
		"too large": {
			fault:    respond(jsonType, `{"url":"`+strings.Repeat("x", maxAnswer)+`"}`),
			status:   200,
			requests: 4,
		},
		"429": {fault: status(429, ``, "Retry-After: 7"), status: 429, requests: 1, retryAfter: 7 * time.Second},
		"503": {fault: status(503, ``), status: 503, requests: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := (&seller{fault: func(w http.ResponseWriter, r *http.Request, m message) bool {
				c.fault(w, r, m)
				return true
			}}).start(t)
			a := s.agent()
			a.Transport = adcp.A2A
			_, err := client(t).Call(t.Context(), a, "create_media_buy", json.RawMessage(`{}`))
			if ce := wantCallError(t, err, adcp.Unsent, c.status); ce.RetryAfter != c.retryAfter {
				t.Errorf("retry after %v", ce.RetryAfter)
			}
			if n := len(s.received(http.MethodGet, "")); n != c.requests || len(s.received(http.MethodPost, "")) != 0 {
				t.Errorf("%d cards were requested, want %d", n, c.requests)
			}
			_, err = client(t).Discover(t.Context(), a)
			wantCallError(t, err, adcp.Unsent, c.status)
		})
	}
}
