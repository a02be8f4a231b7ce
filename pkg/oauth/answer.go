package oauth

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// Credential is what a client authenticates with at an authorization server.
type Credential struct{ ID, Secret string }

// maxCredential is the length in bytes of the longest client id or secret.
const maxCredential = 4096

// ReadCredential reads {"client_id": "…", "client_secret": "…"}, the text of a secret. Its errors
// quote nothing of it.
func ReadCredential(secret string) (Credential, *Fault) {
	m, err := members([]byte(secret))
	id, hasID := text(m["client_id"])
	key, hasKey := text(m["client_secret"])
	if err != nil || !hasID || !hasKey || !sendable(id, maxCredential) || !sendable(key, maxCredential) {
		return Credential{}, fault(SecretInvalid, "auth.credential_ref",
			`the secret must hold {"client_id": "…", "client_secret": "…"}`)
	}
	return Credential{id, key}, nil
}

// Texts are the forms in which the secret leaves this process, all of them to be redacted.
func (c Credential) Texts() []string {
	return []string{c.Secret, url.QueryEscape(c.Secret), c.basic()}
}

// basic is the credential in an Authorization header (RFC 6749, section 2.3.1).
func (c Credential) basic() string {
	return base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(c.ID) + ":" + url.QueryEscape(c.Secret)))
}

// sendable reports whether a text of a secret or of a server can go out: printable ASCII, not
// empty.
func sendable(s string, limit int) bool {
	return s != "" && len(s) <= limit && !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r > 0x7e })
}

// authMethod chooses how the secret is sent: as the entry says, or by the server's metadata. Only
// one way is tried.
func (s Server) authMethod(chosen string) (string, *Fault) {
	switch {
	case chosen != "":
		return chosen, nil
	case s.AuthMethods == nil, slices.Contains(s.AuthMethods, SecretBasic): // RFC 8414's default
		return SecretBasic, nil
	case slices.Contains(s.AuthMethods, SecretPost):
		return SecretPost, nil
	}
	return "", fault(AuthMethodUnsupported, "token_endpoint_auth_methods_supported",
		"the server takes no client secret")
}

// tokenRequest is the body of a request for a token, and its Authorization header.
func (r Request) tokenRequest(method string) (form url.Values, authorization string) {
	form = url.Values{"grant_type": {clientCredentials}}
	for name, value := range map[string]string{
		"scope": r.Scope, "audience": r.Audience, "resource": r.resource(),
	} {
		if value != "" {
			form.Set(name, value)
		}
	}
	if method == SecretPost {
		form.Set("client_id", r.Credential.ID)
		form.Set("client_secret", r.Credential.Secret)
		return form, ""
	}
	return form, "Basic " + r.Credential.basic()
}

// resource is what the token is for (RFC 8707): the agent's address, unless the entry says
// otherwise.
func (r Request) resource() string {
	if r.Resource != "" {
		return r.Resource
	}
	return Canonical(r.AgentURL)
}

// The lifetimes of tokens. A server that states none, or none that can be read, has its tokens used
// for as long as the shortest ones usually live.
const (
	defaultLifetime = 5 * time.Minute
	maxLifetime     = 24 * time.Hour
	maxToken        = 16 << 10
)

// readToken reads the answer of a token endpoint: a token, and how long it lives.
func (a answer) readToken() (token string, lifetime time.Duration, f *Fault) {
	if a.status != http.StatusOK {
		return "", 0, a.refusal()
	}
	m, err := members(a.body)
	if err != nil {
		return "", 0, fault(TokenInvalid, "token_endpoint", "the answer can't be read: %w", err)
	}
	token, _ = text(m["access_token"])
	kind, _ := text(m["token_type"])
	switch {
	case !strings.EqualFold(kind, "Bearer"):
		return "", 0, fault(TokenInvalid, "token_type", "the token's type is %.40q", kind)
	case !sendable(token, maxToken), strings.Contains(token, " "):
		return "", 0, fault(TokenInvalid, "access_token", "it is missing, too long, or not of printable characters")
	}
	return token, readLifetime(m["expires_in"]), nil
}

// readLifetime reads a number of seconds.
func readLifetime(raw json.RawMessage) time.Duration {
	seconds, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || math.IsNaN(seconds) { // missing, a text, or beyond all numbers
		return defaultLifetime
	}
	return time.Duration(max(0, min(seconds, maxLifetime.Seconds())) * float64(time.Second))
}

// margin is how long before its end a token is renewed: a tenth of its life and at least a minute.
// Tokens that live shorter than two minutes serve for half of it.
func margin(lifetime time.Duration) time.Duration {
	return min(max(lifetime/10, time.Minute), lifetime/2)
}

// refusal is the fault of an answer without a token (RFC 6749, section 5.2).
func (a answer) refusal() *Fault {
	m, _ := members(a.body)
	code, _ := text(m["error"])
	description, _ := text(m["error_description"])
	f := fault(RequestRefused, "auth", "the authorization server answered HTTP %d, %s", a.status,
		adcp.LogText(code+": "+description))
	f.RetryAfter = a.retryAfter
	switch code {
	case "invalid_client", "unauthorized_client", "access_denied":
		f.Code, f.Field = ClientRefused, "auth.credential_ref"
		return f
	case "invalid_scope":
		f.Field = "auth.scope"
		return f
	case "invalid_target":
		f.Field = "auth.resource"
		return f
	case "temporarily_unavailable", "server_error", "slow_down":
		f.Code, f.Field, f.Waiting = TokenUnavailable, "token_endpoint", true
		return f
	}
	switch {
	case a.status >= 500, a.status == http.StatusTooManyRequests, a.status == http.StatusRequestTimeout:
		f.Code, f.Field, f.Waiting = TokenUnavailable, "token_endpoint", true
	case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden:
		f.Code, f.Field = ClientRefused, "auth.credential_ref"
	case a.status < 400:
		f.Code, f.Field = TokenInvalid, "token_endpoint"
	}
	return f
}
