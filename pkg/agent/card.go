package agent

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// profileV3 is the extension by which a card declares AdCP's profile of A2A (contract B19).
const profileV3 = "https://adcontextprotocol.org/extensions/adcp/v3"

// cardPaths are the paths of an agent's card, the present name first (contract B20).
var cardPaths = []string{".well-known/agent-card.json", ".well-known/agent.json"}

// maxCardTenant is the length in bytes of the longest tenant that a card may state: each call
// repeats it.
const maxCardTenant = 1024

// card is the part of an agent's card that calls need. It holds little, however long the card is:
// it is kept in memory that tenants share.
type card struct {
	endpoint string
	tenant   string // the agent's own, which 1.0 wants repeated
	v1       bool   // A2A 1.0, otherwise 0.3
	// profile is AdCP's v3: the arguments go in `input`. Neither the npm nor the Python seller has
	// it; both read `parameters` (contract B18). A call is not retried with the other member: an
	// agent that missed the arguments may have done something all the same.
	profile bool
	skills  []string // those that knownTool knows, each once
}

// fetchCard reads an agent's card. It looks under the agent's own address first, because agents
// that share a host have their cards there, and then on the origin. The npm seller has its card
// at both, Python's on the origin only. The credential goes along, but only to the agent's
// origin: Python's agent demands it even for a 404.
//
// Any answer that is not a card leads to the next address, except from an agent that is unreachable
// or overloaded. Errors are failures of the handshake.
func (t *transport) fetchCard(ctx context.Context, agentURL string) (card, error) {
	addresses, err := cardURLs(agentURL)
	if err != nil {
		return card{}, unsent(err)
	}
	var reported *failure // the first that is not a 404, otherwise the last 404
	for _, u := range addresses {
		x := &exchange{limit: maxAnswer}
		body, err := t.do(ctx, http.MethodGet, u, http.Header{"Accept": {"application/json"}}, x)
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
		if reported == nil || reported.status == http.StatusNotFound {
			reported = f
		}
	}
	reported.cause = fmt.Errorf("no agent card: %w", reported.cause)
	return card{}, reported
}

// cardURLs returns the addresses at which an agent's card may be.
func cardURLs(agentURL string) ([]string, error) {
	u, err := url.Parse(agentURL)
	if err != nil {
		return nil, errors.New("the agent's URL cannot be parsed") // the parser's error quotes the URL
	}
	root := &url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/"}
	var addresses []string
	for _, base := range []*url.URL{u, root} {
		if base == root && strings.Trim(u.Path, "/") == "" {
			break
		}
		for _, p := range cardPaths {
			addresses = append(addresses, base.JoinPath(p).String())
		}
	}
	return addresses, nil
}

// agentInterface is one way to call an agent: an AgentInterface of A2A 1.0 or 0.3.
type agentInterface struct {
	URL       string `json:"url"`
	Binding   string `json:"protocolBinding"`
	Transport string `json:"transport"` // 0.3's name for the binding
	Version   string `json:"protocolVersion"`
	Tenant    string `json:"tenant"`
}

// readCard reads a card of 1.0, of 0.3, or one that is both, like Python's. Members that AdCP does
// not need may have any shape.
func readCard(body []byte, agentURL string) (card, error) {
	var in struct {
		agentInterface
		Preferred    string            `json:"preferredTransport"`
		Supported    []agentInterface  `json:"supportedInterfaces"`
		Additional   []agentInterface  `json:"additionalInterfaces"`
		Skills       []json.RawMessage `json:"skills"`
		Capabilities struct {
			Extensions []json.RawMessage `json:"extensions"`
		} `json:"capabilities"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return card{}, fmt.Errorf("the agent's card cannot be read: %w", err)
	}
	interfaces := make([]agentInterface, 0, len(in.Supported)+1+len(in.Additional))
	for _, s := range in.Supported {
		s.Version = cmp.Or(s.Version, "1.0") // supportedInterfaces is a member of 1.0
		interfaces = append(interfaces, s)
	}
	v03 := cmp.Or(in.Version, "0.3")
	if in.URL != "" {
		interfaces = append(interfaces, agentInterface{URL: in.URL, Binding: in.Preferred, Version: v03})
	}
	for _, s := range in.Additional {
		s.Version = v03
		interfaces = append(interfaces, s)
	}
	chosen, v1, err := chooseInterface(interfaces)
	if err != nil {
		return card{}, err
	}
	if len(chosen.Tenant) > maxCardTenant {
		return card{}, fmt.Errorf("the agent's card states a tenant of more than %d bytes", maxCardTenant)
	}
	c := card{endpoint: trustedEndpoint(chosen.URL, agentURL), v1: v1, tenant: chosen.Tenant}
	for _, raw := range in.Capabilities.Extensions {
		var e struct {
			URI string `json:"uri"`
		}
		c.profile = c.profile || json.Unmarshal(raw, &e) == nil && e.URI == profileV3
	}
	for _, raw := range in.Skills {
		var s struct {
			ID string `json:"id"` // a skill is called by its id, not by its name (contract B19)
		}
		if json.Unmarshal(raw, &s) != nil {
			continue
		}
		if name, known := knownTool(s.ID); known && !slices.Contains(c.skills, name) {
			c.skills = append(c.skills, name)
		}
	}
	return c, nil
}

// chooseInterface picks a JSON-RPC interface, of 1.0 if there is one, because contract B14 to B16
// are written for 1.0.
func chooseInterface(interfaces []agentInterface) (chosen agentInterface, v1 bool, err error) {
	var v03 *agentInterface
	for i, in := range interfaces {
		if !strings.EqualFold(cmp.Or(in.Binding, in.Transport, "JSONRPC"), "JSONRPC") {
			continue
		}
		major, _, _ := strings.Cut(in.Version, ".")
		if major == "1" {
			return in, true, nil
		}
		if major == "0" && v03 == nil {
			v03 = &interfaces[i]
		}
	}
	if v03 == nil {
		return agentInterface{}, false, errors.New("the agent's card names no JSON-RPC interface of A2A 1.0 or 0.3")
	}
	return *v03, false, nil
}

// maxURL is the length in bytes of the longest endpoint address that a card may state.
const maxURL = 2048

// trustedEndpoint returns the address that calls go to: the card's if it is on the registered
// origin, otherwise the registered one. A card must not send a purchase and the agent's
// credential to another host, and many cards state an address that is only valid inside the
// agent's network: Python's says localhost.
func trustedEndpoint(stated, registered string) string {
	s, err := url.Parse(stated)
	r, err2 := url.Parse(registered)
	if err != nil || err2 != nil || s.User != nil || s.Fragment != "" || len(stated) > maxURL ||
		origin(s) != origin(r) {
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
