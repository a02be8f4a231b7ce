package keyring

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

const (
	operatorBrand = "example.co.uk" + brandPath
	ownBrand      = "sales.example.co.uk" + brandPath
	ownKeys       = "sales.example.co.uk" + jwksPath
)

// From the agent's URL to its key set (contract F48 to F51), on a network of names.
func TestDiscovery(t *testing.T) {
	t.Parallel()
	const agent = "https://sales.example.co.uk/mcp"
	entry := func(jwks string) map[string]any {
		e := map[string]any{"type": "sales", "id": "sales_main", "url": agent}
		if jwks != "" {
			e["jwks_uri"] = jwks
		}
		return e
	}
	listed := encoded(map[string]any{"agents": []any{entry("")}})
	elsewhere := encoded(map[string]any{"agents": []any{map[string]any{"type": "brand", "id": "b", "url": "https://brand.example.co.uk/mcp"}}})
	redirect := func(to string) string {
		return encoded(map[string]any{"authoritative_location": to, "redirect_reason": "moved"})
	}
	operators := func(extra map[string]any) string {
		o := map[string]any{"domain": "example.co.uk", "brands": []string{"*"}}
		for k, v := range extra {
			o[k] = v
		}
		return encoded(map[string]any{"house": map[string]any{"domain": "house.example", "name": "House"}, "authorized_operators": []any{o},
			"brands": []any{map[string]any{"id": "b", "agents": []any{entry("")}}}})
	}
	near := func(url string) string { return strings.Replace(listed, agent, url, 1) }
	agents := func(list ...any) string { return encoded(map[string]any{"agents": list}) }
	const house = "house.example/b.json"
	portfolio := func(brands []any) string {
		return encoded(map[string]any{"house": map[string]any{"domain": "example.co.uk", "agents": []any{entry("")}}, "brands": brands})
	}
	for name, tc := range map[string]struct {
		agent, configured string
		capabilities      string // identity.brand_json_url
		keyOrigin         string
		profileErr        error
		pages             map[string]string // 404 where there is none
		raw               map[string]page
		want              string // "k1": the key was found
		not               []string
	}{
		"at the operator's domain":                    {pages: map[string]string{operatorBrand: listed}, want: "k1", not: []string{ownBrand}},
		"on its own host":                             {pages: map[string]string{ownBrand: listed}, want: "k1"},
		"on its own host, not listed by the operator": {pages: map[string]string{operatorBrand: elsewhere, ownBrand: listed}, want: "k1"},
		"nowhere":                            {want: "503 brand_json_unreachable"},
		"gone":                               {raw: map[string]page{operatorBrand: {status: 410}}, pages: map[string]string{ownBrand: listed}, want: "k1"},
		"listed by neither":                  {pages: map[string]string{operatorBrand: elsewhere, ownBrand: elsewhere}, want: "503 agent_not_in_brand_json"},
		"not listed, and nothing of its own": {pages: map[string]string{operatorBrand: elsewhere}, want: "503 agent_not_in_brand_json"},
		"the operator's is down": {raw: map[string]page{operatorBrand: {status: 500}}, pages: map[string]string{ownBrand: listed},
			want: "503 brand_json_unreachable", not: []string{ownBrand}},
		"the operator's is broken": {pages: map[string]string{operatorBrand: "<html>", ownBrand: listed}, want: "503 brand_json_malformed",
			not: []string{ownBrand}},
		"an HTTP redirect": {
			raw:  map[string]page{operatorBrand: {status: 301, header: map[string]string{"Location": "https://www.example.co.uk/"}}},
			want: "503 brand_json_unreachable"},
		"an agent of another port": {agent: "https://sales.example.co.uk:8443/mcp",
			pages: map[string]string{"sales.example.co.uk:8443" + brandPath: near("https://sales.example.co.uk:8443/mcp"),
				"sales.example.co.uk:8443" + jwksPath: keySet("k1")},
			want: "k1"},
		"an agent at the operator's domain": {agent: "https://example.co.uk/mcp",
			pages: map[string]string{operatorBrand: near("https://example.co.uk/mcp"), "example.co.uk" + jwksPath: keySet("k1")},
			want:  "k1"},
		"an agent on a host of a platform's": {agent: "https://seller.github.io/mcp",
			pages: map[string]string{"seller.github.io" + brandPath: near("https://seller.github.io/mcp"), "seller.github.io" + jwksPath: keySet("k1")},
			want:  "k1", not: []string{"github.io" + brandPath}},
		"an agent on a public suffix itself": {agent: "https://github.io/mcp",
			pages: map[string]string{"github.io" + brandPath: near("https://github.io/mcp"), "github.io" + jwksPath: keySet("k1")},
			want:  "k1"},
		"an agent at an address": {agent: "https://93.184.216.34/mcp",
			pages: map[string]string{"93.184.216.34" + brandPath: near("https://93.184.216.34/mcp"), "93.184.216.34" + jwksPath: keySet("k1")},
			want:  "k1"},
		"an agent's URL that is none": {agent: "sales", want: "503 brand_json_unreachable"},
		"jwks_uri": {
			pages: map[string]string{operatorBrand: agents(entry("https://keys.example.co.uk/j")), "keys.example.co.uk/j": keySet("k1"), ownKeys: keySet("k2")},
			want:  "k1", not: []string{ownKeys}},
		"jwks_uri over http": {pages: map[string]string{operatorBrand: agents(entry("http://keys.example.co.uk/j"))},
			want: "503 brand_json_malformed"},
		"jwks_uri inside": {pages: map[string]string{operatorBrand: agents(entry("https://169.254.169.254/j"))},
			want: "503 brand_json_malformed"},
		"jwks_uri with odd characters": {pages: map[string]string{operatorBrand: agents(entry("https://keys.example.co.uk/\u202e"))},
			want: "503 brand_json_malformed"},
		"two entries": {pages: map[string]string{operatorBrand: agents(entry(""), entry("")), ownBrand: listed},
			want: "503 brand_json_ambiguous", not: []string{ownBrand}},
		"an entry at two levels": {
			pages: map[string]string{operatorBrand: portfolio([]any{map[string]any{"agents": []any{entry("")}}})},
			want:  "503 brand_json_ambiguous"},
		"an entry of the house": {
			pages: map[string]string{operatorBrand: portfolio([]any{})},
			want:  "k1"},
		"an entry of a brand": {pages: map[string]string{operatorBrand: operators(nil)}, want: "k1"},
		"a slash too much":    {pages: map[string]string{operatorBrand: near(agent + "/")}, want: "503 agent_not_in_brand_json"},
		"another case": {pages: map[string]string{operatorBrand: near("https://Sales.example.co.uk/mcp")},
			want: "503 agent_not_in_brand_json"},
		"too long": {pages: map[string]string{operatorBrand: listed + strings.Repeat(" ", maxBrand)}, want: "503 brand_json_malformed"},
		"a JSON key twice": {pages: map[string]string{operatorBrand: `{"agents":[{"url":"` + agent + `","url":"` + agent + `"}]}`},
			want: "503 brand_json_malformed"},
		"redirected by location": {
			pages: map[string]string{operatorBrand: redirect("https://cdn.example/b.json"), "cdn.example/b.json": listed}, want: "k1"},
		"redirected to its house": {
			pages: map[string]string{operatorBrand: `{"house":"house.example"}`, "house.example" + brandPath: listed}, want: "k1"},
		"redirected twice": {
			pages: map[string]string{operatorBrand: redirect("https://cdn.example/b.json"), "cdn.example/b.json": `{"house":"house.example"}`,
				"house.example" + brandPath: listed},
			want: "503 brand_json_unreachable", not: []string{"house.example" + brandPath}},
		"redirected into nothing": {pages: map[string]string{operatorBrand: `{"house":"house.example"}`, ownBrand: listed},
			want: "503 brand_json_unreachable", not: []string{ownBrand}},
		"redirected to where it is not listed": {
			pages: map[string]string{operatorBrand: `{"house":"house.example"}`, "house.example" + brandPath: elsewhere, ownBrand: listed},
			want:  "k1"},
		"redirected inside": {pages: map[string]string{operatorBrand: redirect("https://10.1.2.3/b.json")},
			want: "503 brand_json_malformed"},
		"redirected to a house with a path": {pages: map[string]string{operatorBrand: `{"house":"house.example/x"}`},
			want: "503 brand_json_malformed"},
		"redirected to a house with a port": {pages: map[string]string{operatorBrand: `{"house":"house.example:8443"}`},
			want: "503 brand_json_malformed"},
		"redirected to both": {
			pages: map[string]string{operatorBrand: `{"house":"house.example","authoritative_location":"https://cdn.example/b.json"}`},
			want:  "503 brand_json_malformed"},
		"a redirect with agents": {pages: map[string]string{operatorBrand: `{"house":"house.example",` + listed[1:]},
			want: "503 brand_json_malformed"},

		"configured": {configured: "https://any.example/b.json", capabilities: "https://example.co.uk/x",
			pages: map[string]string{"any.example/b.json": listed}, want: "k1", not: []string{"example.co.uk/x", operatorBrand}},
		"configured, with a redirect": {configured: "https://any.example/b.json",
			pages: map[string]string{"any.example/b.json": redirect("https://cdn.example/b.json"), "cdn.example/b.json": listed},
			want:  "k1"},
		"configured, and not there": {configured: "https://any.example/b.json", pages: map[string]string{operatorBrand: listed},
			want: "503 brand_json_unreachable", not: []string{operatorBrand}},
		"configured, and not listed": {configured: "https://any.example/b.json",
			pages: map[string]string{"any.example/b.json": elsewhere, operatorBrand: listed}, want: "503 agent_not_in_brand_json",
			not: []string{operatorBrand}},
		"configured inside": {configured: "https://192.168.1.1/b.json", want: "503 brand_json_unreachable"},
		"configured, profile unreachable": {configured: "https://any.example/b.json", profileErr: errors.New("down"),
			pages: map[string]string{"any.example/b.json": listed}, want: "k1"},

		"by capabilities, of its domain": {capabilities: "https://WWW.Example.co.UK/b.json",
			pages: map[string]string{"WWW.Example.co.UK/b.json": listed}, want: "k1", not: []string{operatorBrand}},
		"by capabilities, over http": {capabilities: "http://example.co.uk/b.json", pages: map[string]string{operatorBrand: listed},
			want: "503 brand_json_unreachable", not: []string{operatorBrand}},
		"by capabilities, not there": {capabilities: "https://example.co.uk/b.json", pages: map[string]string{operatorBrand: listed},
			want: "503 brand_json_unreachable", not: []string{operatorBrand}},
		"by capabilities, a redirect": {capabilities: "https://example.co.uk/b.json",
			pages: map[string]string{"example.co.uk/b.json": redirect("https://example.co.uk/c.json"), "example.co.uk/c.json": listed},
			want:  "503 brand_json_unreachable", not: []string{"example.co.uk/c.json"}},
		"by capabilities, a foreign domain": {capabilities: "https://" + house, pages: map[string]string{house: listed},
			want: "503 brand_origin_mismatch"},
		"by capabilities, of the same suffix": {capabilities: "https://other.co.uk/b.json",
			pages: map[string]string{"other.co.uk/b.json": listed}, want: "503 brand_origin_mismatch"},
		"by capabilities, authorized": {capabilities: "https://" + house, pages: map[string]string{house: operators(nil)}, want: "k1"},
		"by capabilities, in capitals": {capabilities: "https://" + house,
			pages: map[string]string{house: operators(map[string]any{"domain": "Example.CO.uk"})}, want: "k1"},
		"by capabilities, authorized once": {capabilities: "https://" + house,
			pages: map[string]string{house: operators(map[string]any{"valid_until": start.Format(time.RFC3339)})},
			want:  "503 brand_origin_mismatch"},
		"by capabilities, authorized still": {capabilities: "https://" + house,
			pages: map[string]string{house: operators(map[string]any{"valid_until": start.Add(time.Second).Format(time.RFC3339)})},
			want:  "k1"},
		"by capabilities, not yet": {capabilities: "https://" + house,
			pages: map[string]string{house: operators(map[string]any{"valid_from": start.Add(time.Second).Format(time.RFC3339)})},
			want:  "503 brand_origin_mismatch"},
		"by capabilities, until some day": {capabilities: "https://" + house,
			pages: map[string]string{house: operators(map[string]any{"valid_until": "2099-01-01"})}, want: "503 brand_origin_mismatch"},
		"by capabilities, its host authorized": {capabilities: "https://" + house,
			pages: map[string]string{house: operators(map[string]any{"domain": "sales.example.co.uk"})}, want: "503 brand_origin_mismatch"},
		"by capabilities, a path authorized": {capabilities: "https://" + house,
			pages: map[string]string{house: operators(map[string]any{"domain": "example.co.uk/x"})}, want: "503 brand_origin_mismatch"},
		"by capabilities, two tenants of a platform's": {agent: "https://a.github.io/mcp", capabilities: "https://b.github.io/b.json",
			pages: map[string]string{"b.github.io/b.json": near("https://a.github.io/mcp")}, want: "503 brand_origin_mismatch"},
		"by capabilities, one tenant of a platform's": {agent: "https://a.github.io/mcp", capabilities: "https://a.github.io/b.json",
			pages: map[string]string{"a.github.io/b.json": near("https://a.github.io/mcp"), "a.github.io" + jwksPath: keySet("k1")},
			want:  "k1"},
		"by capabilities, one address": {agent: "https://93.184.216.34/mcp", capabilities: "https://93.184.216.34:8443/b.json",
			pages: map[string]string{"93.184.216.34:8443/b.json": near("https://93.184.216.34/mcp"), "93.184.216.34" + jwksPath: keySet("k1")},
			want:  "k1"},
		"by capabilities, two addresses": {agent: "https://93.184.216.34/mcp", capabilities: "https://93.184.216.35/b.json",
			pages: map[string]string{"93.184.216.35/b.json": near("https://93.184.216.34/mcp")}, want: "503 brand_origin_mismatch"},
		"capabilities that can't be had": {profileErr: errors.New("down"), pages: map[string]string{operatorBrand: listed},
			want: "503 capabilities_unreachable", not: []string{operatorBrand}},
		"the keys' origin": {keyOrigin: "https://SALES.example.co.uk/", pages: map[string]string{operatorBrand: listed}, want: "k1"},
		"another origin": {keyOrigin: "https://keys.example.co.uk", pages: map[string]string{operatorBrand: listed},
			want: "503 key_origin_mismatch", not: []string{ownKeys}},
		"an origin that is none": {keyOrigin: "sales.example.co.uk", pages: map[string]string{operatorBrand: listed},
			want: "503 key_origin_missing"},
		"another origin, by capabilities": {capabilities: "https://example.co.uk/b.json", keyOrigin: "https://keys.example.co.uk",
			pages: map[string]string{"example.co.uk/b.json": listed}, want: "503 key_origin_mismatch"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newNetWorld(t)
			if tc.agent != "" {
				w.sender.AgentURL = tc.agent
			}
			w.sender.BrandURL = tc.configured
			w.Profile = func(context.Context, Sender) (string, string, error) {
				return tc.capabilities, tc.keyOrigin, tc.profileErr
			}
			w.set(ownKeys, keySet("k1"))
			for at, body := range tc.pages {
				w.set(at, body)
			}
			for at, said := range tc.raw {
				w.put(at, said)
			}
			w.want("k1", tc.want)
			for _, at := range tc.not {
				if w.asked(at) > 0 {
					t.Errorf("%s was asked", at)
				}
			}
		})
	}
}

// A miss by a slash or by spelling is named in the log, cut and cleaned; what the error says outside is the code.
func TestNearMissIsNamed(t *testing.T) {
	t.Parallel()
	for url, named := range map[string]bool{
		"https://sales.example.co.uk/mcp/":    true,
		"https://SALES.example.co.uk:443/mcp": true,
		"https://sales.example.co.uk/a2a":     false,
		"https://other.example.co.uk/mcp":     false,
		"\x1b[31m\u202e":                      false,
	} {
		w := newNetWorld(t)
		w.set(operatorBrand, encoded(map[string]any{"agents": []any{map[string]any{"url": url}}}))
		_, err := w.delivery().Key(t.Context(), "k1")
		var u *UnavailableError
		if !errors.As(err, &u) || u.Code != agentMissing || strings.Contains(u.Cause.Error(), "another spelling") != named ||
			err.Error() != "keyring: agent_not_in_brand_json" {
			t.Errorf("%q: %v, %v", url, err, u.Cause)
		}
		if u.Cause == nil || len(u.Cause.Error()) > 150 || !printable(u.Cause.Error()) {
			t.Errorf("%q is not fit for a log", u.Cause)
		}
	}
}

// No text of a counterparty's, nor an address that its names led to, reaches an error's text or a log as it came.
func TestFailuresAreFitForLogs(t *testing.T) { // not parallel: it looks at the default log
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	defer slog.SetDefault(before)
	evil := "evil\n\x1b[31m\u202e" + strings.Repeat("x", 500)
	w := newNetWorld(t)
	for _, body := range []string{
		`{"agents":[{"` + strings.Repeat("a", 500) + `":1,"` + strings.Repeat("a", 500) + `":2}]}`,
		encoded(map[string]any{"agents": []any{map[string]any{"url": w.sender.AgentURL, "jwks_uri": evil}}}),
		encoded(map[string]any{"authoritative_location": evil}),
		encoded(map[string]any{"agents": evil}),
		encoded(map[string]any{"agents": []any{map[string]any{"url": w.sender.AgentURL, "jwks_uri": "https://" + strings.Repeat("y.", 100) + "example/"}}}),
	} {
		w.set(operatorBrand, body)
		_, err := w.delivery().Key(t.Context(), "k1")
		var u *UnavailableError
		if !errors.As(err, &u) || u.Cause == nil || len(u.Cause.Error()) > 150 || !printable(u.Cause.Error()) {
			t.Errorf("%v: %v", err, u)
		}
		w.pass(time.Hour)
	}
	w.set(operatorBrand, w.brand(""))
	w.set(ownKeys, encoded(map[string]any{"keys": []any{newKey("a").JWK, newKey(evil).JWK, newKey(strings.Repeat("k", 200)).JWK}}))
	w.want("a", "a")
	w.pass(time.Hour)
	w.set(ownKeys, encoded(map[string]any{"keys": []any{newKey("a").JWK, newKey(strings.Repeat("l", 200)).JWK}}))
	w.want("a", "a")
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, strings.Repeat("x", 40)) || strings.Contains(line, "evil") || strings.ContainsAny(line, "\x1b\u202e") || len(line) > 400 {
			t.Errorf("logged %q", line)
		}
	}
	if log.Len() == 0 {
		t.Error("nothing was logged")
	}
}

// The pin is what was found, and key_origins are checked where the address in use is brand.json's: not while another is held.
func TestKeyOriginWhileHeld(t *testing.T) {
	t.Parallel()
	w := newNetWorld(t)
	declared := ""
	w.Profile = func(context.Context, Sender) (string, string, error) { return "", declared, nil }
	w.set(operatorBrand, w.brand(""))
	w.set(ownKeys, keySet("k1"))
	w.want("k1", "k1")
	declared = "https://keys.example.co.uk"
	w.set(operatorBrand, w.brand("https://keys.example.co.uk/j"))
	w.set("keys.example.co.uk/j", keySet("k2"))
	w.pass(freshFor)
	w.want("k1", "k1")
	if st := w.state(); st.Held == nil || st.Failure != "" {
		t.Fatalf("held %v, failure %q", st.Held, st.Failure)
	}
	declared = "https://other.example.co.uk"
	if _, err := w.Pin(t.Context(), w.sender, "https://keys.example.co.uk/j"); verdict("", err) != "503 key_origin_mismatch" {
		t.Fatal(err)
	}
	declared = "https://keys.example.co.uk"
	if _, err := w.Pin(t.Context(), w.sender, "https://keys.example.co.uk/j"); err != nil {
		t.Fatal(err)
	}
	w.want("k2", "k2")
}

func TestSites(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"sales.example.co.uk": "example.co.uk", "example.co.uk": "example.co.uk", "co.uk": "", "a.b.example.com": "example.com", "x.github.io": "x.github.io",
		"y.x.github.io": "x.github.io", "github.io": "", "localhost": "", "127.0.0.1": "", "::1": "", "": "", "a.test": "a.test", "x.example.com.": "",
		"xn--bcher-kva.example": "xn--bcher-kva.example", "shop.xn--bcher-kva.example": "xn--bcher-kva.example",
	} {
		if got, ok := site(host); got != want && ok || ok != (want != "") {
			t.Errorf("%s: %q, %v, want %q", host, got, ok, want)
		}
	}
	if hostOf("https://shop.BÜCHER.example/x") != "shop.xn--bcher-kva.example" || !sameSite(hostOf("https://a.bücher.example"), "b.xn--bcher-kva.example") {
		t.Error("hosts are compared as A-labels")
	}
	if sameSite("", "") || sameSite("127.0.0.1", "127.0.0.2") || !sameSite("127.0.0.1", "127.0.0.1") || sameSite("localhost", "x.localhost") {
		t.Error("hosts without a domain are compared as they are")
	}
}

// What went wrong on the way is told in words of ours, by a real client.
func TestDescriptions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.Source
	w.put("/slow", page{status: 200, wait: make(chan struct{})})
	for at, want := range map[string]string{
		w.origin() + "/slow":  "it took too long",
		"https://10.0.0.1/":   "refused by rule reserved-address",
		"http://127.0.0.1:1/": "the connection failed (dial)",
		w.origin() + "/\x7f":  "it can't be read",
	} {
		ctx, cancel := t.Context(), func() {}
		if strings.HasSuffix(at, "/slow") {
			ctx, cancel = context.WithTimeout(ctx, 20*time.Millisecond)
		}
		_, err := s.fetch(ctx, at, 10, "")
		cancel()
		if err == nil || describe(err) != want {
			t.Errorf("%s: %v: %s", at, err, describe(err))
		}
	}
	for want, err := range map[string]error{"the certificate is not valid": &tls.CertificateVerificationError{Err: errors.New("x")},
		"the host has no address": &url.Error{Err: &net.DNSError{Name: "evil.example"}}} {
		if got := describe(err); got != want {
			t.Errorf("%v: %s", err, got)
		}
	}
	if loggableHost("\x7f") != "?" {
		t.Error("a URL that is none")
	}
	w.put("/long", page{status: http.StatusOK, body: "01234567890", header: map[string]string{"ETag": strings.Repeat("e", maxETag+1)}})
	if _, err := s.fetch(t.Context(), w.origin()+"/long", 10, ""); err == nil || describe(err) != "the body is longer than 10 bytes" {
		t.Error(err)
	}
	if a, err := s.fetch(t.Context(), w.origin()+"/long", 11, ""); err != nil || len(a.body) != 11 || a.etag != "" {
		t.Error(a, err)
	}
}
