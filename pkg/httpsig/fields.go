package httpsig

import (
	"errors"
	"strconv"
	"strings"
)

// The kinds of bare items in the signature headers (RFC 8941, 3.3).
const (
	kindString = iota + 1
	kindInteger
	kindBytes
	kindOther // decimals, tokens and booleans: the profile expects none of them
)

// item is a bare item of a structured field.
type item struct {
	kind    int
	text    string // a string unescaped, bytes still in base64
	integer int64
}

type param struct {
	key   string
	value item
}

// component is one covered component: an item of the inner list.
type component struct {
	name   string
	raw    string // as in the header, with quotes and parameters
	params bool   // it has parameters, which the profile does not use
}

// member is one entry of a dictionary.
type member struct {
	name   string
	isList bool // an inner list of components, not a single item
	items  []component
	value  item
	params []param
	raw    string // the value with its parameters, byte for byte
}

// Bounds on headers, which an unauthenticated sender controls.
const (
	maxField   = 8 << 10 // bytes of one header
	maxMembers = 16
	maxItems   = 32 // components of a list, and parameters of an item
)

var errField = errors.New("not a structured field of the expected form")

// parseDictionary reads a dictionary (RFC 8941, 4.2.2). Unlike the RFC, which takes the last of two
// equal labels or parameters, it refuses duplicates: a proxy that takes the first would see another
// message.
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
				return nil, errors.New("a label occurs twice")
			}
		}
		if members = append(members, m); len(members) > maxMembers {
			return nil, errors.New("too many labels")
		}
		p.skip(" \t")
		if p.atEnd() {
			return members, nil
		}
		if !p.accept(',') {
			return nil, errField
		}
		p.skip(" \t")
	}
}

type parser struct {
	s string
	i int
}

func (p *parser) atEnd() bool { return p.i == len(p.s) }

func (p *parser) peek() byte {
	if p.atEnd() {
		return 0
	}
	return p.s[p.i]
}

func (p *parser) accept(c byte) bool {
	if p.peek() != c || p.atEnd() {
		return false
	}
	p.i++
	return true
}

func (p *parser) skip(set string) {
	for !p.atEnd() && strings.IndexByte(set, p.s[p.i]) >= 0 {
		p.i++
	}
}

func (p *parser) member() (m member, err error) {
	if m.name, err = p.key(); err != nil {
		return m, err
	}
	if !p.accept('=') {
		return m, errField // a bare label is the boolean true, not a signature
	}
	start := p.i
	if p.peek() == '(' {
		m.isList = true
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
	p.i++ // the opening parenthesis
	items := make([]component, 0, 8)
	for {
		p.skip(" ")
		if p.accept(')') {
			return items, nil
		}
		start := p.i
		v, err := p.bareItem()
		if err != nil {
			return nil, err
		}
		if v.kind != kindString {
			return nil, errors.New("a component is not a string")
		}
		params, err := p.params()
		if err != nil {
			return nil, err
		}
		if c := p.peek(); c != ' ' && c != ')' {
			return nil, errField
		}
		items = append(items, component{name: v.text, raw: p.s[start:p.i], params: len(params) > 0})
		if len(items) > maxItems {
			return nil, errors.New("too many components")
		}
	}
}

func (p *parser) params() ([]param, error) {
	var params []param
	for p.accept(';') {
		p.skip(" ")
		key, err := p.key()
		if err != nil {
			return nil, err
		}
		v := item{kind: kindOther} // without a value, the boolean true
		if p.accept('=') {
			if v, err = p.bareItem(); err != nil {
				return nil, err
			}
		}
		for i := range params {
			if params[i].key == key {
				return nil, errors.New("parameter " + Loggable(key) + " occurs twice")
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
	for !p.atEnd() {
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
		if p.i++; !p.accept('0') && !p.accept('1') {
			return item{}, errField
		}
		return item{kind: kindOther}, nil
	case c == '*' || letter(c):
		for !p.atEnd() && tokenChar(p.s[p.i]) {
			p.i++
		}
		return item{kind: kindOther}, nil
	}
	return item{}, errField
}

// tokenChar reports whether c may follow the first character of a token.
func tokenChar(c byte) bool {
	return letter(c) || digit(c) || strings.IndexByte("!#$%&'*+-.^_`|~:/", c) >= 0
}

func (p *parser) quoted() (item, error) {
	p.i++
	start, escaped := p.i, false
	for ; !p.atEnd(); p.i++ {
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
	return item{}, errors.New("a string is not closed")
}

var unescaper = strings.NewReplacer(`\\`, `\`, `\"`, `"`)

// bytes reads a byte sequence without decoding it: the profile allows two alphabets, and only
// sig1's value is needed.
func (p *parser) bytes() (item, error) {
	p.i++
	start := p.i
	for ; !p.atEnd(); p.i++ {
		switch c := p.s[p.i]; {
		case c == ':':
			p.i++
			return item{kind: kindBytes, text: p.s[start : p.i-1]}, nil
		case !letter(c) && !digit(c) && strings.IndexByte("+/-_=", c) < 0:
			return item{}, errField
		}
	}
	return item{}, errors.New("a byte sequence is not closed")
}

func (p *parser) number() (item, error) {
	start := p.i
	p.accept('-')
	for digit(p.peek()) {
		p.i++
	}
	text := p.s[start:p.i]
	if p.accept('.') {
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
