package keyring

import (
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// Whatever a brand.json contains, nothing panics, and what is found was in strict JSON, once and
// complete.
func FuzzBrand(f *testing.F) {
	const agent = "https://sales.example.co.uk/mcp"
	for _, doc := range []string{
		`{"agents":[{"type":"sales","id":"a","url":"` + agent + `","jwks_uri":"https://keys.example.co.uk/j"}]}`,
		`{"house":{"domain":"a.example","name":"A","agents":[{"url":"` + agent + `"}]},` +
			`"brands":[{"agents":[{"url":"x"}]},null],"authorized_operators":[{"domain":"example.co.uk",` +
			`"brands":["*"],"valid_from":"2026-01-01T00:00:00Z","valid_until":"2027-01-01T00:00:00+01:00"}]}`,
		`{"house":"house.example","region":"eu"}`,
		`{"authoritative_location":"https://cdn.example/b.json"}`,
		`{"house":null,"agents":null}`,
		`{"agents":{}}`,
		`{"agents":[{"url":1}]}`,
		`{"agents":[{"url":"` + agent + `/"},{"url":"` + strings.ToUpper(agent) + `"}]}`,
		`{"Agents":[{"url":"` + agent + `"}]}`,
		``,
	} {
		f.Add(doc)
	}
	s := &Source{}
	f.Fuzz(func(t *testing.T, doc string) {
		b, err := readBrand([]byte(doc))
		if err != nil {
			return
		}
		if adcp.CheckObject([]byte(doc)) != nil || b.location != "" && b.house != "" ||
			b.redirects() && len(b.agents) > 0 {
			t.Fatalf("%q gave %+v", doc, b)
		}
		if b.redirects() {
			at, err := s.redirectTarget(b)
			if err == nil && (!strings.HasPrefix(strings.ToLower(at), "https://") || !printable(at)) {
				t.Errorf("%q leads to %q", doc, at)
			}
		}
		b.authorizes("sales.example.co.uk", start)
		jwks, err := s.keySetAddress(b, agent)
		if err == nil && (jwks == "" || s.checkURL(jwks) != nil || len(b.agents) == 0) {
			t.Errorf("%q gave %q", doc, jwks)
		}
		if err != nil && (len(err.Error()) > 150 || !printable(err.Error())) &&
			!strings.Contains(err.Error(), "another slash") {
			t.Errorf("%q gave the error %q", doc, err)
		}
	})
}

// Whatever a list contains, nothing panics, and the key verifies only what it signed: the seeds.
func FuzzList(f *testing.F) {
	k := edSigner("k1")
	const issuer = "https://example.co.uk"
	payload := encoded(map[string]any{
		"version":      1,
		"issuer":       issuer,
		"updated":      start.Format(time.RFC3339),
		"next_update":  start.Add(time.Hour).Format(time.RFC3339),
		"revoked_jtis": []string{},
		"revoked_kids": []string{"k9"},
	})
	for _, doc := range []string{
		k.compact(payload),
		k.flattened(payload, nil),
		general(payload, edSigner("other"), k),
		k.flattened(payload, map[string]any{"crit": []string{"x"}}),
		`{"signatures":[null]}`,
		`a.b.c`,
		`..`,
		`{"payload":"e30","signatures":[{"protected":"e30","signature":""}]}`,
		payload,
		``,
	} {
		f.Add(doc)
	}
	f.Fuzz(func(t *testing.T, doc string) {
		if _, err := readList([]byte(doc), issuer, start); err == nil && !strings.Contains(doc, "version") {
			t.Errorf("%q is a list", doc)
		}
		body, signatures, err := readJWS([]byte(doc))
		if err != nil {
			return
		}
		if len(signatures) == 0 || len(signatures) > maxSignatures {
			t.Fatalf("%q has %d signatures", doc, len(signatures))
		}
		for _, s := range signatures {
			if !validKeyID(s.kid) || s.alg != "EdDSA" && s.alg != "ES256" {
				t.Errorf("%q gave %+v", doc, s)
			}
			if s.verifies(k.jwk) && string(body) != payload {
				t.Errorf("%q verifies %q", doc, body)
			}
		}
	})
}
