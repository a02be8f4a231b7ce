package agent

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/safehttp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// on makes a fault of one JSON-RPC method.
func on(method string, h func(w http.ResponseWriter, r *http.Request, m message)) func(http.ResponseWriter, *http.Request, message) bool {
	return func(w http.ResponseWriter, r *http.Request, m message) bool {
		if m.Method == method {
			h(w, r, m)
		}
		return m.Method == method
	}
}

// status answers with an HTTP status, a body and headers given as "Name: value".
func status(code int, body string, headers ...string) func(http.ResponseWriter, *http.Request, message) {
	return func(w http.ResponseWriter, _ *http.Request, _ message) {
		for _, h := range headers {
			name, value, _ := strings.Cut(h, ": ")
			w.Header().Set(name, value)
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// partly answers 200 with the beginning of a body and then breaks the connection off.
func partly(contentType, body string) func(http.ResponseWriter, *http.Request, message) {
	return func(w http.ResponseWriter, _ *http.Request, m message) {
		w.Header().Set("Content-Type", contentType)
		_, _ = io.WriteString(w, strings.ReplaceAll(body, "ID", string(m.ID)))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

// whole answers 200 with a body.
func whole(contentType, body string) func(http.ResponseWriter, *http.Request, message) {
	return func(w http.ResponseWriter, _ *http.Request, m message) {
		w.Header().Set("Content-Type", contentType)
		_, _ = io.WriteString(w, strings.ReplaceAll(body, "ID", string(m.ID)))
	}
}

const (
	jsonType = "application/json"
	sseType  = "text/event-stream"
)

// TestCallFaults: whatever happens to a tools/call, it is sent once, and it is Ambiguous unless the answer proves otherwise.
func TestCallFaults(t *testing.T) {
	t.Parallel()
	const rpc = `{"jsonrpc":"2.0","id":ID,"error":{"code":%d,"message":"m"}}`
	for name, c := range map[string]struct {
		fault      func(http.ResponseWriter, *http.Request, message)
		outcome    adcp.Outcome
		status     int
		retryAfter time.Duration
		code       string // an AdCP error instead
	}{
		"401": {fault: status(401, `{"error":"invalid_token"}`), outcome: adcp.Refused, status: 401},
		"403": {fault: status(403, ``), outcome: adcp.Refused, status: 403},
		"404": {fault: status(404, `{"jsonrpc":"2.0","id":"server-error","error":{"code":-32600,"message":"Session not found"}}`), outcome: adcp.Refused, status: 404},
		"405": {fault: status(405, ``), outcome: adcp.Refused, status: 405},
		"406": {fault: status(406, ``), outcome: adcp.Refused, status: 406},
		"429": {fault: status(429, ``, "Retry-After: 7"), outcome: adcp.Refused, status: 429, retryAfter: 7 * time.Second},
		"429 until": {fault: status(429, ``, "Retry-After: "+noon.Add(2*time.Hour).Format(http.TimeFormat)),
			outcome: adcp.Refused, status: 429, retryAfter: time.Hour},
		"429 in AdCP's terms": {fault: status(429, `{"jsonrpc":"2.0","id":null,"error":{"code":-32029,"message":"m","data":{"adcp_error":{"code":"RATE_LIMITED"}}}}`, "Retry-After: 9"),
			code: "RATE_LIMITED", retryAfter: 9 * time.Second},
		"503 in AdCP's terms": {fault: status(503, `{"jsonrpc":"2.0","id":1,"error":{"code":-32027,"message":"m","data":{"adcp_error":{"code":"SERVICE_UNAVAILABLE","retry_after":30}}}}`, "Retry-After: 9"),
			code: "SERVICE_UNAVAILABLE", retryAfter: 30 * time.Second},
		"400":              {fault: status(400, `no`), outcome: adcp.Ambiguous, status: 400},
		"400 not accepted": {fault: status(400, `{"jsonrpc":"2.0","id":"server-error","error":{"code":-32600,"message":"Missing session ID"}}`), outcome: adcp.Refused, status: 400},
		"500":              {fault: status(500, ``), outcome: adcp.Ambiguous, status: 500},
		"500 with a code":  {fault: status(500, `{"jsonrpc":"2.0","id":1,"error":{"code":-32600,"message":"m"}}`), outcome: adcp.Ambiguous, status: 500},
		"502":              {fault: status(502, `<html>`), outcome: adcp.Ambiguous, status: 502},
		"503":              {fault: status(503, ``, "Retry-After: 120"), outcome: adcp.Ambiguous, status: 503, retryAfter: 2 * time.Minute},
		"504":              {fault: status(504, ``), outcome: adcp.Ambiguous, status: 504},
		"307":              {fault: status(307, ``, "Location: /elsewhere"), outcome: adcp.Ambiguous, status: 307},
		"202":              {fault: status(202, ``), outcome: adcp.Ambiguous, status: 202},

		"parse error":          {fault: whole(jsonType, fmt.Sprintf(rpc, -32700)), outcome: adcp.Refused, status: 200},
		"invalid request":      {fault: whole(sseType, "data: "+fmt.Sprintf(rpc, -32600)+"\n\n"), outcome: adcp.Refused, status: 200},
		"method not found":     {fault: whole(jsonType, fmt.Sprintf(rpc, -32601)), outcome: adcp.Refused, status: 200},
		"invalid params":       {fault: whole(sseType, "data: "+fmt.Sprintf(rpc, -32602)+"\n\n"), outcome: adcp.Refused, status: 200},
		"internal error":       {fault: whole(jsonType, fmt.Sprintf(rpc, -32603)), outcome: adcp.Ambiguous, status: 200},
		"a code of its own":    {fault: whole(sseType, "data: "+fmt.Sprintf(rpc, -32029)+"\n\n"), outcome: adcp.Ambiguous, status: 200},
		"the SDK's own code":   {fault: whole(jsonType, fmt.Sprintf(rpc, -32005)), outcome: adcp.Ambiguous, status: 200},
		"AdCP error in an RPC": {fault: whole(jsonType, `{"jsonrpc":"2.0","id":ID,"error":{"code":-32028,"message":"m","data":{"adcp_error":{"code":"AUTH_MISSING"}}}}`), code: "AUTH_MISSING"},

		"reset":                        {fault: func(http.ResponseWriter, *http.Request, message) { panic(http.ErrAbortHandler) }, outcome: adcp.Ambiguous},
		"half a body":                  {fault: partly(jsonType, `{"jsonrpc":"2.0","id":ID,"result":{"struct`), outcome: adcp.Ambiguous, status: 200},
		"half a body that claims more": {fault: short, outcome: adcp.Ambiguous, status: 200},
		"no JSON":                      {fault: whole(jsonType, `OK`), outcome: adcp.Ambiguous, status: 200},
		"a page":                       {fault: whole("text/html", `<html>please log in</html>`), outcome: adcp.Ambiguous, status: 200},
		"nothing":                      {fault: whole(jsonType, ``), outcome: adcp.Ambiguous, status: 200},
		"a batch":                      {fault: whole(jsonType, `[{"jsonrpc":"2.0","id":ID,"result":{}}]`), outcome: adcp.Ambiguous, status: 200},
		"the answer to another":        {fault: whole(jsonType, `{"jsonrpc":"2.0","id":99,"result":{"structuredContent":{"status":"completed"}}}`), outcome: adcp.Ambiguous, status: 200},
		"an id of another type":        {fault: whole(jsonType, `{"jsonrpc":"2.0","id":"ID","result":{"structuredContent":{"status":"completed"}}}`), outcome: adcp.Ambiguous, status: 200},
		"a result that is no object":   {fault: whole(jsonType, `{"jsonrpc":"2.0","id":ID,"result":"done"}`), outcome: adcp.Ambiguous, status: 200},
		"neither result nor error":     {fault: whole(jsonType, `{"jsonrpc":"2.0","id":ID}`), outcome: adcp.Ambiguous, status: 200},
		"another session":              {fault: anotherSession, outcome: adcp.Ambiguous, status: 200},
		"too large":                    {fault: whole(jsonType, `{"jsonrpc":"2.0","id":ID,"result":{"pad":"`+strings.Repeat("x", maxAnswer)+`"}}`), outcome: adcp.Ambiguous, status: 200},
		"too large, streamed":          {fault: whole(sseType, `data: {"jsonrpc":"2.0","id":ID,"result":{"pad":"`+strings.Repeat("x", maxAnswer)+"\"}}\n\n"), outcome: adcp.Ambiguous, status: 200},

		"stream ends without an answer":  {fault: whole(sseType, ": nothing to say\n\n"), outcome: adcp.Ambiguous, status: 200},
		"stream breaks off":              {fault: partly(sseType, "event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":ID,\"resu"), outcome: adcp.Ambiguous, status: 200},
		"resumable stream breaks off":    {fault: partly(sseType, "id: 1\nretry: 1\ndata:\n\n"), outcome: adcp.Ambiguous, status: 200},
		"resumable stream ends":          {fault: whole(sseType, "id: 1\nretry: 1\ndata:\n\n"), outcome: adcp.Ambiguous, status: 200},
		"stream with a line of nonsense": {fault: whole(sseType, "\xff\xfenonsense\n\n"), outcome: adcp.Ambiguous, status: 200},
		"stream with an event of none":   {fault: whole(sseType, "data: nonsense\n\n"), outcome: adcp.Ambiguous, status: 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := (&seller{sessions: true, fault: on("tools/call", c.fault)}).start(t)
			resp, err := client(t).Call(t.Context(), s.agent(), "create_media_buy", json.RawMessage(`{}`))
			if c.code != "" {
				if err != nil || errorCode(resp) != c.code || resp.Err.RetryAfter != c.retryAfter {
					t.Errorf("got %+v, %v", resp, err)
				}
			} else if ce := wantCallError(t, err, c.outcome, c.status); ce.RetryAfter != c.retryAfter {
				t.Errorf("retry after %v, want %v", ce.RetryAfter, c.retryAfter)
			}
			if strings.HasPrefix(name, "too large") && !as[*safehttp.TooLargeError](err) {
				t.Errorf("err = %v does not say that the answer is too large", err)
			}
			if n := len(s.received(http.MethodPost, "tools/call")); n != 1 {
				t.Errorf("the call was sent %d times", n)
			}
			if n := len(s.received(http.MethodGet, "")); n != 0 {
				t.Errorf("%d streams were opened", n)
			}
		})
	}
}

// short promises more than it sends.
func short(w http.ResponseWriter, _ *http.Request, m message) {
	w.Header().Set("Content-Type", jsonType)
	w.Header().Set("Content-Length", "1000")
	_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"structuredContent":{"status":"completed"}}}`, m.ID)
}

func anotherSession(w http.ResponseWriter, _ *http.Request, m message) {
	w.Header().Set("Content-Type", jsonType)
	w.Header().Set("Mcp-Session-Id", "other")
	_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"structuredContent":{"status":"completed"}}}`, m.ID)
}

// TestHandshakeFaults: what goes wrong before the call is Unsent, with the status as a hint at the reason.
func TestHandshakeFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault      func(http.ResponseWriter, *http.Request, message) bool
		status     int
		retryAfter time.Duration
	}{
		"401":                     {fault: on("initialize", status(401, `{"error":"invalid_token"}`)), status: 401},
		"429":                     {fault: on("initialize", status(429, ``, "Retry-After: 5")), status: 429, retryAfter: 5 * time.Second},
		"500":                     {fault: on("initialize", status(500, ``)), status: 500},
		"redirect":                {fault: on("initialize", status(302, ``, "Location: /elsewhere")), status: 302},
		"half a body":             {fault: on("initialize", partly(jsonType, `{"jsonrpc":`)), status: 200},
		"stream without answer":   {fault: on("initialize", whole(sseType, "\n")), status: 200},
		"unknown version":         {fault: on("initialize", whole(jsonType, `{"jsonrpc":"2.0","id":ID,"result":{"protocolVersion":"1999-01-01"}}`)), status: 200},
		"no version":              {fault: on("initialize", whole(jsonType, `{"jsonrpc":"2.0","id":ID,"result":[]}`)), status: 200},
		"initialized not allowed": {fault: on("notifications/initialized", status(403, ``)), status: 403},
		"initialized cut off":     {fault: on("notifications/initialized", func(http.ResponseWriter, *http.Request, message) { panic(http.ErrAbortHandler) })},
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

// An agent that asks for a credential in AdCP's terms has answered.
func TestHandshakeRefusedInAdCPsTerms(t *testing.T) {
	t.Parallel()
	s := (&seller{fault: on("initialize", status(401, `{"jsonrpc":"2.0","id":1,"error":{"code":-32028,"message":"m","data":{"adcp_error":{"code":"AUTH_MISSING","message":"m"}}}}`))}).start(t)
	resp, err := client(t).Call(t.Context(), s.agent(), "create_media_buy", json.RawMessage(`{}`))
	if err != nil || errorCode(resp) != "AUTH_MISSING" || resp.Err.Recovery != adcp.Correctable {
		t.Errorf("got %+v, %v", resp, err)
	}
	_, err = client(t).Discover(t.Context(), s.agent())
	wantCallError(t, err, adcp.Refused, 0)
}

type lookup func(host string) ([]netip.Addr, error)

func (l lookup) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) { return l(host) }

func TestNothingLeaves(t *testing.T) {
	t.Parallel()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	private := lookup(func(string) ([]netip.Addr, error) { return []netip.Addr{netip.MustParseAddr("10.0.0.1")}, nil })
	unknown := lookup(func(host string) ([]netip.Addr, error) {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	})
	mcpAgent := func(u, ref string) registry.Agent {
		return registry.Agent{URL: u, Transport: registry.MCP, CredentialRef: ref}
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		agent    registry.Agent
		resolver safehttp.Resolver
		ctx      context.Context
		args     string
		is       func(error) bool
	}{
		"connection refused":  {agent: mcpAgent(closed.URL, "")},
		"unknown name":        {agent: mcpAgent("https://seller.example/mcp", ""), resolver: unknown, is: as[*net.DNSError]},
		"private address":     {agent: mcpAgent("https://seller.example/mcp", ""), resolver: private, is: as[*safehttp.BlockedError]},
		"metadata address":    {agent: mcpAgent("http://169.254.169.254/mcp", ""), is: as[*safehttp.BlockedError]},
		"no such secret":      {agent: mcpAgent(closed.URL, "adcp/acme/none")},
		"empty secret":        {agent: mcpAgent(closed.URL, "adcp/acme/empty")},
		"another transport":   {agent: registry.Agent{URL: closed.URL, Transport: "smtp"}},
		"no URL":              {agent: mcpAgent("", "")},
		"context over":        {agent: mcpAgent(closed.URL, ""), ctx: cancelled, is: func(err error) bool { return errors.Is(err, context.Canceled) }},
		"arguments no JSON":   {agent: mcpAgent(closed.URL, ""), args: `{`},
		"arguments no object": {agent: mcpAgent(closed.URL, ""), args: ` []`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cl := New(Options{Secrets: secrets{"adcp/acme/empty": " \n"}, HTTP: safehttp.Options{AllowLoopback: true, Resolver: c.resolver}})
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

// When the context ends during a call, it is Ambiguous, at once, and the agent is neither told to cancel nor asked to end the session.
func TestContextEnds(t *testing.T) {
	t.Parallel()
	for _, streamed := range []bool{false, true} {
		t.Run(fmt.Sprintf("streamed=%v", streamed), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			gone := make(chan struct{})
			s := (&seller{sessions: true, fault: on("tools/call", func(w http.ResponseWriter, r *http.Request, _ message) {
				if streamed {
					w.Header().Set("Content-Type", sseType)
					w.(http.Flusher).Flush()
				}
				cancel()
				<-r.Context().Done()
				close(gone)
			})}).start(t)
			_, err := client(t).Call(ctx, s.agent(), "create_media_buy", json.RawMessage(`{}`))
			var ce *adcp.CallError
			if !errors.As(err, &ce) || ce.Outcome != adcp.Ambiguous || !errors.Is(err, context.Canceled) {
				t.Errorf("err = %v", err)
			}
			<-gone
			if n := len(s.received(http.MethodPost, "")); n != 3 {
				t.Errorf("%d requests were sent, want 3", n)
			}
			if n := len(s.received(http.MethodDelete, "")); n != 0 {
				t.Error("the session was ended after the call's time")
			}
		})
	}
}
