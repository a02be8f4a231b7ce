package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/safehttp"
)

const (
	oauthRef     = "adcp/acme/oauth"
	clientSecret = "client-secret-0123456789"
)

// guardedSeller is a seller that accepts the last token of its own authorization server only, on
// the same origin.
type guardedSeller struct {
	seller
	// refuse answers a request with a token that is not the last one. By default it answers as RFC
	// 6750 says.
	refuse handler
	// late: only tools/call is guarded.
	late bool
	// grant answers requests for a token; nil for token-00000001, token-00000002, …
	grant func(n int) (status int, body string)

	lock   sync.Mutex
	tokens int
	// revoked: the last token is not valid any more.
	revoked bool
	forms   []url.Values
}

func (s *guardedSeller) start(t *testing.T) *guardedSeller {
	t.Helper()
	if s.result == nil {
		s.result = toolResult(`{"structuredContent":{"media_buys":[]}}`)
	}
	s.fault = s.guard
	s.seller.start(t)
	return s
}

func (s *guardedSeller) agent() registry.Agent {
	a := s.seller.agent()
	a.CredentialRef = ""
	a.Auth = operation.Auth{Type: operation.AuthClientCredentials, CredentialRef: oauthRef}
	return a
}

// revoke ends the last token.
func (s *guardedSeller) revoke() {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.revoked = true
}

func (s *guardedSeller) asked() int {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.tokens
}

func (s *guardedSeller) guard(w http.ResponseWriter, r *http.Request, m message) bool {
	s.lock.Lock()
	defer s.lock.Unlock()
	origin := "http://" + r.Host
	switch r.URL.Path {
	case "/.well-known/oauth-protected-resource/mcp":
		_, _ = fmt.Fprintf(w, `{"resource":"%s/mcp","authorization_servers":["%s"]}`, origin, origin)
		return true
	case "/.well-known/oauth-authorization-server":
		_, _ = fmt.Fprintf(w, `{"issuer":"%s","token_endpoint":"%s/token","grant_types_supported":["client_credentials"]}`,
			origin, origin)
		return true
	case "/token":
		form, _ := url.ParseQuery(string(m.body))
		s.forms = append(s.forms, form)
		if r.Method == http.MethodPost {
			s.tokens++
			s.revoked = false
		}
		status, body := 200, fmt.Sprintf(`{"access_token":"token-%08d","token_type":"Bearer","expires_in":3600}`, s.tokens)
		if s.grant != nil {
			status, body = s.grant(s.tokens)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
		return true
	}
	last := fmt.Sprintf("Bearer token-%08d", s.tokens)
	if r.Header.Get("Authorization") == last && !s.revoked || s.late && m.Method != "tools/call" {
		return false
	}
	if s.refuse != nil {
		s.refuse(w, r, m)
		return true
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="a, b", error="invalid_token", resource_metadata="`+origin+
		`/.well-known/oauth-protected-resource/mcp"`)
	w.WriteHeader(http.StatusUnauthorized)
	return true
}

func oauthClient(t *testing.T) *Client {
	t.Helper()
	c := New(Options{
		Secrets: secrets{credential: "token-1\n",
			oauthRef: `{"client_id":"buyer","client_secret":"` + clientSecret + `"}`},
		HTTP: safehttp.Options{AllowLoopback: true},
		Now:  func() time.Time { return noon },
	})
	t.Cleanup((&http.Client{Transport: c.base}).CloseIdleConnections)
	return c
}

func TestCallsShareOneTokenAndTheAgentNeverSeesTheSecret(t *testing.T) {
	t.Parallel()
	s := (&guardedSeller{}).start(t)
	c := oauthClient(t)
	for range 3 {
		if _, err := c.Call(t.Context(), s.agent(), "create_media_buy", []byte(`{"a": 1}`)); err != nil {
			t.Fatal(err)
		}
	}
	if s.asked() != 1 || s.forms[0].Get("resource") != s.url {
		t.Errorf("%d requests for a token: %v", s.asked(), s.forms)
	}
	for _, m := range s.received("POST", "tools/call") {
		all, _ := json.Marshal(m.header)
		if strings.Contains(string(all)+string(m.body), clientSecret) {
			t.Errorf("the agent got the secret: %s %s", all, m.body)
		}
		if arguments(t, m) != `{"a": 1}` {
			t.Errorf("got %s", arguments(t, m))
		}
	}
}

// A refusal that proves that the agent did not look at the request is answered by another token at
// once; any other one leaves the next attempt to the orchestrator.
func TestRefusedTokenIsReplacedOnce(t *testing.T) {
	t.Parallel()
	status := func(code int) handler {
		return func(w http.ResponseWriter, _ *http.Request, _ message) { w.WriteHeader(code) }
	}
	adcpError := func(code string) handler {
		return func(w http.ResponseWriter, _ *http.Request, m message) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"isError":true,"structuredContent":`+
				`{"adcp_error":{"code":"%s","message":"no","recovery":"terminal"}}}}`, m.ID, code)
		}
	}
	sameToken := func(int) (int, string) {
		return 200, `{"access_token":"token-00000001","token_type":"Bearer","expires_in":3600}`
	}
	for name, tc := range map[string]struct {
		late   bool
		refuse handler
		grant  func(int) (int, string)
		calls  int // of the tool, with the first good one
		fails  bool
		asked  int
	}{
		"the handshake is refused":                 {false, nil, nil, 2, false, 2},
		"the handshake is refused without a word":  {false, status(401), nil, 2, false, 2},
		"the call is refused, token invalid":       {true, nil, nil, 3, false, 2},
		"the call is refused without a word":       {true, status(401), nil, 2, true, 1},
		"AUTH_INVALID":                             {true, adcpError("AUTH_INVALID"), nil, 3, false, 2},
		"AUTH_REQUIRED":                            {true, adcpError("AUTH_REQUIRED"), nil, 3, false, 2},
		"AUTH_MISSING though a token was sent":     {true, adcpError("AUTH_MISSING"), nil, 2, true, 1},
		"another error":                            {true, adcpError("POLICY_VIOLATION"), nil, 2, true, 1},
		"forbidden":                                {true, status(403), nil, 2, true, 1},
		"a fault":                                  {true, status(500), nil, 2, true, 1},
		"the server gives the refused token again": {true, nil, sameToken, 2, true, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := (&guardedSeller{late: tc.late, refuse: tc.refuse, grant: tc.grant}).start(t)
			c := oauthClient(t)
			if _, err := c.Call(t.Context(), s.agent(), "create_media_buy", []byte(`{}`)); err != nil {
				t.Fatal(err)
			}
			s.lock.Lock()
			s.tokens, s.revoked = 1, true
			s.lock.Unlock()
			if tc.grant != nil { // a token that stays refused
				s.refuse = func(w http.ResponseWriter, _ *http.Request, _ message) {
					w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
					w.WriteHeader(http.StatusUnauthorized)
				}
			}
			r, err := c.Call(t.Context(), s.agent(), "create_media_buy", []byte(`{}`))
			calls := len(s.received("POST", "tools/call"))
			if failed := err != nil || r.Err != nil; failed != tc.fails || calls != tc.calls || s.asked() != tc.asked {
				t.Errorf("%+v, %v: %d calls, %d tokens", r, err, calls, s.asked())
			}
		})
	}
}

// After a refusal without a word nothing is sent again, but the token is not used any more.
func TestNextCallAfterARefusalHasAnotherToken(t *testing.T) {
	t.Parallel()
	s := (&guardedSeller{late: true}).start(t)
	s.refuse = func(w http.ResponseWriter, _ *http.Request, _ message) { w.WriteHeader(401) }
	c := oauthClient(t)
	_, _ = c.Call(t.Context(), s.agent(), "create_media_buy", []byte(`{}`))
	s.revoke()
	_, err := c.Call(t.Context(), s.agent(), "create_media_buy", []byte(`{}`))
	var ce *adcp.CallError
	if !errors.As(err, &ce) || ce.Status != 401 || ce.Outcome != adcp.Refused {
		t.Fatalf("got %v", err)
	}
	if _, err := c.Call(t.Context(), s.agent(), "create_media_buy", []byte(`{}`)); err != nil || s.asked() != 2 {
		t.Errorf("%v, %d tokens", err, s.asked())
	}
}

func TestSessionIsOpenedAnewWithANewToken(t *testing.T) {
	t.Parallel()
	s := (&guardedSeller{late: true, seller: seller{sessions: true}}).start(t)
	shared, end := oauthClient(t).Session(t.Context())
	defer end()
	for i := range 4 {
		if i == 2 {
			s.revoke()
		}
		if _, err := shared.Call(t.Context(), s.agent(), "get_media_buys", []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
	}
	if opened := len(s.received("POST", "initialize")); opened != 2 || s.asked() != 2 {
		t.Errorf("%d sessions, %d tokens", opened, s.asked())
	}
}

// Without a token the agent is not called, and no text holds what was handed over in confidence.
func TestCallWithoutATokenIsUnsent(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status int
		body   string
		code   string
		waits  bool
	}{
		"the client is refused": {401, `{"error":"invalid_client","error_description":"no ` + clientSecret + ` here"}`,
			"oauth_client_refused", false},
		"the server is overloaded": {503, clientSecret, "oauth_token_unavailable", true},
		"an answer in its own terms": {200, `{"access_token":"` + clientSecret + `","token_type":"` + clientSecret + `"}`,
			"oauth_token_invalid", false},
	} {
		s := (&guardedSeller{grant: func(int) (int, string) { return tc.status, tc.body }}).start(t)
		c := oauthClient(t)
		_, called := c.Call(t.Context(), s.agent(), "create_media_buy", []byte(`{}`))
		_, discovered := c.Discover(t.Context(), s.agent())
		for _, err := range []error{called, discovered} {
			var ce *adcp.CallError
			if !errors.As(err, &ce) || ce.Outcome != adcp.Unsent || ce.Status != 0 || ce.Authorization != tc.code ||
				ce.AuthorizationWaits != tc.waits || strings.Contains(err.Error(), clientSecret) {
				t.Errorf("%s: got %v", name, err)
			}
		}
		if n := len(s.received("POST", "initialize")); n != 0 {
			t.Errorf("%s: the agent was called", name)
		}
	}
}

func TestTokenAndSecretAreRedacted(t *testing.T) {
	t.Parallel()
	s := &guardedSeller{}
	s.result = toolResult(`{"structuredContent":{"adcp_error":{"code":"X","message":"token-00000001 of ` + clientSecret +
		`"},"note":"token-00000001"}}`)
	s.start(t)
	r, err := oauthClient(t).Call(t.Context(), s.agent(), "create_media_buy", []byte(`{}`))
	if text := fmt.Sprintf("%s %+v", r.Payload, r.Err); err != nil || strings.Contains(text, "token-0000") ||
		strings.Contains(text, clientSecret) || !strings.Contains(text, "[redacted]") {
		t.Errorf("%s, %v", text, err)
	}
}

// A secret of one kind is never used as one of the other kind.
func TestEntryDecidesHowItsSecretIsUsed(t *testing.T) {
	t.Parallel()
	s := (&guardedSeller{}).start(t)
	c := oauthClient(t)
	both := s.agent()
	both.CredentialRef = credential // stored later, by code that does not know auth
	k, err := c.authorize(t.Context(), both)
	if err != nil || k.token != "token-1" || k.request != nil {
		t.Errorf("both: %v, %v", k, err)
	}
	newer := s.agent()
	newer.Auth.Type = "private_key_jwt"
	wrong := s.agent()
	wrong.Auth.CredentialRef = credential // a bare token
	for name, a := range map[string]registry.Agent{"of newer code": newer, "a token for a client": wrong} {
		var ce *adcp.CallError
		if _, err := c.Call(t.Context(), a, "get_media_buys", []byte(`{}`)); !errors.As(err, &ce) ||
			ce.Outcome != adcp.Unsent || strings.Contains(err.Error(), "token-1") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(s.received("POST", "")); n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestDemandForOAuthIsReported(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		challenges []string
		want       bool
	}{
		"RFC 9728": {[]string{`Bearer resource_metadata="https://a.example/x"`}, true},
		"among others": {[]string{`Basic realm="a, Bearer b"`,
			`Digest q=1, bearer error="e", resource_metadata="x"`}, true},
		"a plain bearer":    {[]string{`Bearer realm="resource_metadata=x"`}, false},
		"of another scheme": {[]string{`Bearer, DPoP resource_metadata="x"`}, false},
		"nothing":           {nil, false},
	} {
		s := &seller{fault: func(w http.ResponseWriter, _ *http.Request, _ message) bool {
			for _, c := range tc.challenges {
				w.Header().Add("WWW-Authenticate", c)
			}
			w.WriteHeader(http.StatusUnauthorized)
			return true
		}}
		s.start(t)
		_, called := client(t).Call(t.Context(), s.agent(), "get_media_buys", []byte(`{}`))
		_, discovered := client(t).Discover(t.Context(), s.agent())
		for _, err := range []error{called, discovered} {
			var ce *adcp.CallError
			if !errors.As(err, &ce) || ce.Status != 401 || ce.DemandsOAuth != tc.want {
				t.Errorf("%s: got %+v", name, ce)
			}
		}
	}
}

func TestMetadataOfAnAgentIsInspectedWithoutACredential(t *testing.T) {
	t.Parallel()
	s := (&guardedSeller{}).start(t)
	got := oauthClient(t).InspectAuth(t.Context(), s.agent())
	if got.Code != "" || len(got.Issuers) != 1 || s.asked() != 0 {
		t.Errorf("got %+v, %d tokens", got, s.asked())
	}
	other := s.agent()
	other.URL += "/other"
	if got := oauthClient(t).InspectAuth(t.Context(), other); got.Code != "oauth_protected_resource_metadata_unavailable" {
		t.Errorf("got %+v", got)
	}
}
