package agent

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/oauth"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/safehttp"
)

// Limits in bytes. The tool lists of some agents are megabytes long, most of it in members that
// toolListFilter removes.
const (
	maxAnswer   = 5 << 20  // a tool's answer or an agent card
	maxToolList = 4 << 20  // a page of the tool list, filtered
	maxRawBody  = 64 << 20 // any body as received
)

// Secrets reads a credential by the name that an agent's entry gives.
type Secrets interface {
	Secret(ctx context.Context, name string) (string, error)
}

// Options configure a Client.
type Options struct {
	Secrets Secrets
	// HTTP restricts the addresses that agents may have. New sets its body limit.
	HTTP safehttp.Options
	// Signer provides the key for the requests that agents want signed; nil if there is no key.
	Signer Signer
	// Random is the source of nonces, crypto/rand by default.
	Random io.Reader
	// Now is the clock, time.Now by default.
	Now func() time.Time
}

// Client calls agents. It keeps connections and A2A cards, but no sessions: every call opens its
// own session and ends it, unless it is made through Session.
type Client struct {
	secrets Secrets
	signer  Signer
	random  io.Reader
	base    http.RoundTripper
	now     func() time.Time
	cards   cardCache
	tokens  *oauth.Client
}

var _ registry.Caller = (*Client)(nil)

// New returns a Client.
func New(o Options) *Client {
	o.HTTP.MaxBodyBytes = maxRawBody
	if o.Now == nil {
		o.Now = time.Now
	}
	base := safehttp.New(o.HTTP).Transport
	checkURL := func(u string) error { return safehttp.CheckURL(u, o.HTTP.AllowLoopback) }
	return &Client{
		secrets: o.Secrets,
		signer:  o.Signer,
		random:  cmp.Or(o.Random, rand.Reader),
		base:    base,
		now:     o.Now,
		cards:   newCardCache(),
		tokens:  oauth.New(oauth.Fetcher{HTTP: base, CheckURL: checkURL, Now: o.Now}),
	}
}

// Call sends one tool call, once. The arguments, a JSON object, go out byte for byte.
//
// It returns a *adcp.CallError when there is no AdCP answer. An answer without an AdCP object is
// Ambiguous: a tool that ran into an error may have done its work before.
//
// Call signs what the agent wants signed. A call that must be signed but cannot be is Unsent.
//
// The context bounds the whole call. When it ends, the agent is not asked to cancel: it shall
// finish and report the work that it has begun.
//
// What was handed over in confidence comes back from no call: the credential and the secrets in the
// arguments are redacted in the answer, and in the texts of errors.
func (c *Client) Call(
	ctx context.Context, a registry.Agent, tool string, arguments json.RawMessage,
) (adcp.Response, error) {
	return c.confidential(ctx, a, arguments, func(k *authorization) (adcp.Response, error) {
		return c.call(ctx, a, k, tool, arguments)
	})
}

// confidential makes a call with the agent's credential, and redacts what comes back.
func (c *Client) confidential(
	ctx context.Context, a registry.Agent, arguments json.RawMessage,
	call func(*authorization) (adcp.Response, error),
) (r adcp.Response, callErr error) {
	if err := checkArguments(arguments); err != nil {
		return adcp.Response{}, err
	}
	err := c.withCredential(ctx, a, func(k *authorization) refusal {
		r, callErr = call(k)
		how := k.judge(r, callErr)
		secrets := a.Secrets.And(adcp.SecretsOf(arguments)).And(k.secrets)
		r, callErr = secrets.Response(r), redactError(secrets, callErr)
		return how
	})
	if err != nil {
		return classify(err)
	}
	return r, callErr
}

func (c *Client) call(
	ctx context.Context, a registry.Agent, k *authorization, tool string, arguments json.RawMessage,
) (adcp.Response, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends a stream that the agent keeps open after its answer
	s, err := c.open(ctx, ctx, a, k)
	if err != nil {
		return classify(err)
	}
	defer s.close()
	return callIn(ctx, s, tool, arguments)
}

func checkArguments(arguments json.RawMessage) error {
	if !json.Valid(arguments) || !bytes.HasPrefix(bytes.TrimSpace(arguments), []byte("{")) {
		return unsent(errors.New("the arguments are not a JSON object"))
	}
	return nil
}

// callIn calls a tool in an open session.
func callIn(ctx context.Context, s session, tool string, arguments json.RawMessage) (adcp.Response, error) {
	r, err := s.call(ctx, tool, arguments)
	if err != nil {
		return classify(err)
	}
	if r.Err == nil && r.Payload == nil {
		return adcp.Response{}, &adcp.CallError{Outcome: adcp.Ambiguous, Status: http.StatusOK, Cause: r.noAnswer}
	}
	return r.Response, nil
}

// redactError redacts the text of a *adcp.CallError.
func redactError(secrets adcp.Secrets, err error) error {
	ce := (*adcp.CallError)(nil)
	if !errors.As(err, &ce) {
		return err
	}
	clean := *ce
	clean.Code, clean.Cause = secrets.Text(ce.Code), secrets.Error(ce.Cause)
	return &clean
}

// session is an open session with an agent, over the protocol that it speaks.
type session interface {
	// tools returns the names of the tools that the agent offers, of those that knownTool knows.
	tools(ctx context.Context) ([]string, error)
	// call sends one call, once. Its errors are failures.
	call(ctx context.Context, tool string, arguments json.RawMessage) (toolAnswer, error)
	close()
}

// toolAnswer is an agent's answer to a call. If it holds no AdCP answer, the Response is empty and
// noAnswer describes what it holds instead.
type toolAnswer struct {
	adcp.Response
	noAnswer error
}

// open opens a session with an agent. A failure here is before the call: nothing was requested.
// When life is over, the session is not ended at the agent.
func (c *Client) open(ctx, life context.Context, a registry.Agent, k *authorization) (session, error) {
	if a.Transport != adcp.MCP && a.Transport != adcp.A2A {
		return nil, unsent(fmt.Errorf("transport %q is not supported, use %q or %q",
			a.Transport, adcp.MCP, adcp.A2A))
	}
	t := &transport{
		base:   watched{c.base, k.seen},
		life:   life,
		now:    c.now,
		token:  k.token,
		signer: requestSigner{signer: c.signer, policy: a.Signing, random: c.random, now: c.now},
	}
	if a.Transport == adcp.A2A {
		return c.openA2A(ctx, a, t)
	}
	return openMCP(ctx, a.URL, t)
}

// token returns the token that the agent's owner stored, "" if there is none.
func (c *Client) token(ctx context.Context, a registry.Agent) (string, error) {
	if a.CredentialRef == "" {
		return "", nil
	}
	token, err := c.secrets.Secret(ctx, a.CredentialRef)
	if err != nil {
		return "", unsent(fmt.Errorf("credential %q: %w", a.CredentialRef, err))
	}
	if token = strings.TrimSpace(token); token == "" {
		return "", unsent(fmt.Errorf("credential %q is empty", a.CredentialRef))
	}
	return token, nil
}

func unsent(cause error) *adcp.CallError {
	return &adcp.CallError{Outcome: adcp.Unsent, Cause: cause}
}
