// Package agent calls sales agents over MCP's streamable HTTP transport and over A2A: it is the orchestrator's Caller.
//
// The official SDK speaks MCP: sessions, plain and streamed answers. A2A is one JSON-RPC request and needs none. What is sent and how it went is decided
// here, because a call may be a purchase: the frozen arguments leave as they are stored, a call is sent once, and whatever goes wrong is told apart into
// what never left, what was refused, and what may have been carried out.
package agent

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/safehttp"
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
)

// The most that is read of an answer: of a tool's, and of a page of the tool list, which is megabytes long with some agents.
const (
	maxAnswer = 5 << 20
	maxList   = 4 << 20  // of what is kept of it
	maxRaw    = 64 << 20 // as it comes
)

// Secrets reads a credential by the name that an agent's entry gives.
type Secrets interface {
	Secret(ctx context.Context, name string) (string, error)
}

// Options are what a Client is made of.
type Options struct {
	Secrets Secrets
	// HTTP is the guard on addresses. Its body limit is set by New.
	HTTP safehttp.Options
	// Signer signs the requests that agents want signed; nil if there is no key for that.
	Signer Signer
	// Random is what nonces are made of, crypto/rand's by default.
	Random io.Reader
	// Now is the clock, time.Now by default.
	Now func() time.Time
}

// Client calls agents. It keeps connections and A2A cards, not sessions: every call opens its own and ends it.
type Client struct {
	secrets   Secrets
	signer    Signer
	random    io.Reader
	transport http.RoundTripper
	now       func() time.Time
	cards     cards
}

var _ registry.Caller = (*Client)(nil)

// New returns a Client.
func New(o Options) *Client {
	o.HTTP.MaxBodyBytes = maxRaw
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Client{secrets: o.Secrets, signer: o.Signer, random: cmp.Or(o.Random, rand.Reader), transport: safehttp.New(o.HTTP).Transport, now: o.Now}
}

// Call sends one tool call whose arguments, a JSON object, go out byte for byte, once. It returns a *adcp.CallError when there is no AdCP answer: an
// answer that says nothing in AdCP's terms is Ambiguous, because a tool that ran into an error may have done its work before.
//
// What the agent wants signed is signed; a call that can't be, though it has to be, is Unsent.
//
// The context bounds the whole call. When it ends, the agent isn't told to cancel: what it has begun, it shall finish and report.
func (c *Client) Call(ctx context.Context, a registry.Agent, tool string, arguments json.RawMessage) (adcp.Response, error) {
	if !json.Valid(arguments) || !bytes.HasPrefix(bytes.TrimSpace(arguments), []byte("{")) {
		return adcp.Response{}, unsent(errors.New("the arguments are not a JSON object"))
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends a stream that the agent keeps open after its answer
	l, err := c.open(ctx, a)
	if err != nil {
		return classify(err)
	}
	defer l.close()
	r, err := l.call(ctx, tool, arguments)
	if err != nil {
		return classify(err)
	}
	if r.Err == nil && r.Payload == nil {
		return adcp.Response{}, &adcp.CallError{Outcome: adcp.Ambiguous, Status: http.StatusOK, Cause: r.silence}
	}
	return r.Response, nil
}

// line is an open line to an agent, over the transport that it speaks.
type line interface {
	// tools returns the names of all that the agent offers.
	tools(ctx context.Context) ([]string, error)
	// call sends one call, once. Its errors are failures.
	call(ctx context.Context, tool string, arguments json.RawMessage) (reply, error)
	close()
}

// reply is an agent's answer to a call. If it says nothing in AdCP's terms, the Response is empty and silence tells what it says instead.
type reply struct {
	adcp.Response
	silence error
}

// open opens a line to an agent. What fails here comes before the call: nothing was asked for.
func (c *Client) open(ctx context.Context, a registry.Agent) (line, error) {
	if a.Transport != registry.MCP && a.Transport != registry.A2A {
		return nil, unsent(fmt.Errorf("transport %q is not spoken, use %q or %q", a.Transport, registry.MCP, registry.A2A))
	}
	w := &wire{base: c.transport, call: ctx, now: c.now, pen: pen{signer: c.signer, wanted: a.Signing, random: c.random, now: c.now}}
	if a.CredentialRef != "" {
		token, err := c.secrets.Secret(ctx, a.CredentialRef)
		if err != nil {
			return nil, unsent(fmt.Errorf("credential %q: %w", a.CredentialRef, err))
		}
		if w.token = strings.TrimSpace(token); w.token == "" {
			return nil, unsent(fmt.Errorf("credential %q is empty", a.CredentialRef))
		}
	}
	if a.Transport == registry.A2A {
		return c.meet(ctx, a, w)
	}
	return connect(ctx, a.URL, w)
}

func unsent(cause error) *adcp.CallError {
	return &adcp.CallError{Outcome: adcp.Unsent, Cause: cause}
}

// silence describes a result that held no AdCP answer.
func silence(r adcp.ToolResult) error {
	said := "nothing"
	if len(r.Texts) > 0 {
		said = clean(r.Texts[0])
	}
	if r.IsError {
		return fmt.Errorf("the tool failed without an AdCP error, it said: %s", said)
	}
	return fmt.Errorf("the answer holds no AdCP object, it said: %s", said)
}
