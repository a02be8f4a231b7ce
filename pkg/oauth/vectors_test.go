package oauth_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp/adcptest"
	"adcp-orchestrator/pkg/oauth"
	"adcp-orchestrator/pkg/safehttp"
)

// vector is one case of AdCP's vectors for the metadata of OAuth.
type vector struct {
	ID       string
	AgentURL string `json:"agent_url"`
	DNS      map[string]struct {
		Addresses []string
		Classes   []string `json:"fixture_address_classes"`
	}
	Responses map[string]fixture
	Expected  struct {
		Success   bool
		ErrorCode string `json:"error_code"`
	} `json:"expected_outcome"`
}

// fixture is what a server answers.
type fixture struct {
	Status       int
	Headers      map[string]string
	JSON         json.RawMessage
	Body         string
	NetworkError string `json:"network_error"`
	Peer         string `json:"connected_peer_address"`
}

// guarded judges addresses as the client in production does.
func guarded(address string) error { return safehttp.CheckURL(address, false) }

// world answers the requests of one vector as the guarded client would: it refuses what that
// refuses, by address, by what a name resolves to, and by the peer.
type world struct {
	vector
	asked map[string]bool
}

func (w world) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Header.Get("Authorization") != "" || req.Body != nil && req.Body != http.NoBody {
		return nil, errors.New("a look at metadata sends a credential or a body")
	}
	key := req.Method + " " + req.URL.String()
	w.asked[key] = true
	if err := guarded(req.URL.String()); err != nil {
		return nil, err
	}
	host := w.DNS[req.URL.Hostname()]
	for i, a := range host.Addresses {
		if i < len(host.Classes) && host.Classes[i] == "globally_routable_fixture_only" {
			continue
		}
		if err := guarded("https://" + a); err != nil {
			return nil, err
		}
	}
	f, ok := w.Responses[key]
	switch {
	case !ok:
		return nil, errors.New(key + " is not in the vector")
	case f.NetworkError != "":
		return nil, &net.OpError{Op: "dial", Err: errors.New(f.NetworkError)}
	case f.Peer != "":
		if err := guarded("https://" + f.Peer); err != nil {
			return nil, err
		}
	}
	body := f.JSON
	if f.Body != "" {
		body = json.RawMessage(f.Body)
	}
	h := http.Header{}
	for name, value := range f.Headers {
		h.Set(name, value)
	}
	return &http.Response{StatusCode: f.Status, Header: h, Body: io.NopCloser(bytes.NewReader(body))}, nil
}

// Every vector of AdCP 3.2.4 ends as it says (contract L26).
func TestMetadataIsJudgedAsTheVectorsSay(t *testing.T) {
	t.Parallel()
	var file struct{ Positive, Negative []vector }
	name := "_compliance/3.2.4/test-vectors/oauth-setup/vectors.json"
	if err := json.Unmarshal(adcptest.Bundle(t, name), &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Positive) < 6 || len(file.Negative) < 28 {
		t.Fatalf("%d and %d vectors", len(file.Positive), len(file.Negative))
	}
	for _, v := range slices.Concat(file.Positive, file.Negative) {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			w := world{v, map[string]bool{}}
			f := oauth.Fetcher{HTTP: w, CheckURL: guarded, Now: time.Now}
			_, fault := f.Check(t.Context(), v.AgentURL)
			got := oauth.Code("")
			if fault != nil {
				got = fault.Code
			}
			if string(got) != v.Expected.ErrorCode || (fault == nil) != v.Expected.Success {
				t.Errorf("got %v, want %q", fault, v.Expected.ErrorCode)
			}
			for _, key := range slices.Sorted(maps.Keys(v.Responses)) {
				if v.Expected.Success && !w.asked[key] {
					t.Errorf("%s was not judged", key)
				}
			}
		})
	}
}

// What AdCP's metadata check accepts, a token can be asked for, if the server may know the grant.
func TestSecretGoesToTheFirstListedServerWithTheGrant(t *testing.T) {
	t.Parallel()
	const agent, one, two = "https://agent.example.com/mcp", "https://one.example.net", "https://two.example.org"
	metadata := func(issuer, grants string) fixture {
		return fixture{Status: 200, JSON: json.RawMessage(`{"issuer":"` + issuer + `","token_endpoint":"` + issuer +
			`/t","authorization_endpoint":"` + issuer + `/a","response_types_supported":["code"]` + grants + `}`)}
	}
	const wellKnown = "/.well-known/oauth-authorization-server"
	listed := fixture{Status: 200, JSON: json.RawMessage(`{"resource":"` + agent + `","authorization_servers":["` +
		one + `","` + two + `"]}`)}
	grants := `,"grant_types_supported":["authorization_code"]`
	for name, tc := range map[string]struct {
		first  fixture
		pinned string
		want   string
		code   oauth.Code
	}{
		"the first":                         {metadata(one, ""), "", one, ""},
		"the first does not know the grant": {metadata(one, grants), "", two, ""},
		"the first is another one":          {metadata(two, ""), "", "", oauth.IssuerMismatch},
		"the first differs by a slash":      {metadata(one+"/", ""), "", "", oauth.IssuerMismatch},
		"the first is away":                 {fixture{Status: 503}, "", "", oauth.ServerUnavailable},
		"the second is pinned":              {fixture{Status: 503}, two, two, ""},
		"the pinned one is not the stated":  {metadata(two, ""), one, "", oauth.IssuerMismatch},
		"the pinned one lacks the grant":    {metadata(one, grants), one, "", oauth.GrantUnsupported},
	} {
		w := world{vector{Responses: map[string]fixture{
			"GET https://agent.example.com/.well-known/oauth-protected-resource/mcp": listed,
			"GET " + one + wellKnown: tc.first, "GET " + two + wellKnown: metadata(two, ""),
		}}, map[string]bool{}}
		s, fault := oauth.Fetcher{HTTP: w, CheckURL: guarded, Now: time.Now}.Find(t.Context(), agent, tc.pinned)
		code := oauth.Code("")
		if fault != nil {
			code = fault.Code
		}
		if s.Issuer != tc.want || code != tc.code {
			t.Errorf("%s: got %q, %v", name, s.Issuer, fault)
		}
	}
}

func TestCanonicalAddress(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"https://Agent.Example.com:443/MCP":  "https://agent.example.com/MCP",
		"HTTPS://agent.example.com/":         "https://agent.example.com",
		"https://agent.example.com:8443/a/":  "https://agent.example.com:8443/a/",
		"http://[::1]:80/mcp?x=Y":            "http://[::1]/mcp?x=Y",
		"https://agent.example.com/mcp#frag": "",
		"https://u:p@agent.example.com/mcp":  "",
		"agent.example.com/mcp":              "",
		"%":                                  "",
	} {
		if got := oauth.Canonical(address); got != want {
			t.Errorf("%s: got %q, want %q", address, got, want)
		}
	}
}

// Documents are looked for where RFC 9728, RFC 8414 and OpenID Connect have them, in that order.
func TestWhereMetadataIsLookedFor(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		got  []string
		want []string
	}{
		"an agent at a path": {oauth.ResourceURLs("https://a.example/x/mcp"), []string{
			"https://a.example/.well-known/oauth-protected-resource/x/mcp",
			"https://a.example/.well-known/oauth-protected-resource"}},
		"an agent with a query": {oauth.ResourceURLs("https://a.example/mcp/?k=1"), []string{
			"https://a.example/.well-known/oauth-protected-resource/mcp/?k=1",
			"https://a.example/.well-known/oauth-protected-resource"}},
		"an agent at an escaped path": {oauth.ResourceURLs("https://a.example/a%2Fb"), []string{
			"https://a.example/.well-known/oauth-protected-resource/a%2Fb",
			"https://a.example/.well-known/oauth-protected-resource"}},
		"an agent at the root": {oauth.ResourceURLs("https://a.example:8443/"), []string{
			"https://a.example:8443/.well-known/oauth-protected-resource"}},
		"an issuer": {oauth.ServerURLs("https://id.example"), []string{
			"https://id.example/.well-known/oauth-authorization-server",
			"https://id.example/.well-known/openid-configuration"}},
		"an issuer with a path": {oauth.ServerURLs("https://id.example/t/"), []string{
			"https://id.example/.well-known/oauth-authorization-server/t",
			"https://id.example/.well-known/openid-configuration/t",
			"https://id.example/t/.well-known/openid-configuration"}},
	} {
		if !slices.Equal(tc.got, tc.want) {
			t.Errorf("%s: got %q", name, tc.got)
		}
	}
	// Only an address that has nothing leads to the next one.
	const issuer = "https://id.example"
	found := fixture{Status: 200, JSON: json.RawMessage(`{"issuer":"` + issuer + `","token_endpoint":"` + issuer +
		`/t","grant_types_supported":["client_credentials"]}`)}
	for first, want := range map[int]oauth.Code{404: "", 400: "", 405: "", 503: oauth.ServerUnavailable,
		429: oauth.ServerUnavailable, 302: oauth.ServerUnavailable} {
		w := world{vector{Responses: map[string]fixture{
			"GET " + issuer + "/.well-known/oauth-authorization-server": {Status: first},
			"GET " + issuer + "/.well-known/openid-configuration":       found,
		}}, map[string]bool{}}
		_, fault := oauth.Fetcher{HTTP: w, CheckURL: guarded, Now: time.Now}.Find(t.Context(), "https://a.example", issuer)
		if (fault == nil) != (want == "") || fault != nil && fault.Code != want {
			t.Errorf("HTTP %d: %v", first, fault)
		}
	}
}
