package keyring

import (
	"context"
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"

	"adcp-orchestrator/pkg/httpsig"
)

// The well-known paths of contract F48 and F59.
const (
	brandPath = "/.well-known/brand.json"
	jwksPath  = "/.well-known/jwks.json"
	listPath  = "/.well-known/governance-revocations.json"
)

// place is where a sender's brand.json was found, and where its key set is according to that.
type place struct{ brand, jwks string }

// discover finds the agent's entry (contract F48, F51): by the address that the tenant configured, or else by the one in the agent's capabilities, or
// else at the well-known places. Whoever names an address decides: where that one fails, no other is tried. It returns what the capabilities say of the
// keys' origin along with it, a *failure, or errAbsent if there is no brand.json at any of the places.
func (s *Source) discover(ctx context.Context, sender Sender, now time.Time) (p place, keyOrigin string, err error) {
	if sender.BrandURL != "" {
		// A human's statement, taken as it is: the agent is not asked what it thinks of it.
		p, err = s.entryAt(ctx, sender, sender.BrandURL, true, nil)
		return p, "", err
	}
	var brandURL string
	if s.Profile != nil {
		if brandURL, keyOrigin, err = s.Profile(ctx, sender); err != nil {
			return p, "", &failure{capabilitiesUnreachable, "the agent's capabilities can't be had", err}
		}
	}
	if brandURL == "" {
		p, err = s.wellKnown(ctx, sender)
		return p, keyOrigin, err
	}
	// The agent says whose it is, and its operator has to agree: by having the same domain, or by listing it (contract F51).
	a, b := hostOf(sender.AgentURL), hostOf(brandURL)
	if sameSite(a, b) {
		p, err = s.entryAt(ctx, sender, brandURL, false, nil)
	} else {
		p, err = s.entryAt(ctx, sender, brandURL, false, func(doc brand) bool { return doc.authorizes(a, now) })
	}
	return p, keyOrigin, err
}

// wellKnown looks at the operator's domain, and on the agent's own host if there is no such document there or no such entry in it. Hosts without a
// registrable domain, addresses among them, have their own only.
func (s *Source) wellKnown(ctx context.Context, sender Sender) (p place, err error) {
	candidates := make([]string, 0, 2)
	if domain, ok := site(hostOf(sender.AgentURL)); ok {
		candidates = append(candidates, "https://"+domain+brandPath)
	}
	if own := origin(sender.AgentURL) + brandPath; len(candidates) == 0 || candidates[0] != own {
		candidates = append(candidates, own)
	}
	err = errAbsent
	for _, at := range candidates {
		found, failed := s.entryAt(ctx, sender, at, true, nil)
		var f *failure
		switch {
		case failed == nil:
			return found, nil
		case errors.Is(failed, errAbsent):
		case errors.As(failed, &f) && f.code == agentMissing:
			err = failed
		default:
			return p, failed // a host that can't answer must not leave the word to another
		}
	}
	return p, err
}

// entryAt reads the brand.json at an address, after one redirect by its content if it may have one (contract F48), and finds the agent's entry in it.
// accept, if given, judges the document first.
func (s *Source) entryAt(ctx context.Context, sender Sender, at string, hop bool, accept func(brand) bool) (place, error) {
	doc, err := s.brandAt(ctx, at)
	if err != nil {
		return place{}, err
	}
	if doc.redirects() && hop {
		next, err := s.target(doc)
		if err != nil {
			return place{}, err
		}
		if doc, err = s.brandAt(ctx, next); errors.Is(err, errAbsent) { // unlike one that was never there
			return place{}, &failure{brandUnreachable, "its redirect leads nowhere", nil}
		} else if err != nil {
			return place{}, err
		}
		at = next
	}
	if doc.redirects() {
		return place{}, &failure{brandUnreachable, "a redirect that may not be followed", nil}
	}
	if accept != nil && !accept(doc) {
		return place{}, &failure{brandMismatch, "brand.json is on another domain, which doesn't authorize the agent's", nil}
	}
	jwks, err := s.match(doc, sender.AgentURL)
	return place{at, jwks}, err
}

func (s *Source) brandAt(ctx context.Context, at string) (brand, error) {
	data, err := s.document(ctx, at, maxBrand, brandUnreachable, brandMalformed)
	if err != nil {
		return brand{}, err
	}
	doc, err := readBrand(data)
	if err != nil {
		return brand{}, &failure{brandMalformed, "it is not of the schema's form", err}
	}
	return doc, nil
}

// target is where a redirecting document leads.
func (s *Source) target(doc brand) (string, error) {
	at := doc.location
	if at == "" {
		if at = "https://" + doc.house + brandPath; hostOf(at) != doc.house { // a domain and nothing else
			return "", &failure{brandMalformed, "house is no domain", nil}
		}
	}
	if err := s.checkURL(at); err != nil {
		return "", &failure{brandMalformed, "a redirect " + describe(err), err}
	}
	return at, nil
}

// match finds the key set of the one entry whose url is the agent's, byte for byte (contract F49, Q7). The schema asks for canonical comparison elsewhere:
// an entry that would match so is named in the log, because somebody has to correct one of the two.
func (s *Source) match(doc brand, agentURL string) (string, error) {
	var found *agentEntry
	near := ""
	for i, e := range doc.agents {
		switch {
		case e.url == agentURL && found != nil: // contract F50: wherever they stand, and whatever they say
			return "", &failure{brandAmbiguous, "two entries have the agent's url", nil}
		case e.url == agentURL:
			found = &doc.agents[i]
		case near == "" && nearlySame(e.url, agentURL):
			near = e.url
		}
	}
	if found == nil && near != "" {
		return "", &failure{agentMissing, "an entry has the agent's url in another spelling: " + httpsig.Loggable(near), nil}
	}
	if found == nil {
		return "", &failure{agentMissing, "no entry has the agent's url", nil}
	}
	jwks := origin(agentURL) + jwksPath
	if found.jwks != nil {
		jwks = *found.jwks
	}
	if err := s.checkURL(jwks); err != nil {
		return "", &failure{brandMalformed, "jwks_uri is " + describe(err), err}
	}
	return jwks, nil
}

// authorizes reports whether the document lists a host's domain among its authorized operators.
func (b brand) authorizes(host string, now time.Time) bool {
	domain, ok := site(host)
	if !ok {
		return false
	}
	for _, o := range b.operators {
		if o.valid(now) && o.domain != "" && hostOf("https://"+o.domain+"/") == domain && !strings.ContainsAny(o.domain, "/:@?#") {
			return true
		}
	}
	return false
}

// checkOrigin is the last link of contract F51. An origin that the capabilities don't declare is not asked for: whether the agent claims to sign at all
// is B39's matter.
func checkOrigin(jwks, declared string) error {
	switch host := hostOf(declared); {
	case declared == "":
		return nil
	case host == "":
		return &failure{originMissing, "key_origins.webhook_signing names no host", nil}
	case host != hostOf(jwks):
		return &failure{originMismatch, "key_origins.webhook_signing has " + httpsig.Loggable(host) + ", jwks_uri " + httpsig.Loggable(hostOf(jwks)), nil}
	}
	return nil
}

// canonical parses a URL in the form of contract B53: lower case, A-labels, no default port. It returns nil for what is none.
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

// origin returns a URL's scheme, host and port, as one writes them.
func origin(raw string) string {
	u := canonical(raw)
	if u == nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// sameURL reports whether two URLs are one address.
func sameURL(a, b string) bool {
	if a == b {
		return true
	}
	u, v := canonical(a), canonical(b)
	return u != nil && v != nil && u.String() == v.String()
}

// nearlySame reports whether two URLs look like one that was mistyped: but for their canonical form, or a slash at the end.
func nearlySame(a, b string) bool {
	return sameURL(strings.TrimRight(a, "/")+"/", strings.TrimRight(b, "/")+"/")
}

// site returns the domain that a host's owner has registered (eTLD+1), by the list that is compiled in (contract F58), its private section included:
// two tenants of github.io are two owners. ok is false for a host that has none: an address, a single label, a public suffix itself.
func site(host string) (domain string, ok bool) {
	if _, err := netip.ParseAddr(host); err == nil || host == "" {
		return "", false
	}
	domain, err := publicsuffix.EffectiveTLDPlusOne(host)
	return domain, err == nil
}

// sameSite reports whether two hosts have one owner.
func sameSite(a, b string) bool {
	if a == b {
		return a != ""
	}
	x, ok := site(a)
	y, also := site(b)
	return ok && also && x == y
}
