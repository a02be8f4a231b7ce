package httpsig

import (
	"errors"
	"strconv"
	"strings"
)

// The kinds of a bare item that occur in the signature headers (RFC 8941, 3.3).
const (
	kindString = iota + 1
	kindInteger
	kindBytes
	kindOther // decimals, tokens, booleans: never right where this profile looks
)

// item is a bare item of a structured field.
type item struct {
	kind    int
	text    string // of a string, unescaped; of bytes, still in base64
	integer int64
}

type param struct {
	key   string
	value item
}

// component is one covered component: an item of the inner list.
type component struct {
	name   string
	raw    string // as it stands in the header, quotes and parameters included
	params bool   // it has parameters, which the profile has no use for
}

// member is one entry of a dictionary.
type member struct {
	name   string
	list   bool // an inner list, whose items are components, rather than an item
	items  []component
	value  item
	params []param
	raw    string // the value with its parameters, byte for byte
}

// Bounds on headers that anybody may send.
const (
	maxField   = 8 << 10 // bytes of one header
	maxMembers = 16
	maxItems   = 32 // of a list, and parameters of one item
)

var errField = errors.New("not a structured field of the expected form")

// parseDictionary reads a dictionary (RFC 8941, 4.2.2), stricter than the RFC in that nothing may stand twice: there the last of two wins, and a proxy
// that reads the first would have seen another message.
func parseDictionary(s string) ([]member, error) {
	if len(s) > maxField {
		return nil, errors.New("too long")
	}
	p := parser{s: strings.Trim(s, " ")}
	members := make([]member, 0, 2)
	for {
		m, err := p.member()
		if err != nil {
			return nil, err
		}
		for i := range members {
			if members[i].name == m.name {
				return nil, errors.New("a label stands twice")
			}
		}
		if members = append(members, m); len(members) > maxMembers {
			return nil, errors.New("too many labels")
		}
		p.skip(" \t")
		if p.done() {
			return members, nil
		}
		if !p.take(',') {
			return nil, errField
		}
		p.skip(" \t")
	}
}

type parser struct {
	s string
	i int
}

func (p *parser) done() bool { return p.i == len(p.s) }

func (p *parser) peek() byte {
	if p.done() {
		return 0
	}
	return p.s[p.i]
}

func (p *parser) take(c byte) bool {
	if p.peek() != c || p.done() {
		return false
	}
	p.i++
	return true
}

func (p *parser) skip(set string) {
	for !p.done() && strings.IndexByte(set, p.s[p.i]) >= 0 {
		p.i++
	}
}

func (p *parser) member() (m member, err error) {
	if m.name, err = p.key(); err != nil {
		return m, err
	}
	if !p.take('=') {
		return m, errField // a bare label is the boolean true: no signature
	}
	start := p.i
	if p.peek() == '(' {
		m.list = true
		m.items, err = p.innerList()
	} else {
		m.value, err = p.bareItem()
	}
	if err != nil {
		return m, err
	}
	m.params, err = p.params()
	m.raw = p.s[start:p.i]
	return m, err
}

func (p *parser) innerList() ([]component, error) {
	p.i++ // the parenthesis
	items := make([]component, 0, 8)
	for {
		p.skip(" ")
		if p.take(')') {
			return items, nil
		}
		start := p.i
		v, err := p.bareItem()
		if err != nil {
			return nil, err
		}
		if v.kind != kindString {
			return nil, errors.New("a component is no string")
		}
		params, err := p.params()
		if err != nil {
			return nil, err
		}
		if c := p.peek(); c != ' ' && c != ')' {
			return nil, errField
		}
		if items = append(items, component{name: v.text, raw: p.s[start:p.i], params: len(params) > 0}); len(items) > maxItems {
			return nil, errors.New("too many components")
		}
	}
}

func (p *parser) params() ([]param, error) {
	var params []param
	for p.take(';') {
		p.skip(" ")
		key, err := p.key()
		if err != nil {
			return nil, err
		}
		v := item{kind: kindOther} // true, where there is no value
		if p.take('=') {
			if v, err = p.bareItem(); err != nil {
				return nil, err
			}
		}
		for i := range params {
			if params[i].key == key {
				return nil, errors.New("parameter " + Loggable(key) + " stands twice")
			}
		}
		if params == nil {
			params = make([]param, 0, 6)
		}
		if params = append(params, param{key, v}); len(params) > maxItems {
			return nil, errors.New("too many parameters")
		}
	}
	return params, nil
}

func (p *parser) key() (string, error) {
	start := p.i
	if c := p.peek(); !(c >= 'a' && c <= 'z' || c == '*') {
		return "", errField
	}
	for !p.done() {
		c := p.s[p.i]
		if !(c >= 'a' && c <= 'z' || digit(c) || c == '_' || c == '-' || c == '.' || c == '*') {
			break
		}
		p.i++
	}
	return p.s[start:p.i], nil
}

func (p *parser) bareItem() (item, error) {
	switch c := p.peek(); {
	case c == '"':
		return p.quoted()
	case c == ':':
		return p.bytes()
	case c == '-' || digit(c):
		return p.number()
	case c == '?':
		if p.i++; !p.take('0') && !p.take('1') {
			return item{}, errField
		}
		return item{kind: kindOther}, nil
	case c == '*' || letter(c):
		for !p.done() && (letter(p.s[p.i]) || digit(p.s[p.i]) || strings.IndexByte("!#$%&'*+-.^_`|~:/", p.s[p.i]) >= 0) {
			p.i++
		}
		return item{kind: kindOther}, nil
	}
	return item{}, errField
}

func (p *parser) quoted() (item, error) {
	p.i++
	start, escaped := p.i, false
	for ; !p.done(); p.i++ {
		switch c := p.s[p.i]; {
		case c < ' ' || c > '~':
			return item{}, errField
		case c == '\\':
			if p.i++; p.peek() != '"' && p.peek() != '\\' {
				return item{}, errField
			}
			escaped = true
		case c == '"':
			text := p.s[start:p.i]
			if escaped {
				text = unescaper.Replace(text)
			}
			p.i++
			return item{kind: kindString, text: text}, nil
		}
	}
	return item{}, errors.New("a string has no end")
}

var unescaper = strings.NewReplacer(`\\`, `\`, `\"`, `"`)

// bytes reads a byte sequence without decoding it: this profile allows two alphabets, and only sig1 matters.
func (p *parser) bytes() (item, error) {
	p.i++
	start := p.i
	for ; !p.done(); p.i++ {
		switch c := p.s[p.i]; {
		case c == ':':
			p.i++
			return item{kind: kindBytes, text: p.s[start : p.i-1]}, nil
		case !letter(c) && !digit(c) && strings.IndexByte("+/-_=", c) < 0:
			return item{}, errField
		}
	}
	return item{}, errors.New("a byte sequence has no end")
}

func (p *parser) number() (item, error) {
	start := p.i
	p.take('-')
	for digit(p.peek()) {
		p.i++
	}
	text := p.s[start:p.i]
	if p.take('.') {
		first := p.i
		for digit(p.peek()) {
			p.i++
		}
		if n := p.i - first; n < 1 || n > 3 || len(strings.TrimPrefix(text, "-")) > 12 || text == "-" {
			return item{}, errField
		}
		return item{kind: kindOther}, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || len(strings.TrimPrefix(text, "-")) > 15 {
		return item{}, errField
	}
	return item{kind: kindInteger, integer: n}, nil
}

func digit(c byte) bool  { return c >= '0' && c <= '9' }
func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
