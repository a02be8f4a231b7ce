package keyring

import (
	"encoding/json"
	"errors"
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// brand is what matters of a brand.json here.
type brand struct {
	// location and house are where a document of the redirecting kinds sends its reader; one of them at most.
	location, house string
	agents          []agentEntry
	operators       []operator
}

// agentEntry is an entry of agents[].
type agentEntry struct {
	url  string
	jwks *string
}

// operator is an entry of authorized_operators[]. Its scopes are not looked at: the contract (F51) asks for the domain, and L19 keeps what an operator
// may do apart from who signs.
type operator struct {
	domain      string
	from, until time.Time
	bad         bool // its validity can't be read: it is valid never
}

// object is a JSON object by its keys as they are. A struct's would be found in any case of letters: agents and Agents are two keys to CheckObject, and
// one of them is not the protocol's.
type object map[string]json.RawMessage

var errBrand = errors.New("a member is not of the schema's type")

// readBrand reads a brand.json of any of the schema's kinds. Agents are where the schema has agents[]: at the top, in house, and in each of brands.
func readBrand(data []byte) (b brand, err error) {
	if err := adcp.CheckObject(data); err != nil {
		return b, err
	}
	var top object
	if json.Unmarshal(data, &top) != nil {
		return b, errBrand
	}
	if b.location, err = text(top["authoritative_location"]); err != nil {
		return b, err
	}
	b.house, err = text(top["house"])
	if err != nil { // a portfolio's house is an object
		var house object
		if json.Unmarshal(top["house"], &house) != nil {
			return b, errBrand
		}
		if err := b.addAgents(house["agents"]); err != nil {
			return b, err
		}
	}
	if err := b.addAgents(top["agents"]); err != nil {
		return b, err
	}
	brands, err := objects(top["brands"])
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
	if b.location != "" && b.house != "" || b.redirects() && len(b.agents) > 0 {
		return b, errors.New("a redirect that says something else too") // the schema's kinds exclude each other, and readers would choose differently
	}
	return b, nil
}

func (b brand) redirects() bool { return b.location != "" || b.house != "" }

func (b *brand) addAgents(raw json.RawMessage) error {
	entries, err := objects(raw)
	if err != nil {
		return err
	}
	for _, o := range entries {
		var e agentEntry
		if e.url, err = text(o["url"]); err != nil {
			return err
		}
		if set := o["jwks_uri"]; len(set) > 0 && string(set) != "null" {
			uri, err := text(set)
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
	entries, err := objects(raw)
	if err != nil {
		return err
	}
	for _, o := range entries {
		var e operator
		if e.domain, err = text(o["domain"]); err != nil {
			return err
		}
		e.from, e.bad = instant(o["valid_from"], e.bad)
		e.until, e.bad = instant(o["valid_until"], e.bad)
		b.operators = append(b.operators, e)
	}
	return nil
}

// valid reports whether an entry holds now: the schema has it end at valid_until.
func (o operator) valid(now time.Time) bool {
	return !o.bad && !now.Before(o.from) && (o.until.IsZero() || now.Before(o.until))
}

func instant(raw json.RawMessage, bad bool) (time.Time, bool) {
	s, err := text(raw)
	if s == "" && err == nil {
		return time.Time{}, bad
	}
	t, failed := time.Parse(time.RFC3339, s) // contract L22: no offset, no instant
	return t, bad || err != nil || failed != nil
}

// text reads a string, "" if there is none.
func text(raw json.RawMessage) (s string, err error) {
	if len(raw) > 0 && json.Unmarshal(raw, &s) != nil {
		return "", errBrand
	}
	return s, nil
}

// objects reads a list of objects.
func objects(raw json.RawMessage) (list []object, err error) {
	if len(raw) > 0 && json.Unmarshal(raw, &list) != nil {
		return nil, errBrand
	}
	return list, nil
}
