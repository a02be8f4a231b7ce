package registry

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/validation"
)

// AuthInspector is a Caller that can look at what an agent says about its authorization servers.
type AuthInspector interface {
	// InspectAuth reads an agent's OAuth metadata with all that it leads to (contract L26), and calls
	// neither the agent nor a token endpoint with a credential.
	InspectAuth(ctx context.Context, a Agent) AuthReport
}

// AuthReport is what an agent's OAuth metadata says.
type AuthReport struct {
	// Issuers are the authorization servers that the agent lists, as far as they could be read.
	Issuers []string
	// Code is the first fault, a code of package oauth, "" if there is none; Field is the member that
	// it is about.
	Code, Field string
}

// inspect begins to look at the metadata of an agent whose calls need an OAuth token. The function
// that it returns waits for the findings; reached says that the agent accepted a token.
func (r Register) inspect(ctx context.Context, a Agent) (findings func(reached bool) []Finding) {
	inspector, ok := r.Agents.(AuthInspector)
	if !ok || a.Authorization().Type != operation.AuthClientCredentials {
		return func(bool) []Finding { return nil }
	}
	found := make(chan AuthReport, 1)
	go func() { found <- inspector.InspectAuth(ctx, a) }()
	return func(reached bool) []Finding { return authFindings(a.Authorization(), <-found, reached) }
}

// authFindings returns what the owner should know about the authorization of an agent. What did not
// keep the agent from accepting a token is worth a note.
func authFindings(auth operation.Auth, said AuthReport, reached bool) []Finding {
	r := report{}
	if code := said.Code; code != "" {
		severity := SeverityUnsafe
		if reached {
			severity = SeverityNote
		}
		detail, remedy := describeAuthorization(code)
		r.add(severity, code, said.Field, detail, remedy)
	}
	if auth.Issuer != "" && len(said.Issuers) > 0 && !slices.Contains(said.Issuers, auth.Issuer) {
		r.add(SeverityUnsafe, "oauth_issuer_not_listed", "auth.issuer",
			"the agent's metadata does not list the authorization server that gets the client's secret",
			"check auth.issuer with the agent's owner")
	}
	return r.findings
}

// describeAuthorization describes a fault of package oauth, and says what to do about it. It shows
// nothing of the server's.
func describeAuthorization(code string) (detail, remedy string) {
	const owner = "ask the agent's owner to correct it"
	const document = "the metadata of the authorization server "
	const address = "register the agent's address exactly as its metadata names it"
	const tokens = "the authorization server "
	switch code {
	case "oauth_fetch_blocked":
		return "an address that the agent's OAuth metadata leads to is not public, or not https", owner
	case "oauth_graph_limit_exceeded":
		return "the agent's OAuth metadata leads to too many servers", "pin the server in auth.issuer"
	case "oauth_protected_resource_metadata_unavailable":
		return "the agent has no OAuth metadata at its address", address + ", or pin the server in auth.issuer"
	case "oauth_protected_resource_metadata_invalid":
		return "the agent's OAuth metadata can't be read", owner + ", or pin the server in auth.issuer"
	case "oauth_resource_mismatch":
		return "the agent's OAuth metadata is about another address", address + ", or pin the server in auth.issuer"
	case "oauth_authorization_servers_empty":
		return "the agent's OAuth metadata lists no authorization server", owner + ", or pin the server in auth.issuer"
	case "oauth_authorization_server_url_invalid":
		return "an authorization server that the agent lists has no plain https address", owner
	case "oauth_authorization_server_metadata_unavailable":
		return document + "can't be read at its address", "try again later, or " + owner
	case "oauth_authorization_server_metadata_invalid":
		return document + "lacks a member, or can't be read", owner
	case "oauth_issuer_mismatch":
		return document + "is that of another server", owner +
			", an issuer has to be equal in every byte; or pin in auth.issuer the one that the server itself states"
	case "oauth_endpoint_url_invalid":
		return "an endpoint of the authorization server has no plain https address", owner
	case "oauth_endpoint_unreachable":
		return "an endpoint of the authorization server does not answer", "try again later, or " + owner
	case "oauth_jwks_unavailable":
		return "the keys of the authorization server can't be read", owner
	case "oauth_secret_invalid":
		return "the secret that auth.credential_ref names does not hold a client id and a client secret",
			`store {"client_id": "…", "client_secret": "…"} in it`
	case "oauth_grant_unsupported":
		return "no authorization server of the agent offers the client credentials grant", owner
	case "oauth_auth_method_unsupported":
		return tokens + "takes no client secret", "ask the agent's owner for a client with a secret"
	case "oauth_client_refused":
		return tokens + "refuses the client id or its secret",
			"check the secret that auth.credential_ref names, and whether the client is still registered"
	case "oauth_request_refused":
		return tokens + "refuses the request for a token",
			"check auth.scope, auth.resource and auth.audience with the agent's owner"
	case "oauth_token_invalid":
		return tokens + "answers with something that is no Bearer token", owner
	}
	return tokens + "gives no token at present", "operations try again by themselves"
}

// authMembers are the members of an entry's auth, for the remedy of a misspelled one.
const authMembers = "type, credential_ref, scope, resource, audience, issuer and token_endpoint_auth_method"

// readAuth decodes an entry's auth. What is missing is zero.
func readAuth(c *validation.Checks, raw json.RawMessage) (auth operation.Auth) {
	if len(raw) == 0 || string(raw) == "null" {
		return auth
	}
	readMembers(c, "auth", raw, authMembers, map[string]target{
		"type":                       {&auth.Type, "a string"},
		"credential_ref":             {&auth.CredentialRef, "a string"},
		"scope":                      {&auth.Scope, "a string"},
		"resource":                   {&auth.Resource, "a string"},
		"audience":                   {&auth.Audience, "a string"},
		"issuer":                     {&auth.Issuer, "a string"},
		"token_endpoint_auth_method": {&auth.TokenEndpointAuthMethod, "a string"},
	})
	if auth.Type == "" && !c.Has("auth") && !c.Has("auth.type") {
		c.Add("auth.type", validation.InvalidValue, `must be "oauth_client_credentials" or "bearer"`,
			"send it, or leave auth out for a bearer token")
	}
	return auth
}

// maxAuthMember is the length in bytes of the longest member of an entry's auth.
const maxAuthMember = 2048

// checkAuth checks an entry's auth, and returns it as it is stored.
func (r Register) checkAuth(c *validation.Checks, tenant string, in entry) operation.Auth {
	auth := in.Auth
	switch auth.Type {
	case "":
		return operation.Auth{}
	case operation.AuthBearer:
		if auth != (operation.Auth{Type: operation.AuthBearer}) {
			c.Add("auth", validation.InvalidValue, "must have no other member beside the type bearer",
				"name the token's secret in credential_ref of the entry")
		}
		return operation.Auth{}
	case operation.AuthClientCredentials:
	default:
		c.Add("auth.type", validation.InvalidValue, `must be "oauth_client_credentials" or "bearer"`,
			"leave auth out for a bearer token")
		return operation.Auth{}
	}
	if in.CredentialRef != "" {
		c.Add("credential_ref", validation.InvalidValue, "must be left out beside auth",
			"name the client's secret in auth.credential_ref")
	}
	if !c.Has("auth.credential_ref") && !credentialRef(tenant).MatchString(auth.CredentialRef) {
		c.Add("auth.credential_ref", validation.InvalidValue,
			"must name one of your secrets in Secrets Manager: adcp/"+tenant+"/<name>",
			`store {"client_id": "…", "client_secret": "…"} there and send the secret's name`)
	}
	if auth.Scope != "" && !scopes(auth.Scope) {
		c.Add("auth.scope", validation.InvalidValue, "must be names with one space between them",
			"send what the agent's owner told you, or leave it out")
	}
	if auth.Audience != "" && !printable(auth.Audience, "") {
		c.Add("auth.audience", validation.InvalidValue, "must be printable ASCII of at most 2048 bytes",
			"send what the agent's owner told you, or leave it out")
	}
	if u, err := url.Parse(auth.Resource); auth.Resource != "" &&
		(err != nil || u.Scheme == "" || u.User != nil || u.Fragment != "" || !printable(auth.Resource, " ")) {
		c.Add("auth.resource", validation.InvalidValue, "must be an absolute URI without a fragment",
			"leave it out for the agent's address")
	}
	r.checkIssuer(c, auth.Issuer)
	switch auth.TokenEndpointAuthMethod {
	case "", "client_secret_basic", "client_secret_post":
	default:
		c.Add("auth.token_endpoint_auth_method", validation.InvalidValue,
			`must be "client_secret_basic" or "client_secret_post"`, "leave it out to follow the server's metadata")
	}
	return auth
}

func (r Register) checkIssuer(c *validation.Checks, issuer string) {
	if issuer == "" {
		return
	}
	const remedy = "send the issuer as the authorization server's metadata has it, byte for byte"
	if err := r.Checker.CheckURL(issuer); err != nil {
		c.Add("auth.issuer", validation.InvalidValue, "must be an address that can be fetched: "+err.Error(), remedy)
	} else if strings.Contains(issuer, "?") {
		c.Add("auth.issuer", validation.InvalidValue, "must be an address without a query", remedy)
	}
}

// scopes reports whether a text is a list of scopes (RFC 6749, section 3.3).
func scopes(s string) bool {
	return len(s) <= maxAuthMember && !slices.ContainsFunc(strings.Split(s, " "), func(name string) bool {
		return !printable(name, ` "\`)
	})
}

// printable reports whether a text is of printable ASCII, without some characters, not empty and
// not too long.
func printable(s, without string) bool {
	return s != "" && len(s) <= maxAuthMember && !strings.ContainsFunc(s, func(r rune) bool {
		return r < 0x20 || r > 0x7e || strings.ContainsRune(without, r)
	})
}
