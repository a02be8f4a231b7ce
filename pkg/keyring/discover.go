package keyring

import (
	"context"
	"errors"
	"time"

	"adcp-orchestrator/pkg/httpsig"
)

// The well-known paths of contract F48 and F59.
const (
	brandPath = "/.well-known/brand.json"
	jwksPath  = "/.well-known/jwks.json"
	listPath  = "/.well-known/governance-revocations.json"
)

// location is the address of a sender's brand.json, and that of its key set according to that.
// brand is "" if there is no brand.json.
type location struct{ brand, jwks string }

// discover finds the agent's entry in brand.json (contract F48, F51): at the address that the
// tenant configured, else at the one in the agent's capabilities, else at the well-known places. A
// configured or declared address is decisive: if it fails, no other is tried. keyOrigin is what the
// capabilities declare of the keys' origin. The error is a *failure, or errAbsent if none of the
// places has a brand.json.
func (s *Source) discover(
	ctx context.Context, sender Sender, now time.Time,
) (at location, keyOrigin string, err error) {
	if sender.BrandURL != "" { // a person configured it: it counts without the agent's consent
		at, err = s.locateAt(ctx, sender, sender.BrandURL, true, nil)
		return at, "", err
	}
	var brandURL string
	if s.Profile != nil {
		if brandURL, keyOrigin, err = s.Profile(ctx, sender); err != nil {
			return at, "", &failure{capabilitiesUnreachable, "the agent's capabilities can't be read", err}
		}
	}
	if brandURL == "" {
		at, err = s.locateWellKnown(ctx, sender)
		return at, keyOrigin, err
	}
	// The agent claims an operator, and the operator has to agree: by having the agent's domain, or by
	// listing it (contract F51).
	var agrees func(brand) bool
	if host := hostOf(sender.AgentURL); !sameSite(host, hostOf(brandURL)) {
		agrees = func(doc brand) bool { return doc.authorizes(host, now) }
	}
	at, err = s.locateAt(ctx, sender, brandURL, false, agrees)
	return at, keyOrigin, err
}

// locateWellKnown looks at the operator's domain, and on the agent's own host if the former has no
// brand.json or no entry for the agent. A host without a registrable domain, such as an IP address,
// is looked at alone.
func (s *Source) locateWellKnown(ctx context.Context, sender Sender) (at location, err error) {
	candidates := make([]string, 0, 2)
	if domain, ok := registrableDomain(hostOf(sender.AgentURL)); ok {
		candidates = append(candidates, "https://"+domain+brandPath)
	}
	if own := originOf(sender.AgentURL) + brandPath; len(candidates) == 0 || candidates[0] != own {
		candidates = append(candidates, own)
	}
	err = errAbsent
	for _, candidate := range candidates {
		found, candidateErr := s.locateAt(ctx, sender, candidate, true, nil)
		var f *failure
		switch {
		case candidateErr == nil:
			return found, nil
		case errors.Is(candidateErr, errAbsent):
		case errors.As(candidateErr, &f) && f.code == agentMissing:
			err = candidateErr
		default:
			return at, candidateErr // another host must not decide because this one is down
		}
	}
	return at, err
}

// locateAt reads the brand.json at an address and finds the agent's entry in it. mayRedirect allows
// one redirect by the document's content (contract F48). agrees, if not nil, decides whether the
// document may speak for the agent.
func (s *Source) locateAt(
	ctx context.Context, sender Sender, at string, mayRedirect bool, agrees func(brand) bool,
) (location, error) {
	doc, err := s.fetchBrand(ctx, at)
	if err != nil {
		return location{}, err
	}
	if doc.redirects() && mayRedirect {
		target, err := s.redirectTarget(doc)
		if err != nil {
			return location{}, err
		}
		doc, err = s.fetchBrand(ctx, target)
		if errors.Is(err, errAbsent) { // not the same as no brand.json at all
			return location{}, &failure{brandUnreachable, "its redirect leads to no brand.json", nil}
		}
		if err != nil {
			return location{}, err
		}
		at = target
	}
	if doc.redirects() {
		return location{}, &failure{brandUnreachable, "a redirect that must not be followed", nil}
	}
	if agrees != nil && !agrees(doc) {
		return location{}, &failure{brandMismatch,
			"brand.json is on another domain, which does not authorize the agent's domain", nil}
	}
	jwks, err := s.keySetAddress(doc, sender.AgentURL)
	return location{brand: at, jwks: jwks}, err
}

func (s *Source) fetchBrand(ctx context.Context, at string) (brand, error) {
	data, err := s.fetchDocument(ctx, at, maxBrand, brandUnreachable, brandMalformed)
	if err != nil {
		return brand{}, err
	}
	doc, err := readBrand(data)
	if err != nil {
		return brand{}, &failure{brandMalformed, "it does not match the schema", err}
	}
	return doc, nil
}

// redirectTarget returns the address that a redirecting document names.
func (s *Source) redirectTarget(doc brand) (string, error) {
	at := doc.location
	if at == "" {
		at = "https://" + doc.house + brandPath
		if hostOf(at) != doc.house { // it has to be a domain and nothing else
			return "", &failure{brandMalformed, "house is not a domain", nil}
		}
	}
	if err := s.checkURL(at); err != nil {
		return "", &failure{brandMalformed, "a redirect " + describe(err), err}
	}
	return at, nil
}

// keySetAddress returns the key set's address of the one entry whose url is the agent's in
// canonical form (contract F49). Of an entry that differs by a slash at the end the failure says
// so: somebody has to correct one of the two addresses.
func (s *Source) keySetAddress(doc brand, agentURL string) (string, error) {
	var found *agentEntry
	nearMiss := ""
	for i, e := range doc.agents {
		switch {
		case sameURL(e.url, agentURL) && found != nil: // contract F50, wherever the two are and whatever they contain
			return "", &failure{brandAmbiguous, "two entries have the agent's url", nil}
		case sameURL(e.url, agentURL):
			found = &doc.agents[i]
		case nearMiss == "" && similarURL(e.url, agentURL):
			nearMiss = e.url
		}
	}
	if found == nil && nearMiss != "" {
		detail := "an entry has the agent's url with another slash at its end: " + httpsig.Loggable(nearMiss)
		return "", &failure{agentMissing, detail, nil}
	}
	if found == nil {
		return "", &failure{agentMissing, "no entry has the agent's url", nil}
	}
	jwks := originOf(agentURL) + jwksPath
	if found.jwks != nil {
		jwks = *found.jwks
	}
	if err := s.checkURL(jwks); err != nil {
		return "", &failure{brandMalformed, "jwks_uri is " + describe(err), err}
	}
	return jwks, nil
}

// checkKeyOrigin is the last link of the chain of contract F51. It accepts a key set if the
// capabilities declare no origin: contract B39 decides whether the agent has to claim that it
// signs.
func checkKeyOrigin(jwks, declared string) error {
	if declared == "" {
		return nil
	}
	host, jwksHost := hostOf(declared), hostOf(jwks)
	if host == "" {
		return &failure{originMissing, "key_origins.webhook_signing names no host", nil}
	}
	if host != jwksHost {
		detail := "key_origins.webhook_signing has " + httpsig.Loggable(host) + ", jwks_uri " + httpsig.Loggable(jwksHost)
		return &failure{originMismatch, detail, nil}
	}
	return nil
}
