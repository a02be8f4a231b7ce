package keyring

import (
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/publicsuffix"

	"adcp-orchestrator/pkg/httpsig"
)

// canonical parses a URL in the form of contract B53: lower case, A-labels, no default port. It
// returns nil if the text is not a URL.
func canonical(raw string) *url.URL {
	c, err := httpsig.CanonicalURI(raw)
	if err != nil {
		return nil
	}
	u, err := url.Parse(c)
	if err != nil {
		return nil
	}
	return u
}

// hostOf returns a URL's host, "" if it has none.
func hostOf(raw string) string {
	u := canonical(raw)
	if u == nil {
		return ""
	}
	return u.Hostname()
}

// originOf returns a URL's scheme, host and port in the usual form, "" if the text is not a URL.
func originOf(raw string) string {
	u := canonical(raw)
	if u == nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// sameURL reports whether two URLs are equal in their canonical form.
func sameURL(a, b string) bool {
	if a == b {
		return true
	}
	u, v := canonical(a), canonical(b)
	return u != nil && v != nil && u.String() == v.String()
}

// similarURL reports whether two URLs differ by a slash at the end only, so that one of them is
// probably a typing error.
func similarURL(a, b string) bool {
	return sameURL(strings.TrimRight(a, "/")+"/", strings.TrimRight(b, "/")+"/")
}

// isDomain reports whether s can be a host without anything around it.
func isDomain(s string) bool { return s != "" && !strings.ContainsAny(s, "/:@?#") }

// registrableDomain returns the domain that a host's owner has registered (eTLD+1). It uses the
// list that is compiled in (contract F58) with its private section: two tenants of github.io are
// two owners. ok is false for a host without one: an address, a single label, a public suffix
// itself.
func registrableDomain(host string) (domain string, ok bool) {
	if _, err := netip.ParseAddr(host); err == nil || host == "" {
		return "", false
	}
	domain, err := publicsuffix.EffectiveTLDPlusOne(host)
	return domain, err == nil
}

// sameSite reports whether two hosts are equal or have one registrable domain.
func sameSite(a, b string) bool {
	if a == b {
		return a != ""
	}
	x, xOK := registrableDomain(a)
	y, yOK := registrableDomain(b)
	return xOK && yOK && x == y
}
