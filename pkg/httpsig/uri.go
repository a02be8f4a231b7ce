package httpsig

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Bounds in bytes, because a sender controls the URL: of the URL and of its host.
const (
	maxURI  = 8 << 10
	maxHost = 255
)

var errURI = errors.New("httpsig: malformed target URI")

// uri is a canonical URL and its authority.
type uri struct{ full, authority string }

// CanonicalURI returns the value of @target-uri for a URL (contract B53). It is written by hand
// because net/url, path.Clean and http.ServeMux each produce other bytes in some step, and a
// signature covers every byte.
func CanonicalURI(raw string) (string, error) {
	u, err := canonical(raw)
	return u.full, err
}

// canonical does the steps of contract B53; the numbers are its own.
func canonical(raw string) (uri, error) {
	if len(raw) > maxURI {
		return uri{}, errURI
	}
	// 8. The fragment. It comes first, because everything after the # belongs to it.
	raw, _, _ = strings.Cut(raw, "#")
	// 1. The scheme.
	scheme, rest, ok := strings.Cut(raw, "://")
	if scheme = strings.ToLower(scheme); !ok || scheme != "https" && scheme != "http" {
		return uri{}, errURI
	}
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	// 2 to 4. The authority.
	authority, err := canonicalAuthority(scheme, rest[:end])
	if err != nil {
		return uri{}, err
	}
	path, query := rest[end:], ""
	if i := strings.IndexByte(path, '?'); i >= 0 {
		path, query = path[:i], path[i:] // 7. The query unchanged, even a lone question mark (contract B53a).
	}
	if !printable(path) || !printable(query) {
		return uri{}, errURI
	}
	// 5 and 6. The path.
	if path, err = unescapeUnreserved(removeDots(path)); err != nil {
		return uri{}, err
	}
	return uri{scheme + "://" + authority + path + query, authority}, nil
}

// canonicalAuthority is steps 2 to 4. It splits userinfo, host and port from left to right.
func canonicalAuthority(scheme, s string) (string, error) {
	if i := strings.IndexByte(s, '@'); i >= 0 {
		userinfo := s[:i]
		if s = s[i+1:]; strings.IndexByte(s, '@') >= 0 || !printable(userinfo) {
			return "", errURI // parsers disagree on where such a userinfo ends
		}
	}
	var host, port string
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return "", errURI
		}
		host, port = strings.ToLower(s[:end+1]), s[end+1:]
		ip, err := netip.ParseAddr(host[1:end])
		if err != nil || !ip.Is6() || ip.Zone() != "" { // a zone has a meaning on one machine only
			return "", errURI
		}
	} else {
		i := strings.IndexByte(s, ':')
		if i < 0 {
			i = len(s)
		}
		port = s[i:]
		var err error
		if host, err = canonicalHost(s[:i]); err != nil {
			return "", err
		}
	}
	if port == "" || port == ":" {
		return host, nil
	}
	n, err := strconv.ParseUint(port[1:], 10, 16)
	if port[0] != ':' || err != nil || port[1] == '0' {
		return "", errURI // an IPv6 address without brackets fails here too: its port has a colon
	}
	if scheme == "https" && n == 443 || scheme == "http" && n == 80 {
		return host, nil
	}
	return host + port, nil
}

func canonicalHost(host string) (string, error) {
	if !ascii(host) {
		if !utf8.ValidString(host) || len(host) > maxHost { // encoding takes quadratic time
			return "", errURI
		}
		profile := idna.New(idna.MapForLookup(), idna.Transitional(false), idna.BidiRule(),
			idna.CheckJoiners(true), idna.StrictDomainName(true))
		a, err := profile.ToASCII(host)
		if err != nil {
			return "", errURI
		}
		host = a // checked below like any other host: a mapping can yield a slash
	}
	host = strings.ToLower(host)
	for i := range len(host) {
		c := host[i]
		dot := c == '.' && i > 0 && host[i-1] != '.'
		if !dot && !(c >= 'a' && c <= 'z' || digit(c) || c == '-' || c == '_') {
			return "", errURI
		}
	}
	host = strings.TrimSuffix(host, ".") // the root's; a second dot was refused above
	if host == "" || len(host) > maxHost {
		return "", errURI
	}
	return host, nil
}

// removeDots removes dot segments (RFC 3986, 5.2.4). It never merges slashes: an empty segment
// counts.
func removeDots(path string) string {
	if path == "" {
		return "/"
	}
	if !strings.Contains(path, "/.") {
		return path
	}
	segments := strings.Split(path[1:], "/")
	kept := segments[:0]
	for i, s := range segments {
		switch last := i == len(segments)-1; {
		case s == "..":
			if len(kept) > 0 {
				kept = kept[:len(kept)-1]
			}
			fallthrough
		case s == ".":
			if last {
				kept = append(kept, "")
			}
		default:
			kept = append(kept, s)
		}
	}
	return "/" + strings.Join(kept, "/")
}

// unescapeUnreserved decodes the escapes of unreserved characters and writes the other escapes in
// upper case. The protocol puts it after removeDots: a segment of escaped dots stays a segment.
func unescapeUnreserved(path string) (string, error) {
	if strings.IndexByte(path, '%') < 0 {
		return path, nil
	}
	b := make([]byte, 0, len(path))
	for i := 0; i < len(path); i++ {
		if path[i] != '%' {
			b = append(b, path[i])
			continue
		}
		if i+2 >= len(path) {
			return "", errURI
		}
		n, err := strconv.ParseUint(path[i+1:i+3], 16, 8)
		if err != nil {
			return "", errURI
		}
		if c := byte(n); letter(c) || digit(c) || strings.IndexByte("-._~", c) >= 0 {
			b = append(b, c)
		} else {
			b = append(append(b, '%'), strings.ToUpper(path[i+1:i+3])...)
		}
		i += 2
	}
	return string(b), nil
}

// rawAuthority returns the authority of a URL unchanged.
func rawAuthority(raw string) string {
	_, rest, _ := strings.Cut(raw, "://")
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		return rest[:end]
	}
	return rest
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// printable reports whether s can be part of a request target. It refuses the backslash, because
// some parsers turn it into a slash.
func printable(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || c == '\\' {
			return false
		}
	}
	return true
}

// hasAuthority reports whether a received authority is the URL's.
func (u uri) hasAuthority(received string) bool {
	if !ascii(received) || strings.IndexByte(received, '@') >= 0 {
		return false
	}
	scheme, _, _ := strings.Cut(u.full, "://")
	got, err := canonicalAuthority(scheme, received)
	return err == nil && got == u.authority
}
