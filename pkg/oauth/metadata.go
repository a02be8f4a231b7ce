package oauth

import (
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/safehttp"
)

// maxServers is how many authorization servers an agent may list (contract L26).
const maxServers = 16

// The grants and the client's ways to authenticate that this package knows.
const (
	clientCredentials = "client_credentials"
	SecretBasic       = "client_secret_basic"
	SecretPost        = "client_secret_post"
)

// Canonical is an agent's address as RFC 8707 names a resource: scheme and host in lower case, no
// default port. It is empty for what is not an absolute address without a fragment.
func Canonical(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme == "" || u.Host == "" || u.Opaque != "" || u.User != nil || u.Fragment != "" {
		return ""
	}
	u.Scheme, u.Host = strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	if p := u.Port(); p == "443" && u.Scheme == "https" || p == "80" && u.Scheme == "http" {
		u.Host = strings.TrimSuffix(u.Host, ":"+p)
	}
	if u.Path == "/" && u.RawQuery == "" {
		u.Path = ""
	}
	return u.String()
}

// wellKnown puts a well-known path between an address's host and its path, which is as escaped as
// it was.
func wellKnown(u *url.URL, name, path string) string {
	address := u.Scheme + "://" + u.Host + "/.well-known/" + name + path
	if u.RawQuery != "" {
		address += "?" + u.RawQuery
	}
	return address
}

// ResourceURLs returns the addresses at which an agent's metadata may be (RFC 9728, section 3.1):
// that of its path, then that of its host, which many frameworks serve.
func ResourceURLs(agentURL string) []string {
	const name = "oauth-protected-resource"
	u, err := url.Parse(agentURL)
	if err != nil {
		return nil
	}
	if path := u.EscapedPath(); path != "/" && path != "" {
		return []string{wellKnown(u, name, path), wellKnown(&url.URL{Scheme: u.Scheme, Host: u.Host}, name, "")}
	}
	return []string{wellKnown(u, name, "")}
}

// ServerURLs returns the addresses at which the metadata of an issuer may be: RFC 8414's, then
// OpenID Connect's.
func ServerURLs(issuer string) []string {
	u, err := url.Parse(issuer)
	if err != nil {
		return nil
	}
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	urls := []string{wellKnown(u, "oauth-authorization-server", path), wellKnown(u, "openid-configuration", path)}
	if strings.Trim(u.Path, "/") != "" {
		urls = append(urls, u.JoinPath(".well-known", "openid-configuration").String())
	}
	return urls
}

// ReadResource reads the metadata of the agent at an address and returns the issuers of its
// authorization servers. Their addresses have the right form; checkURL, which says what the guarded
// client refuses, need not allow them.
func ReadResource(body []byte, agentURL string, checkURL func(string) error) ([]string, *Fault) {
	m, err := members(body)
	if err != nil {
		return nil, fault(ResourceInvalid, "resource", "the agent's metadata can't be read: %w", err)
	}
	resource, ok := text(m["resource"])
	if !ok {
		return nil, fault(ResourceInvalid, "resource", "the agent's metadata names no resource")
	}
	if own := Canonical(agentURL); own == "" || Canonical(resource) != own {
		return nil, fault(ResourceMismatch, "resource", "the agent's metadata is about %.200q", resource)
	}
	const field = "authorization_servers"
	issuers, ok := texts(m[field])
	switch {
	case !ok:
		return nil, fault(ResourceInvalid, field, "it is no list of addresses")
	case len(issuers) == 0:
		return nil, fault(ServersEmpty, field, "the agent lists no authorization server")
	case len(issuers) > maxServers:
		return nil, fault(GraphLimit, field, "the agent lists %d authorization servers", len(issuers))
	}
	for _, issuer := range issuers {
		if f := CheckIssuer(issuer, checkURL); f != nil && f.Code == ServerURLInvalid {
			return nil, f
		}
	}
	return issuers, nil
}

// CheckIssuer judges the form of an issuer's address (RFC 8414, section 2).
func CheckIssuer(issuer string, checkURL func(string) error) *Fault {
	f := checkAddress(issuer, "authorization_servers", ServerURLInvalid, checkURL)
	if f == nil || f.Code == FetchBlocked {
		if u, err := url.Parse(issuer); err != nil || u.RawQuery != "" || u.ForceQuery {
			return fault(ServerURLInvalid, "authorization_servers", "an issuer has no query")
		}
	}
	return f
}

// checkAddress judges an address: malformed is the code for one of the wrong form. One that leads
// inward is FetchBlocked.
func checkAddress(address, field string, malformed Code, checkURL func(string) error) *Fault {
	err := checkURL(address)
	if err == nil {
		return nil
	}
	var refused *safehttp.BlockedError
	if errors.As(err, &refused) && (refused.Rule == safehttp.RuleHost || refused.Rule == safehttp.RuleAddress) {
		return &Fault{Code: FetchBlocked, Field: field, Cause: err}
	}
	return &Fault{Code: malformed, Field: field, Cause: err}
}

// Server is the metadata of an authorization server.
type Server struct {
	Issuer, TokenEndpoint, AuthorizationEndpoint, JWKS string
	// Grants and AuthMethods are nil if the server does not state them.
	Grants, AuthMethods []string
}

// OffersClientCredentials reports whether the server may know the grant. By RFC 8414 a server that
// states no grants does not; many that do leave the member out.
func (s Server) OffersClientCredentials() bool {
	return s.TokenEndpoint != "" && (s.Grants == nil || slices.Contains(s.Grants, clientCredentials))
}

// ReadServer reads the metadata of an issuer: who it is, byte for byte, then its required members,
// then the form of its endpoints.
func ReadServer(body []byte, issuer string, checkURL func(string) error) (Server, *Fault) {
	m, err := members(body)
	if err != nil {
		return Server{}, fault(ServerInvalid, "issuer", "the server's metadata can't be read: %w", err)
	}
	stated, ok := text(m["issuer"])
	if !ok {
		return Server{}, fault(ServerInvalid, "issuer", "the server's metadata names no issuer")
	}
	if stated != issuer {
		return Server{}, fault(IssuerMismatch, "issuer", "the server's metadata is that of %.200q", stated)
	}
	s := Server{Issuer: issuer}
	for _, l := range []struct {
		name string
		into *[]string
	}{
		{"grant_types_supported", &s.Grants}, {"token_endpoint_auth_methods_supported", &s.AuthMethods},
	} {
		if len(m[l.name]) == 0 {
			continue
		}
		if *l.into, ok = texts(m[l.name]); !ok || len(*l.into) == 0 {
			return Server{}, fault(ServerInvalid, l.name, "it is no list of names")
		}
	}
	endpoints := []struct {
		name string
		into *string
	}{
		{"authorization_endpoint", &s.AuthorizationEndpoint}, {"token_endpoint", &s.TokenEndpoint}, {"jwks_uri", &s.JWKS},
	}
	for _, e := range endpoints {
		if len(m[e.name]) == 0 {
			continue
		}
		if *e.into, ok = text(m[e.name]); !ok || *e.into == "" {
			return Server{}, fault(ServerInvalid, e.name, "it is no address")
		}
	}
	if f := s.complete(m["response_types_supported"]); f != nil {
		return Server{}, f
	}
	for _, e := range endpoints {
		if *e.into == "" {
			continue
		}
		if f := checkAddress(*e.into, e.name, EndpointURLInvalid, checkURL); f != nil {
			return Server{}, f
		}
	}
	return s, nil
}

// complete checks the members that the server's grants require.
func (s Server) complete(responseTypes json.RawMessage) *Fault {
	grants := s.Grants
	if grants == nil {
		grants = []string{"authorization_code", "implicit"} // RFC 8414's default
	}
	visits := slices.Contains(grants, "authorization_code") || slices.Contains(grants, "implicit")
	onlyImplicit := !slices.ContainsFunc(grants, func(g string) bool { return g != "implicit" })
	types, ok := texts(responseTypes)
	switch {
	case len(responseTypes) > 0 && (!ok || len(types) == 0), len(responseTypes) == 0 && visits:
		return fault(ServerInvalid, "response_types_supported", "it is no list of names")
	case visits && s.AuthorizationEndpoint == "":
		return fault(ServerInvalid, "authorization_endpoint", "the server's grants require it")
	case !onlyImplicit && s.TokenEndpoint == "":
		return fault(ServerInvalid, "token_endpoint", "the server's grants require it")
	}
	return nil
}

// members reads one JSON object. Names are exact, and null is as good as missing.
func members(body []byte) (map[string]json.RawMessage, error) {
	if err := adcp.CheckObject(body); err != nil {
		return nil, err
	}
	var m map[string]json.RawMessage
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, err
	}
	for name, v := range m {
		if string(v) == "null" {
			delete(m, name)
		}
	}
	return m, nil
}

func text(raw json.RawMessage) (s string, ok bool) {
	return s, len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &s) == nil
}

// texts reads a list of texts that are not empty. What is missing is an empty one.
func texts(raw json.RawMessage) ([]string, bool) {
	if len(raw) == 0 {
		return nil, true
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return nil, false
	}
	all := make([]string, 0, len(list))
	for _, e := range list {
		s, ok := text(e)
		if !ok || s == "" {
			return nil, false
		}
		all = append(all, s)
	}
	return all, true
}
