package oauth

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"adcp-orchestrator/pkg/lru"
)

// The bounds of what is kept in memory. Nothing is kept elsewhere.
const (
	maxTokens     = 256
	maxTokenBytes = 2 << 20
	maxServerKept = 256
	// maxServerBytes holds the endpoints, not the documents.
	maxServerBytes = 1 << 20
	// serverTTL is how long a server's metadata is believed.
	serverTTL = time.Hour
	// fetchTimeout bounds the way to a token: up to two documents and one request.
	fetchTimeout = 15 * time.Second
	// renewPause is how long a token that could not be renewed, and still lives, serves on.
	renewPause = 30 * time.Second
	// lastMoment: a token with less than that left may lapse on its way to the agent.
	lastMoment = 10 * time.Second
)

// Request says which token is wanted.
type Request struct {
	Tenant     string
	AgentURL   string
	Credential Credential
	// Scope, Resource and Audience go into the request; Resource is the agent's address by default.
	Scope, Resource, Audience string
	// Issuer is the only server that may get the secret; if it is empty, the agent's metadata names
	// it.
	Issuer string
	// AuthMethod is SecretBasic or SecretPost; if it is empty, the server's metadata says.
	AuthMethod string
}

// tokenKey holds all that a token depends on, first of all the tenant: no two share one (contract
// L6). Of the secret it holds a hash: only who has the secret gets the token.
type tokenKey struct {
	server                             serverKey
	client                             string
	secret                             [sha256.Size]byte
	scope, resource, audience, authWay string
}

type serverKey struct{ tenant, agent, issuer string }

func (r Request) serverKey() serverKey { return serverKey{r.Tenant, r.AgentURL, r.Issuer} }

func (r Request) key() tokenKey {
	return tokenKey{r.serverKey(), r.Credential.ID, sha256.Sum256([]byte(r.Credential.Secret)),
		r.Scope, r.resource(), r.Audience, r.AuthMethod}
}

type keptToken struct {
	token             string
	renewAt, expireAt time.Time
}

type keptServer struct {
	Server
	until time.Time
}

// Client gets tokens and keeps them in memory. It is safe for concurrent use. New makes one.
type Client struct {
	fetcher Fetcher
	tokens  *lru.Cache[tokenKey, keptToken]
	servers *lru.Cache[serverKey, keptServer]

	mu      sync.Mutex
	flights map[tokenKey]*flight
}

// flight is a request for a token that is under way.
type flight struct {
	done  chan struct{}
	token string
	fault *Fault
}

// New returns a client.
func New(f Fetcher) *Client {
	return &Client{
		fetcher: f,
		tokens:  lru.New[tokenKey, keptToken](maxTokens, maxTokenBytes),
		servers: lru.New[serverKey, keptServer](maxServerKept, maxServerBytes),
		flights: map[tokenKey]*flight{},
	}
}

// Fetcher returns what the client reads metadata with.
func (c *Client) Fetcher() Fetcher { return c.fetcher }

// Token returns a token that lives long enough for a call. Whoever wants the same token at the same
// time waits for one request. It returns a *Fault (contract L27).
func (c *Client) Token(ctx context.Context, r Request) (string, error) {
	f, token := c.board(ctx, r)
	if f == nil {
		return token, nil
	}
	select {
	case <-f.done:
	case <-ctx.Done():
		return "", &Fault{Code: TokenUnavailable, Field: "token_endpoint", Waiting: true, Cause: ctx.Err()}
	}
	if f.fault != nil {
		return "", f.fault
	}
	return f.token, nil
}

// board returns a token that is kept, or the flight that brings one.
func (c *Client) board(ctx context.Context, r Request) (*flight, string) {
	key := r.key()
	c.mu.Lock()
	defer c.mu.Unlock()
	kept, ok := c.tokens.Get(key)
	if ok && c.fetcher.Now().Before(kept.renewAt) {
		return nil, kept.token
	}
	f := c.flights[key]
	if f == nil {
		f = &flight{done: make(chan struct{})}
		c.flights[key] = f
		// The one who asked first may give up before the others do.
		go c.fly(context.WithoutCancel(ctx), r, key, f)
	}
	return f, ""
}

// fly gets a token and keeps it.
func (c *Client) fly(ctx context.Context, r Request, key tokenKey, f *flight) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	asked := c.fetcher.Now()
	token, lifetime, problem := c.fetch(ctx, r)
	c.mu.Lock()
	defer c.mu.Unlock()
	defer close(f.done)
	delete(c.flights, key)
	now := c.fetcher.Now()
	old, ok := c.tokens.Get(key)
	switch {
	case problem == nil:
		f.token = token
		expireAt := asked.Add(lifetime)
		c.keep(key, keptToken{token, expireAt.Add(-margin(lifetime)), expireAt})
	case ok && problem.Waiting && now.Add(lastMoment).Before(old.expireAt):
		f.token = old.token
		old.renewAt = now.Add(max(renewPause, problem.RetryAfter))
		if last := old.expireAt.Add(-lastMoment); last.Before(old.renewAt) {
			old.renewAt = last
		}
		c.keep(key, old)
	default:
		f.fault = problem
	}
}

func (c *Client) keep(key tokenKey, t keptToken) {
	c.tokens.Put(key.server.tenant, key, t, len(t.token)+len(key.server.tenant)+len(key.server.agent)+
		len(key.server.issuer)+len(key.client)+len(key.scope)+len(key.resource)+len(key.audience))
}

// Drop forgets a token that the agent refuses. One that replaced it meanwhile stays.
func (c *Client) Drop(r Request, token string) {
	key := r.key()
	c.mu.Lock()
	defer c.mu.Unlock()
	if kept, ok := c.tokens.Get(key); ok && kept.token == token {
		c.tokens.Delete(key)
	}
}

// fetch finds the server and asks it for a token. After any fault the server's metadata is read
// anew: an endpoint that moved must not be asked for an hour.
func (c *Client) fetch(ctx context.Context, r Request) (string, time.Duration, *Fault) {
	s, f := c.server(ctx, r)
	if f != nil {
		return "", 0, f
	}
	token, lifetime, f := c.ask(ctx, r, s)
	if f != nil {
		c.servers.Delete(r.serverKey())
	}
	return token, lifetime, f
}

// server returns the server that the secret goes to.
func (c *Client) server(ctx context.Context, r Request) (Server, *Fault) {
	key := r.serverKey()
	if kept, ok := c.servers.Get(key); ok && c.fetcher.Now().Before(kept.until) {
		return kept.Server, nil
	}
	s, f := c.fetcher.Find(ctx, r.AgentURL, r.Issuer)
	if f != nil {
		return Server{}, f
	}
	size := len(s.Issuer) + len(s.TokenEndpoint) + len(key.tenant) + len(key.agent) + len(key.issuer)
	s = Server{Issuer: s.Issuer, TokenEndpoint: s.TokenEndpoint, AuthMethods: s.AuthMethods}
	for _, m := range s.AuthMethods {
		size += len(m) + len(m)/8 + 16
	}
	c.servers.Put(key.tenant, key, keptServer{s, c.fetcher.Now().Add(serverTTL)}, size)
	return s, nil
}

// ask sends the one request that holds the client's secret.
func (c *Client) ask(ctx context.Context, r Request, s Server) (string, time.Duration, *Fault) {
	method, f := s.authMethod(r.AuthMethod)
	if f != nil {
		return "", 0, f
	}
	form, authorization := r.tokenRequest(method)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.TokenEndpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return "", 0, &Fault{Code: EndpointURLInvalid, Field: "token_endpoint",
			Cause: fmt.Errorf("the address can't be read")}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	a, f := c.fetcher.send(req, "token_endpoint", TokenUnavailable)
	if f != nil {
		if a.status != 0 && !f.Waiting { // an answer of any length is not asked for again
			f.Code = TokenInvalid
		}
		return "", 0, f
	}
	return a.readToken()
}
