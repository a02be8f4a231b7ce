package safehttp

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Rule names the rule that a BlockedError violates.
type Rule string

// The rules of contract L1.
const (
	RuleURL     Rule = "url"              // a plain absolute URL: no credentials, no fragment
	RuleHTTPS   Rule = "https"            // https only
	RuleHost    Rule = "host"             // a host name in ASCII or an IP address in its usual form
	RuleAddress Rule = "reserved-address" // no reserved or private address, and none of this machine
)

// BlockedError is a request that was refused before anything was sent. Its text is for our logs and
// for the owner of the configuration, not for the counterparty.
type BlockedError struct {
	Rule   Rule
	Detail string
}

func (e *BlockedError) Error() string {
	return fmt.Sprintf("refused by rule %q: %s", e.Rule, e.Detail)
}

func blocked(r Rule, format string, args ...any) error {
	return &BlockedError{Rule: r, Detail: fmt.Sprintf(format, args...)}
}

// maxURL is the length in bytes of the longest accepted URL.
const maxURL = 2048

// CheckURL returns a *BlockedError if a client would refuse the URL before resolving its name.
// allowLoopback is the client's Options.AllowLoopback.
func CheckURL(raw string, allowLoopback bool) error {
	if len(raw) > maxURL {
		return blocked(RuleURL, "it has %d bytes, use at most %d", len(raw), maxURL)
	}
	u, err := url.Parse(raw)
	if err != nil {
		return blocked(RuleURL, "it cannot be parsed") // the parser's error quotes the URL, credentials included
	}
	return guard{loopback: allowLoopback}.checkURL(u)
}

// guard decides which URLs and which addresses may be dialed.
type guard struct{ loopback bool }

func (g guard) checkURL(u *url.URL) error {
	switch {
	case u.Opaque != "" || u.Host == "":
		return blocked(RuleURL, "it names no host, use https://host/path")
	case u.User != nil:
		return blocked(RuleURL, "it holds credentials, keep them in the secret store")
	case u.Fragment != "":
		return blocked(RuleURL, "it has a fragment, leave it out")
	case u.Port() != "" && !validPort(u.Port()), strings.HasSuffix(u.Host, ":"):
		return blocked(RuleURL, "its port is not a number from 1 to 65535")
	}
	host := u.Hostname()
	if err := checkHost(host); err != nil {
		return err
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !g.loopback || !isLoopbackHost(host)) {
		return blocked(RuleHTTPS, "its scheme is %.20q, use https", u.Scheme)
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return g.checkAddr(host, a)
	}
	if isLoopbackHost(host) && !g.loopback {
		return blocked(RuleAddress, "%s is this machine", host)
	}
	return nil
}

// checkHost refuses every notation of an address that some resolver may read as another host than
// this package does: 2130706433, 0x7f.1, 0177.0.0.1, 127.1.
func checkHost(host string) error {
	if a, err := netip.ParseAddr(host); err == nil {
		if a.Zone() != "" || a.Is4In6() {
			return blocked(RuleHost, "%.60q is an address with a zone or an IPv4 address in IPv6 form", host)
		}
		return nil
	}
	if strings.Trim(host, ".") == "" || len(host) > 253 {
		return blocked(RuleHost, "%.60q is not a host name", host)
	}
	for _, c := range []byte(host) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
			c == '.' || c == '-' || c == '_') {
			return blocked(RuleHost,
				"%.60q is not a host name in ASCII, write an international name in its xn-- form", host)
		}
	}
	labels := strings.Split(strings.TrimSuffix(strings.ToLower(host), "."), ".")
	last := labels[len(labels)-1]
	if strings.Trim(last, "0123456789") == "" ||
		strings.HasPrefix(last, "0x") && strings.Trim(last[2:], "0123456789abcdef") == "" {
		return blocked(RuleHost, "%.60q is a number, write an address as four decimal numbers", host)
	}
	return nil
}

// checkAddr refuses a reserved address to which a host resolved.
func (g guard) checkAddr(host string, a netip.Addr) error {
	if g.loopback && a.IsLoopback() {
		return nil
	}
	if r := reserved(a); r != "" {
		return blocked(RuleAddress, "%.253s is %s (%s)", host, a, r)
	}
	// http is allowed for these names, so they must not lead to another machine.
	if g.loopback && isLoopbackHost(host) {
		return blocked(RuleAddress, "%.253s is %s, which is not this machine", host, a)
	}
	return nil
}

// isLoopbackHost reports whether a host can only mean this machine.
func isLoopbackHost(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback() || strings.EqualFold(host, "localhost")
}

func validPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}
