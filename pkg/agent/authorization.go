package agent

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/oauth"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
)

// authorization is what one call is authorized with.
type authorization struct {
	token string
	// secrets are to be redacted in whatever comes back.
	secrets adcp.Secrets
	// request got the token; nil for a token of the agent's owner.
	request *oauth.Request
	// seen is what the agent says about the token, when it refuses it.
	seen *challenge
}

// authorize returns what a call of the agent is authorized with.
func (c *Client) authorize(ctx context.Context, a registry.Agent) (*authorization, error) {
	auth := a.Authorization()
	if auth.Type == "" {
		token, err := c.token(ctx, a)
		return &authorization{token: token, secrets: adcp.NewSecrets(token), seen: &challenge{}}, err
	}
	if auth.Type != operation.AuthClientCredentials {
		return nil, unsent(fmt.Errorf("authorization %q is not known to this version", auth.Type))
	}
	text, err := c.secrets.Secret(ctx, auth.CredentialRef)
	if err != nil {
		return nil, unsent(fmt.Errorf("credential %q: %w", auth.CredentialRef, err))
	}
	client, fault := oauth.ReadCredential(text)
	if fault != nil {
		return nil, unauthorized(fault, adcp.Secrets{})
	}
	r := &oauth.Request{
		Tenant:     a.Tenant,
		AgentURL:   a.URL,
		Credential: client,
		Scope:      auth.Scope,
		Resource:   auth.Resource,
		Audience:   auth.Audience,
		Issuer:     auth.Issuer,
		AuthMethod: auth.TokenEndpointAuthMethod,
	}
	secrets := adcp.NewSecrets(client.Texts()...)
	token, err := c.tokens.Token(ctx, *r)
	if err != nil {
		errors.As(err, &fault)
		return nil, unauthorized(fault, secrets)
	}
	return &authorization{token, secrets.And(adcp.NewSecrets(token)), r, &challenge{}}, nil
}

// unauthorized says that no token was got: nothing was sent to the agent.
func unauthorized(f *oauth.Fault, secrets adcp.Secrets) *adcp.CallError {
	return &adcp.CallError{
		Outcome:            adcp.Unsent,
		RetryAfter:         f.RetryAfter,
		Authorization:      string(f.Code),
		AuthorizationWaits: f.Waiting,
		Cause:              secrets.Error(&cleanError{f}),
	}
}

// withCredential makes a call with the agent's credential. If the agent refuses a token that was
// got for it, the token is dropped; if that also proves that the agent did not look at the request,
// the call is made once more with another token (contract L27, D12). try reports how it went by
// refusal. The error says that there was no credential; then try was not called.
func (c *Client) withCredential(ctx context.Context, a registry.Agent, try func(*authorization) refusal) error {
	first, err := c.authorize(ctx, a)
	if err != nil {
		return err
	}
	how := try(first)
	if how == accepted || first.request == nil {
		return nil
	}
	c.tokens.Drop(*first.request, first.token)
	if how != unread {
		return nil
	}
	second, err := c.authorize(ctx, a)
	if err != nil || second.token == first.token {
		return nil //nolint:nilerr // what the agent answered says more
	}
	second.secrets = second.secrets.And(first.secrets)
	try(second)
	return nil
}

// refusal is what an answer says about the credential.
type refusal int

const (
	accepted refusal = iota // or not judged
	refused                 // and the request may have been read
	unread                  // refused before the request was looked at
)

// judge returns what the end of a call says about its credential, and records in the error that the
// agent demands OAuth.
func (k *authorization) judge(r adcp.Response, err error) refusal {
	var ce *adcp.CallError
	if err == nil || !errors.As(err, &ce) {
		if r.Err != nil && deniedCodes(r.Err.Code) {
			return unread // contract C29
		}
		return accepted
	}
	switch {
	case deniedCodes(ce.Code):
		return unread
	case ce.Status != http.StatusUnauthorized || ce.Signature != "":
		return accepted
	}
	ce.DemandsOAuth = k.request == nil && k.seen.resource.Load()
	if ce.Outcome == adcp.Unsent || k.seen.invalidToken.Load() {
		return unread
	}
	return refused
}

// deniedCodes reports whether an AdCP error refuses a credential that was sent.
func deniedCodes(code string) bool {
	return slices.Contains([]string{"AUTH_INVALID", "AUTH_REQUIRED"}, code)
}

// challenge is what the last 401 of a call says in its WWW-Authenticate header.
type challenge struct {
	// invalidToken: the token is expired, revoked or malformed (RFC 6750, section 3.1).
	invalidToken atomic.Bool
	// resource: there is OAuth metadata (RFC 9728, section 5.1).
	resource atomic.Bool
}

func (c *challenge) reset() {
	c.invalidToken.Store(false)
	c.resource.Store(false)
}

// watched is a RoundTripper that notes the challenges of the agent.
type watched struct {
	http.RoundTripper
	seen *challenge
}

func (w watched) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := w.RoundTripper.RoundTrip(req)
	if err == nil && resp.StatusCode == http.StatusUnauthorized {
		p := bearerChallenge(resp.Header)
		w.seen.invalidToken.Store(p["error"] == "invalid_token")
		_, named := p["resource_metadata"]
		w.seen.resource.Store(named)
	}
	return resp, err
}

// bearerChallenge returns the parameters of the first Bearer challenge (RFC 9110, section 11.6.1),
// by their names in lower case; nil if there is none.
func bearerChallenge(h http.Header) map[string]string {
	var found map[string]string
	for _, v := range h.Values("WWW-Authenticate") {
		for v != "" {
			var item string
			item, v = cutItem(v)
			name, value, isParam := strings.Cut(item, "=")
			scheme, first, spaced := strings.Cut(strings.TrimSpace(name), " ")
			if spaced || !isParam { // a new challenge, with or without its first parameter
				if found != nil {
					return found
				}
				if !strings.EqualFold(scheme, "Bearer") {
					continue
				}
				found, name = map[string]string{}, first
			}
			if found != nil && isParam {
				found[strings.ToLower(strings.TrimSpace(name))] = strings.Trim(strings.TrimSpace(value), `"`)
			}
		}
		if found != nil {
			return found
		}
	}
	return nil
}

// cutItem cuts a list at its first comma outside of quotes.
func cutItem(list string) (item, rest string) {
	quoted := false
	for i := 0; i < len(list); i++ {
		switch {
		case quoted && list[i] == '\\':
			i++
		case list[i] == '"':
			quoted = !quoted
		case list[i] == ',' && !quoted:
			return strings.TrimSpace(list[:i]), list[i+1:]
		}
	}
	return strings.TrimSpace(list), ""
}

var _ registry.AuthInspector = (*Client)(nil)

// InspectAuth implements registry.AuthInspector. It sends no credential anywhere.
func (c *Client) InspectAuth(ctx context.Context, a registry.Agent) registry.AuthReport {
	issuers, fault := c.tokens.Fetcher().Check(ctx, a.URL)
	if fault == nil {
		return registry.AuthReport{Issuers: issuers}
	}
	return registry.AuthReport{Issuers: issuers, Code: string(fault.Code), Field: fault.Field}
}
