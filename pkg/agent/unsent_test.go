package agent

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/safehttp"
)

// What fails before the call is Unsent, with the status as a hint at the reason.
func TestFailedHandshakeIsUnsent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault      interceptor
		status     int
		retryAfter time.Duration
	}{
		"401": {fault: on("initialize", status(401, `{"error":"invalid_token"}`)), status: 401},
		"429": {
			fault:      on("initialize", status(429, ``, "Retry-After: 5")),
			status:     429,
			retryAfter: 5 * time.Second,
		},
		"500":                   {fault: on("initialize", status(500, ``)), status: 500},
		"redirect":              {fault: on("initialize", status(302, ``, "Location: /elsewhere")), status: 302},
		"half a body":           {fault: on("initialize", cutOff(jsonType, `{"jsonrpc":`)), status: 200},
		"stream without answer": {fault: on("initialize", respond(sseType, "\n")), status: 200},
		"unknown version": {
			fault: on("initialize", respond(jsonType,
				`{"jsonrpc":"2.0","id":ID,"result":{"protocolVersion":"1999-01-01"}}`)),
			status: 200,
		},
		"no version": {
			fault:  on("initialize", respond(jsonType, `{"jsonrpc":"2.0","id":ID,"result":[]}`)),
			status: 200,
		},
		"initialized not allowed": {fault: on("notifications/initialized", status(403, ``)), status: 403},
		"initialized dropped":     {fault: on("notifications/initialized", abort)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := (&seller{fault: c.fault}).start(t)
			_, err := client(t).Call(t.Context(), s.agent(), "create_media_buy", json.RawMessage(`{}`))
			if ce := wantCallError(t, err, adcp.Unsent, c.status); ce.RetryAfter != c.retryAfter {
				t.Errorf("retry after %v, want %v", ce.RetryAfter, c.retryAfter)
			}
			if n := len(s.received(http.MethodPost, "tools/call")); n != 0 {
				t.Errorf("the call was sent %d times", n)
			}
		})
	}
}

// An agent that refuses the handshake with an AdCP error has answered.
func TestAdCPErrorOfTheHandshakeIsAnAnswer(t *testing.T) {
	t.Parallel()
	const refusal = `{"jsonrpc":"2.0","id":1,"error":{"code":-32028,"message":"m",` +
		`"data":{"adcp_error":{"code":"AUTH_MISSING","message":"m"}}}}`
	s := (&seller{fault: on("initialize", status(401, refusal))}).start(t)
	resp, err := client(t).Call(t.Context(), s.agent(), "create_media_buy", json.RawMessage(`{}`))
	if err != nil || errorCode(resp) != "AUTH_MISSING" || resp.Err.Recovery != adcp.Correctable {
		t.Errorf("got %+v, %v", resp, err)
	}
	_, err = client(t).Discover(t.Context(), s.agent())
	wantCallError(t, err, adcp.Refused, 0)
}

type resolverFunc func(host string) ([]netip.Addr, error)

func (f resolverFunc) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	return f(host)
}

func TestCallThatCannotLeaveIsUnsent(t *testing.T) {
	t.Parallel()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	private := resolverFunc(func(string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("10.0.0.1")}, nil
	})
	unknown := resolverFunc(func(host string) ([]netip.Addr, error) {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	})
	mcpAgent := func(u, ref string) registry.Agent {
		return registry.Agent{URL: u, Transport: adcp.MCP, CredentialRef: ref}
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		agent    registry.Agent
		resolver safehttp.Resolver
		ctx      context.Context
		args     string
		is       func(error) bool
	}{
		"connection refused": {agent: mcpAgent(closed.URL, "")},
		"unknown name": {
			agent:    mcpAgent("https://seller.example/mcp", ""),
			resolver: unknown,
			is:       as[*net.DNSError],
		},
		"private address": {
			agent:    mcpAgent("https://seller.example/mcp", ""),
			resolver: private,
			is:       as[*safehttp.BlockedError],
		},
		"metadata address": {
			agent: mcpAgent("http://169.254.169.254/mcp", ""),
			is:    as[*safehttp.BlockedError],
		},
		"no such secret":    {agent: mcpAgent(closed.URL, "adcp/acme/none")},
		"empty secret":      {agent: mcpAgent(closed.URL, "adcp/acme/empty")},
		"another transport": {agent: registry.Agent{URL: closed.URL, Transport: "smtp"}},
		"no URL":            {agent: mcpAgent("", "")},
		"context canceled": {
			agent: mcpAgent(closed.URL, ""),
			ctx:   canceled,
			is:    func(err error) bool { return errors.Is(err, context.Canceled) },
		},
		"arguments that are not JSON":      {agent: mcpAgent(closed.URL, ""), args: `{`},
		"arguments that are not an object": {agent: mcpAgent(closed.URL, ""), args: ` []`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cl := New(Options{
				Secrets: secrets{"adcp/acme/empty": " \n"},
				HTTP:    safehttp.Options{AllowLoopback: true, Resolver: c.resolver},
			})
			if c.ctx == nil {
				c.ctx = t.Context()
			}
			if c.args == "" {
				c.args = `{}`
			}
			_, err := cl.Call(c.ctx, c.agent, "create_media_buy", json.RawMessage(c.args))
			wantCallError(t, err, adcp.Unsent, 0)
			if c.is != nil && !c.is(err) {
				t.Errorf("err = %v", err)
			}
		})
	}
}

func as[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

// An agent that goes away between the handshake and the call was not called.
func TestAgentGoesAwayBeforeTheCall(t *testing.T) {
	t.Parallel()
	s := &seller{}
	server := httptest.NewUnstartedServer(s)
	s.fault = on("notifications/initialized", func(w http.ResponseWriter, _ *http.Request, _ message) {
		_ = server.Listener.Close()
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusAccepted)
	})
	server.Start()
	t.Cleanup(server.Close)
	s.url = server.URL
	a := s.agent()
	_, err := client(t).Call(t.Context(), a, "create_media_buy", json.RawMessage(`{}`))
	wantCallError(t, err, adcp.Unsent, 0)
}
