package agent

import (
	"adcp-orchestrator/pkg/registry"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// profileV3 is the extension by which a card says that its agent keeps to AdCP's profile of A2A (contract B19).
const profileV3 = "https://adcontextprotocol.org/extensions/adcp/v3"

// cardPaths are where an agent's card is, the present name first (contract B20).
var cardPaths = []string{".well-known/agent-card.json", ".well-known/agent.json"}

// card is what is kept of an agent's card.
type card struct {
	endpoint string
	tenant   string // the agent's own, which 1.0 wants repeated
	v1       bool   // it speaks A2A 1.0, else 0.3
	// profile is AdCP's v3: the arguments go in `input`. Both the npm and the Python seller are without it and read `parameters` (contract B18). There is no
	// second try with the other member: an agent that overlooks the arguments of a call may have done something all the same.
	profile bool
	skills  []string
}

// fetchCard reads an agent's card: under its own address first, where agents that share a host have theirs (the npm seller has it there and on the origin,
// Python's on the origin only), then on the origin. The credential goes along, to the address that it is for: Python's agent asks for it even to say 404.
// Whatever is no card passes on to the next address, but for an agent that is not there or not well. Errors are failures of the handshake.
func (w *wire) fetchCard(ctx context.Context, agentURL string) (card, error) {
	at, err := cardURLs(agentURL)
	if err != nil {
		return card{}, unsent(err)
	}
	var telling *failure // the most telling one: not that there is nothing
	for _, u := range at {
		x := &exchange{limit: maxAnswer}
		body, err := w.ask(ctx, http.MethodGet, u, http.Header{"Accept": {"application/json"}}, x)
		if err == nil {
			var c card
			if c, err = readCard(body, agentURL); err == nil {
				return c, nil
			}
			err = x.failed(err)
		}
		var f *failure
		if !errors.As(err, &f) {
			return card{}, err
		}
		f.handshake = true
		if f.status == 0 || f.status == http.StatusTooManyRequests || f.status >= 500 {
			return card{}, f
		}
		if telling == nil || telling.status == http.StatusNotFound {
			telling = f
		}
	}
	telling.cause = fmt.Errorf("no agent card: %w", telling.cause)
	return card{}, telling
}

// cardURLs are the addresses to look for an agent's card at.
func cardURLs(agentURL string) ([]string, error) {
	u, err := url.Parse(agentURL)
	if err != nil {
		return nil, errors.New("the agent's URL can't be parsed") // the parser's error quotes it
	}
	root := &url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/"}
	var at []string
	for _, base := range []*url.URL{u, root} {
		if base == root && strings.Trim(u.Path, "/") == "" {
			break
		}
		for _, p := range cardPaths {
			at = append(at, base.JoinPath(p).String())
		}
	}
	return at, nil
}

// access is a way to call an agent: an AgentInterface of 1.0 or of 0.3.
type access struct {
	URL       string `json:"url"`
	Binding   string `json:"protocolBinding"`
	Transport string `json:"transport"` // 0.3's name for it
	Version   string `json:"protocolVersion"`
	Tenant    string `json:"tenant"`
}

// readCard reads the card of 1.0, of 0.3, or one that is both, like Python's. What AdCP has no use for may be of any shape.
func readCard(body []byte, agentURL string) (card, error) {
	var in struct {
		access
		Preferred    string            `json:"preferredTransport"`
		Supported    []access          `json:"supportedInterfaces"`
		Additional   []access          `json:"additionalInterfaces"`
		Skills       []json.RawMessage `json:"skills"`
		Capabilities struct {
			Extensions []json.RawMessage `json:"extensions"`
		} `json:"capabilities"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return card{}, fmt.Errorf("the agent's card can't be read: %w", err)
	}
	ways := make([]access, 0, len(in.Supported)+1+len(in.Additional))
	for _, s := range in.Supported {
		s.Version = cmp.Or(s.Version, "1.0") // the member is of 1.0
		ways = append(ways, s)
	}
	of03 := cmp.Or(in.Version, "0.3")
	if in.URL != "" {
		ways = append(ways, access{URL: in.URL, Binding: in.Preferred, Version: of03})
	}
	for _, s := range in.Additional {
		s.Version = of03
		ways = append(ways, s)
	}
	way, v1, err := choose(ways)
	if err != nil {
		return card{}, err
	}
	c := card{endpoint: endpoint(way.URL, agentURL), v1: v1, tenant: way.Tenant}
	for _, raw := range in.Capabilities.Extensions {
		var e struct {
			URI string `json:"uri"`
		}
		c.profile = c.profile || json.Unmarshal(raw, &e) == nil && e.URI == profileV3
	}
	for _, raw := range in.Skills {
		var s struct {
			ID string `json:"id"` // not its name (contract B19)
		}
		if json.Unmarshal(raw, &s) == nil && s.ID != "" {
			c.skills = append(c.skills, s.ID)
		}
	}
	return c, nil
}

// choose picks the way to call: JSON-RPC, and 1.0 where there is a choice, because contract B14 to B16 are written in it.
func choose(ways []access) (way access, v1 bool, err error) {
	var old *access
	for i, w := range ways {
		if !strings.EqualFold(cmp.Or(w.Binding, w.Transport, "JSONRPC"), "JSONRPC") {
			continue
		}
		major, _, _ := strings.Cut(w.Version, ".")
		if major == "1" {
			return w, true, nil
		}
		if major == "0" && old == nil {
			old = &ways[i]
		}
	}
	if old == nil {
		return access{}, false, errors.New("the agent's card names no JSON-RPC interface of A2A 1.0 or 0.3")
	}
	return *old, false, nil
}

// maxURL is the longest address of an endpoint that is believed.
const maxURL = 2048

// endpoint is where an agent takes calls: where its card says if that is on the origin that was registered, else the registered address. A card must not send
// a purchase and the agent's credential to somebody else, and many name an address that they have only inside: Python's says localhost.
func endpoint(stated, registered string) string {
	s, err := url.Parse(stated)
	r, err2 := url.Parse(registered)
	if err != nil || err2 != nil || s.User != nil || s.Fragment != "" || len(stated) > maxURL || origin(s) != origin(r) {
		return registered
	}
	return stated
}

func origin(u *url.URL) string {
	scheme, port := strings.ToLower(u.Scheme), u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[scheme]
	}
	return scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

// cardFor is how long a card is believed, maxCards how many are kept. Every instance has its own: a card costs one request, and what a call needs of it must
// not be older than the agent.
const (
	cardFor  = 10 * time.Minute
	maxCards = 256
)

// cards remembers cards. The zero value is ready for use.
type cards struct {
	mu    sync.Mutex
	known map[string]knownCard
}

type knownCard struct {
	card  card
	until time.Time
}

// cardKey tells apart what may be told different things: an agent may know us by the credential.
func cardKey(a registry.Agent) string {
	return a.Tenant + "\x00" + a.URL + "\x00" + a.CredentialRef
}

func (c *cards) recall(a registry.Agent, now time.Time) (card, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.known[cardKey(a)]
	return k.card, ok && now.Before(k.until)
}

func (c *cards) keep(a registry.Agent, found card, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || len(c.known) >= maxCards {
		c.known = map[string]knownCard{}
	}
	c.known[cardKey(a)] = knownCard{card: found, until: now.Add(cardFor)}
}

func (c *cards) forget(a registry.Agent) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.known, cardKey(a))
}
