package httpsig

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// The headers of a signed message.
const (
	HeaderInput     = "Signature-Input"
	HeaderSignature = "Signature"
	HeaderDigest    = "Content-Digest"
	headerType      = "Content-Type"
)

// label names the only signature that is verified (contract F.5 step 1). Signatures that relays add
// say nothing about the sender.
const label = "sig1"

// maxKeyID bounds the key id in bytes, because stores use it in their keys.
const maxKeyID = 256

// signature is the content of the headers, not verified yet.
type signature struct {
	components []component
	rawParams  string // as received: another order or spelling would be another signature base
	value      []byte

	created, expires         int64
	nonce, keyID, alg, tag   string
	hasCreated, hasExpires   bool
	hasNonce, hasKeyID       bool
	hasAlg, hasTag           bool
	contentType, digestField string // as received (contract F41)
	digest, digest512        []byte // the SHA-256 digest and, beside it, that of SHA-512; or nil
}

// parseHeaders is step 1, except for the presence of both headers, which readSignature checks.
func parseHeaders(h http.Header, onlyPadded bool) (s signature, err error) {
	if err := s.parseInput(joinedHeader(h, HeaderInput)); err != nil {
		return s, fmt.Errorf("%s: %w", HeaderInput, err)
	}
	if err := s.parseValue(joinedHeader(h, HeaderSignature), onlyPadded); err != nil {
		return s, fmt.Errorf("%s: %w", HeaderSignature, err)
	}
	if s.contentType, err = singleHeader(h, headerType); err != nil {
		return s, err
	}
	if commaOutsideQuotes(s.contentType) {
		return s, errors.New("several content types")
	}
	return s, s.parseDigest(h, onlyPadded)
}

// Claimed returns the key id and the nonce that a message claims, without verifying it. With them a
// caller can read everything that Verify needs in one request. Both are empty if the message has no
// readable signature.
func Claimed(h http.Header) (keyID, nonce string) {
	var s signature
	if s.parseInput(joinedHeader(h, HeaderInput)) != nil {
		return "", ""
	}
	return s.keyID, s.nonce
}

func (s *signature) parseInput(field string) error {
	m, err := signatureMember(field)
	if err != nil {
		return err
	}
	if !m.isList {
		return errors.New("sig1 is not a list of components")
	}
	for i, c := range m.items {
		if !componentName(c.name) {
			return errors.New("a component's name is malformed")
		}
		for _, other := range m.items[:i] {
			if other.raw == c.raw {
				return errors.New("a component occurs twice")
			}
		}
	}
	s.components, s.rawParams = m.items, m.raw
	for _, p := range m.params {
		if err := s.param(p); err != nil {
			return err
		}
	}
	return nil
}

func (s *signature) param(p param) error {
	want, ok := kindString, p.value.text != ""
	switch p.key {
	case "created":
		s.created, s.hasCreated, want, ok = p.value.integer, true, kindInteger, true
	case "expires":
		s.expires, s.hasExpires, want, ok = p.value.integer, true, kindInteger, true
	case "nonce":
		s.nonce, s.hasNonce, ok = p.value.text, true, validNonce(p.value.text)
	case "keyid":
		s.keyID, s.hasKeyID, ok = p.value.text, true, ok && len(p.value.text) <= maxKeyID
	case "alg":
		s.alg, s.hasAlg = p.value.text, true
	case "tag":
		s.tag, s.hasTag = p.value.text, true
	default:
		return nil // an unknown parameter is signed like the others, but has no meaning here
	}
	if p.value.kind != want || !ok {
		return errors.New("parameter " + p.key + " is malformed")
	}
	return nil
}

// complete reports whether every required parameter is there (step 2).
func (s *signature) complete() bool {
	return s.hasCreated && s.hasExpires && s.hasNonce && s.hasKeyID && s.hasAlg && s.hasTag
}

func (s *signature) parseValue(field string, onlyPadded bool) error {
	m, err := signatureMember(field)
	if err != nil {
		return err
	}
	if m.isList || m.value.kind != kindBytes {
		return errors.New("sig1 is not a byte sequence")
	}
	s.value, err = decodeBytes(m.value.text, onlyPadded)
	return err
}

// parseDigest reads Content-Digest. Of several algorithms it takes only those that are checked: a
// wrong digest could stand beside the right one.
func (s *signature) parseDigest(h http.Header, onlyPadded bool) (err error) {
	if s.digestField, err = singleHeader(h, HeaderDigest); err != nil || s.digestField == "" {
		return err
	}
	members, err := parseDictionary(s.digestField)
	if err != nil {
		return fmt.Errorf("%s: %w", HeaderDigest, err)
	}
	for _, m := range members {
		if m.isList || m.value.kind != kindBytes || len(m.params) > 0 {
			return errors.New(HeaderDigest + " is not a digest")
		}
		digest, err := decodeBytes(m.value.text, onlyPadded)
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", HeaderDigest, err)
		case m.name == "sha-256":
			s.digest = digest
		case m.name == "sha-512" && len(members) > 1:
			s.digest512 = digest
		case len(members) > 1:
			return errors.New(HeaderDigest + " has a digest that is not checked")
		}
	}
	return nil
}

// signatureMember returns the member sig1 of a header.
func signatureMember(field string) (member, error) {
	members, err := parseDictionary(field)
	if err != nil {
		return member{}, err
	}
	for i := range members {
		if members[i].name == label {
			return members[i], nil
		}
	}
	return member{}, errors.New("there is no sig1")
}

// joinedHeader returns a header as one structured field: several lines are one list.
func joinedHeader(h http.Header, name string) string {
	if v := h.Values(name); len(v) != 1 {
		return strings.Join(v, ", ")
	}
	return strings.TrimSpace(h.Get(name))
}

// singleHeader returns the trimmed value of a header that may occur once, or "". A control
// character in it could forge a line of the signature base.
func singleHeader(h http.Header, name string) (string, error) {
	v := h.Values(name)
	if len(v) > 1 {
		return "", errors.New(name + " occurs twice")
	}
	if len(v) == 0 {
		return "", nil
	}
	if hasControl(v[0]) {
		return "", errors.New(name + " holds a control character")
	}
	return strings.Trim(v[0], " \t"), nil
}

func hasControl(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return true
		}
	}
	return false
}

func commaOutsideQuotes(s string) bool {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			return true
		}
	}
	return false
}

// componentName reports whether s can name a component: a derived one, or a header field in lower
// case (RFC 9421, 2.1).
func componentName(s string) bool {
	rest := strings.TrimPrefix(s, "@")
	for i := range len(rest) {
		if c := rest[i]; !(c >= 'a' && c <= 'z' || digit(c) || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return rest != ""
}
