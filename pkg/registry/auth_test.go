package registry_test

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
)

const oauthEntry = `{"url":"https://s.example/mcp","auth":{"type":"oauth_client_credentials",` +
	`"credential_ref":"adcp/acme/oauth","scope":"adcp buy","resource":"urn:adcp:s","audience":"https://s.example",` +
	`"issuer":"https://id.example","token_endpoint_auth_method":"client_secret_post"}}`

func TestEntryNamesEveryWrongMemberOfAuth(t *testing.T) {
	t.Parallel()
	const min = `"type":"oauth_client_credentials","credential_ref":"adcp/acme/oauth"`
	for auth, want := range map[string][]string{
		`{` + min + `}`:                       nil,
		`null`:                                nil,
		`{"type":"bearer"}`:                   nil,
		`"oauth"`:                             {"auth"},
		`{}`:                                  {"auth.type"},
		`{"type":null}`:                       {"auth.type"},
		`{"type":1}`:                          {"auth.type"},
		`{"type":"private_key_jwt"}`:          {"auth.type"},
		`{"type":"bearer","scope":"a"}`:       {"auth"},
		`{"type":"oauth_client_credentials"}`: {"auth.credential_ref"},
		`{"type":"oauth_client_credentials","credential_ref":"adcp/other/x"}`:         {"auth.credential_ref"},
		`{"type":"oauth_client_credentials","credential_ref":"adcp/acme/../other/x"}`: {"auth.credential_ref"},
		`{"type":"oauth_client_credentials","credential_ref":7,"Scope":"a"}`:          {"auth.Scope", "auth.credential_ref"},
		`{` + min + `,"client_secret":"s"}`:                                           {"auth.client_secret"},
		`{` + min + `,"scope":"a  b"}`:                                                {"auth.scope"},
		`{` + min + `,"scope":"a\"b"}`:                                                {"auth.scope"},
		`{` + min + `,"scope":"` + strings.Repeat("a", 2049) + `"}`:                   {"auth.scope"},
		`{` + min + `,"audience":"a\nb"}`:                                             {"auth.audience"},
		`{` + min + `,"resource":"s.example/mcp"}`:                                    {"auth.resource"},
		`{` + min + `,"resource":"https://s.example/#a"}`:                             {"auth.resource"},
		`{` + min + `,"issuer":"http://id.example"}`:                                  {"auth.issuer"},
		`{` + min + `,"issuer":"https://10.0.0.1"}`:                                   {"auth.issuer"},
		`{` + min + `,"issuer":"https://id.example?t=1"}`:                             {"auth.issuer"},
		`{` + min + `,"token_endpoint_auth_method":"none"}`:                           {"auth.token_endpoint_auth_method"},
		`{` + min + `},"credential_ref":"adcp/acme/seller"`:                           {"credential_ref"},
	} {
		r, _ := register(&fakeAgent{Profile: cleanProfile()})
		_, _, err := r.Run(t.Context(), "acme", "seller", []byte(`{"url":"https://s.example/mcp","auth":`+auth+`}`))
		if got := wrongFields(t, err); !slices.Equal(got, want) {
			t.Errorf("%s: got %q: %v", auth, got, err)
		}
		if err != nil {
			checkFieldErrors(t, err)
		}
	}
}

// releasedAgent is the entry as code without auth reads it.
type releasedAgent struct {
	URL           string `json:"url"`
	CredentialRef string `json:"credential_ref"`
}

// Code that does not know auth must not send the client's secret as a bearer token: it finds no
// credential.
func TestCodeWithoutOAuthFindsNoCredential(t *testing.T) {
	t.Parallel()
	r, s := register(&fakeAgent{Profile: cleanProfile()})
	if _, _, err := r.Run(t.Context(), "acme", "seller", []byte(oauthEntry)); err != nil {
		t.Fatal(err)
	}
	a, err := s.Agent(t.Context(), "acme", "seller")
	if err != nil {
		t.Fatal(err)
	}
	want := operation.Auth{Type: "oauth_client_credentials", CredentialRef: "adcp/acme/oauth", Scope: "adcp buy",
		Resource: "urn:adcp:s", Audience: "https://s.example", Issuer: "https://id.example",
		TokenEndpointAuthMethod: "client_secret_post"}
	if a.Auth != want {
		t.Errorf("stored %+v", a.Auth)
	}
	target := operation.Target{URL: a.URL, CredentialRef: a.CredentialRef, Auth: a.Authorization()}
	for name, document := range map[string]any{"the entry": a, "an operation's target": target} {
		raw, err := json.Marshal(document)
		var old releasedAgent
		if err != nil || json.Unmarshal(raw, &old) != nil || old.URL != a.URL || old.CredentialRef != "" {
			t.Errorf("%s is read as %+v of %s", name, old, raw)
		}
	}
	// It stores a bearer token's secret beside what it does not know: that one is newer.
	a.CredentialRef = "adcp/acme/seller"
	if a.Authorization() != (operation.Auth{}) || a.CredentialKey() != "adcp/acme/seller" {
		t.Errorf("both: %+v", a.Authorization())
	}
	// An entry without auth is stored as before.
	raw, err := json.Marshal(seller())
	if err != nil || strings.Contains(string(raw), `"auth"`) {
		t.Errorf("got %s, %v", raw, err)
	}
}

// An agent's circuit is one of its credential: it opens for the one that is refused.
func TestCircuitBelongsToTheAuthorization(t *testing.T) {
	t.Parallel()
	plain := seller()
	keys := map[string]bool{plain.CircuitKey(): true}
	for _, change := range []func(*operation.Auth){
		func(*operation.Auth) {},
		func(a *operation.Auth) { a.CredentialRef = "adcp/acme/other" },
		func(a *operation.Auth) { a.Scope = "adcp" },
		func(a *operation.Auth) { a.Issuer = "https://id.example" },
	} {
		a := seller()
		a.CredentialRef, a.Auth = "", operation.Auth{Type: operation.AuthClientCredentials, CredentialRef: "adcp/acme/o"}
		change(&a.Auth)
		keys[a.CircuitKey()] = true
	}
	if len(keys) != 5 {
		t.Errorf("%d circuits", len(keys))
	}
}

// inspectedAgent is an agent with OAuth metadata.
type inspectedAgent struct {
	fakeAgent
	registry.AuthReport
	looks int
}

func (i *inspectedAgent) InspectAuth(ctx context.Context, _ registry.Agent) registry.AuthReport {
	i.looks++
	if _, bounded := ctx.Deadline(); !bounded {
		return registry.AuthReport{Code: "unbounded"}
	}
	return i.AuthReport
}

func TestRegistrationReportsTheMetadataGraph(t *testing.T) {
	t.Parallel()
	const pinned = `{"url":"https://s.example/mcp","auth":{"type":"oauth_client_credentials",` +
		`"credential_ref":"adcp/acme/o","issuer":"https://id.example"}}`
	unpinned := strings.Replace(pinned, `,"issuer":"https://id.example"`, "", 1)
	listed := []string{"https://id.example"}
	noToken := &adcp.CallError{Outcome: adcp.Unsent, Authorization: "oauth_client_refused"}
	for name, tc := range map[string]struct {
		entry  string
		report registry.AuthReport
		err    error
		want   []string
	}{
		"all is well": {pinned, registry.AuthReport{Issuers: listed}, nil, []string{}},
		"not pinned": {unpinned, registry.AuthReport{Issuers: listed}, nil,
			[]string{"note oauth_issuer_not_pinned auth.issuer"}},
		"a bearer agent": {sellerEntry, registry.AuthReport{Code: "oauth_issuer_mismatch"}, nil, []string{}},
		"another server is pinned": {pinned, registry.AuthReport{Issuers: []string{"https://id.example/"}}, nil,
			[]string{"unsafe oauth_issuer_not_listed auth.issuer"}},
		"a fault that a token got around": {pinned,
			registry.AuthReport{Issuers: listed, Code: "oauth_jwks_unavailable", Field: "jwks_uri"}, nil,
			[]string{"note oauth_jwks_unavailable jwks_uri"}},
		"a fault that keeps the token away": {pinned, registry.AuthReport{Code: "oauth_issuer_mismatch", Field: "issuer"},
			&adcp.CallError{Outcome: adcp.Unsent, Authorization: "oauth_issuer_mismatch"},
			[]string{"unsafe oauth_issuer_mismatch auth"}},
		"the client is refused": {pinned, registry.AuthReport{Issuers: listed}, noToken,
			[]string{"unsafe oauth_client_refused auth"}},
		"the agent refuses the token": {pinned, registry.AuthReport{Issuers: listed},
			&adcp.CallError{Outcome: adcp.Unsent, Status: 401}, []string{"unsafe credential_refused auth"}},
		"a bearer agent demands OAuth": {sellerEntry, registry.AuthReport{},
			&adcp.CallError{Outcome: adcp.Unsent, Status: 401, DemandsOAuth: true}, []string{"unsafe oauth_demanded auth"}},
	} {
		agent := &inspectedAgent{AuthReport: tc.report}
		agent.Profile, agent.err = cleanProfile(), tc.err
		r, s := register(&agent.fakeAgent)
		r.Agents = agent
		_, found, err := r.Run(t.Context(), "acme", "seller", []byte(tc.entry))
		if err != nil || !slices.Equal(lines(found.Findings), tc.want) {
			t.Errorf("%s: got %q, %v", name, lines(found.Findings), err)
		}
		for _, f := range found.Findings {
			if f.Detail == "" || f.Remedy == "" {
				t.Errorf("%s: %+v", name, f)
			}
		}
		if _, err := s.Agent(t.Context(), "acme", "seller"); err != nil { // whatever the findings
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Entries of both kinds are kept and read by the store.
func TestAuthIsStoredWithTheEntry(t *testing.T) {
	t.Parallel()
	r, s := register(&fakeAgent{Profile: cleanProfile()})
	put, _, err := r.Run(t.Context(), "acme", "seller", []byte(oauthEntry))
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Agent(t.Context(), "acme", "seller")
	if err != nil || !reflect.DeepEqual(got, put) {
		t.Errorf("got %+v, want %+v, %v", got, put, err)
	}
	put, _, err = r.Run(t.Context(), "acme", "seller", []byte(sellerEntry))
	if err != nil || put.Auth != (operation.Auth{}) {
		t.Errorf("it stays: %+v, %v", put.Auth, err)
	}
}
