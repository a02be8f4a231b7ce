package oauth

import (
	"fmt"
	"time"
)

// Code says what is wrong with an authorization server, its metadata or its answers. The codes of
// the metadata are those of AdCP's vectors (contract L26).
type Code string

// The codes of the metadata, in the order in which it is judged.
const (
	FetchBlocked        Code = "oauth_fetch_blocked"
	GraphLimit          Code = "oauth_graph_limit_exceeded"
	ResourceUnavailable Code = "oauth_protected_resource_metadata_unavailable"
	ResourceInvalid     Code = "oauth_protected_resource_metadata_invalid"
	ResourceMismatch    Code = "oauth_resource_mismatch"
	ServersEmpty        Code = "oauth_authorization_servers_empty"
	ServerURLInvalid    Code = "oauth_authorization_server_url_invalid"
	ServerUnavailable   Code = "oauth_authorization_server_metadata_unavailable"
	ServerInvalid       Code = "oauth_authorization_server_metadata_invalid"
	IssuerMismatch      Code = "oauth_issuer_mismatch"
	EndpointURLInvalid  Code = "oauth_endpoint_url_invalid"
	EndpointUnreachable Code = "oauth_endpoint_unreachable"
	JWKSUnavailable     Code = "oauth_jwks_unavailable"
)

// The codes of a token that was not got although the metadata is in order.
const (
	// SecretInvalid: the secret is not {"client_id": "…", "client_secret": "…"}.
	SecretInvalid Code = "oauth_secret_invalid"
	// GrantUnsupported: no server that the agent lists offers the client credentials grant.
	GrantUnsupported Code = "oauth_grant_unsupported"
	// AuthMethodUnsupported: the server takes the secret neither by Basic nor in the form.
	AuthMethodUnsupported Code = "oauth_auth_method_unsupported"
	// ClientRefused: the server refuses the client id or the secret.
	ClientRefused Code = "oauth_client_refused"
	// RequestRefused: the server refuses the scope, the resource, the audience or the grant.
	RequestRefused Code = "oauth_request_refused"
	// TokenInvalid: the server's answer is not a Bearer token.
	TokenInvalid Code = "oauth_token_invalid"
	// TokenUnavailable: the server can't be reached, or is overloaded.
	TokenUnavailable Code = "oauth_token_unavailable"
)

// Fault is why there is no token. Its text is for our own logs: it may hold addresses, and up to
// 200 bytes of the server's.
type Fault struct {
	Code Code
	// Field is the member of the metadata or of the agent's entry that the fault is about.
	Field string
	// Waiting: it may go away by itself. Otherwise a person has to act.
	Waiting bool
	// RetryAfter is how long the server asked us to wait, 0 if it did not.
	RetryAfter time.Duration
	Cause      error
}

func (f *Fault) Error() string {
	if f.Cause == nil {
		return fmt.Sprintf("%s (%s)", f.Code, f.Field)
	}
	return fmt.Sprintf("%s (%s): %v", f.Code, f.Field, f.Cause)
}

// Unwrap returns the cause.
func (f *Fault) Unwrap() error { return f.Cause }

func fault(code Code, field, format string, args ...any) *Fault {
	return &Fault{Code: code, Field: field, Cause: fmt.Errorf(format, args...)}
}
