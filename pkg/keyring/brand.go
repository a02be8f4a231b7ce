package keyring

import (
	"encoding/json"
	"errors"
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// brand is the part of a brand.json that matters for keys.
type brand struct {
	// location and house are where the redirecting kinds of document send their reader. At most one of
	// them is set.
	location, house string
	agents          []agentEntry
	operators       []operator
}

// agentEntry is an entry of agents[].
type agentEntry struct {
	url  string
	jwks *string // jwks_uri, if there is one
}

// operator is an entry of authorized_operators[]. Its scopes are ignored: contract F51 requires the
// domain, and L19 separates what an operator may do from who signs.
type operator struct {
	domain      string
	from, until time.Time
	malformed   bool // its validity can't be read, so it is never valid
}

// readBrand reads a brand.json of any of the schema's kinds. It reads agents[] where the schema has
// it: at the top, in house, and in each of brands.
func readBrand(data []byte) (b brand, err error) {
	if err := adcp.CheckObject(data); err != nil {
		return b, err
	}
	var top object
	if json.Unmarshal(data, &top) != nil {
		return b, errType
	}
	if b.location, err = readString(top["authoritative_location"]); err != nil {
		return b, err
	}
	b.house, err = readString(top["house"])
	if err != nil { // a portfolio's house is an object
		var house object
		if json.Unmarshal(top["house"], &house) != nil {
			return b, errType
		}
		if err := b.addAgents(house["agents"]); err != nil {
			return b, err
		}
	}
	if err := b.addAgents(top["agents"]); err != nil {
		return b, err
	}
	brands, err := readObjects(top["brands"])
	if err != nil {
		return b, err
	}
	for _, o := range brands {
		if err := b.addAgents(o["agents"]); err != nil {
			return b, err
		}
	}
	if err := b.addOperators(top["authorized_operators"]); err != nil {
		return b, err
	}
	// The schema's kinds exclude each other. Of a mixed document readers would choose different parts.
	if b.location != "" && b.house != "" || b.redirects() && len(b.agents) > 0 {
		return b, errors.New("a redirect with other content")
	}
	return b, nil
}

func (b brand) redirects() bool { return b.location != "" || b.house != "" }

func (b *brand) addAgents(raw json.RawMessage) error {
	entries, err := readObjects(raw)
	if err != nil {
		return err
	}
	for _, o := range entries {
		var e agentEntry
		if e.url, err = readString(o["url"]); err != nil {
			return err
		}
		if set := o["jwks_uri"]; len(set) > 0 && string(set) != "null" {
			uri, err := readString(set)
			if err != nil {
				return err
			}
			e.jwks = &uri
		}
		b.agents = append(b.agents, e)
	}
	return nil
}

func (b *brand) addOperators(raw json.RawMessage) error {
	entries, err := readObjects(raw)
	if err != nil {
		return err
	}
	for _, o := range entries {
		var e operator
		if e.domain, err = readString(o["domain"]); err != nil {
			return err
		}
		var fromOK, untilOK bool
		e.from, fromOK = readInstant(o["valid_from"])
		e.until, untilOK = readInstant(o["valid_until"])
		e.malformed = !fromOK || !untilOK
		b.operators = append(b.operators, e)
	}
	return nil
}

// valid reports whether an entry is in force now. By the schema it ends at valid_until.
func (o operator) valid(now time.Time) bool {
	return !o.malformed && !now.Before(o.from) && (o.until.IsZero() || now.Before(o.until))
}

// authorizes reports whether the document lists a host's domain among its authorized operators.
func (b brand) authorizes(host string, now time.Time) bool {
	domain, ok := registrableDomain(host)
	if !ok {
		return false
	}
	for _, o := range b.operators {
		if o.valid(now) && isDomain(o.domain) && hostOf("https://"+o.domain+"/") == domain {
			return true
		}
	}
	return false
}
