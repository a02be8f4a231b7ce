package httpsig

import (
	"errors"
	"net/http"
	"strings"
)

// The components that the profiles use.
const (
	compMethod    = "@method"
	compTarget    = "@target-uri"
	compAuthority = "@authority"
	compType      = "content-type"
	compDigest    = "content-digest"
)

// Message is the HTTP request whose signature is verified or made.
type Message struct {
	Method string
	// URL is the absolute URL that the sender called. A receiver passes its own public URL, built from
	// configuration, raw path and raw query (contract F42).
	URL string
	// Host is the Host header as received, Authority is HTTP/2's :authority. One of them may be empty.
	// A signer leaves both empty.
	Host, Authority string
	// Header holds the other headers under their canonical names.
	Header http.Header
	// Body is the raw body, byte for byte (contract F32).
	Body []byte
}

var errBase = errors.New("a covered component is not in the message")

// signatureBase returns the bytes that are signed (RFC 9421, 2.5): one line for each component, in
// the order of the list, then the parameters.
func signatureBase(m Message, target uri, components []component, rawParams string) ([]byte, error) {
	b := make([]byte, 0, 512+len(target.full)+len(rawParams))
	for _, c := range components {
		if c.params {
			return nil, errBase // the profile defines no component with parameters
		}
		b = append(append(b, c.raw...), ": "...)
		switch c.name {
		case compMethod:
			b = append(b, m.Method...)
		case compTarget:
			b = append(b, target.full...)
		case compAuthority:
			b = append(b, target.authority...)
		default:
			v := m.Header.Values(http.CanonicalHeaderKey(c.name))
			if len(v) == 0 || c.name[0] == '@' {
				return nil, errBase
			}
			for i, line := range v {
				if hasControl(line) {
					return nil, errBase
				}
				if i > 0 {
					b = append(b, ", "...)
				}
				b = append(b, strings.Trim(line, " \t")...)
			}
		}
		b = append(b, '\n')
	}
	return append(append(b, `"@signature-params": `...), rawParams...), nil
}
