package httpsig

import (
	"net/http"
	"strings"
	"testing"
)

// No header makes the parser panic. What it accepts is what was signed, within bounds.
func FuzzSignatureHeaders(f *testing.F) {
	const (
		params = `;created=1776520800;expires=1776521100;nonce="KXYnfEfJ0PBRZXQyVXfVQA";keyid="k";alg="ed25519"` +
			`;tag="adcp/webhook-signing/v1"`
		value  = "sig1=:nqTKCpjlqf1OqZPuJyPeiF7HJ01G8KmPNSzzmad0PAJv7OUVKthI7ks_j4G-6x1H4mBpXDIISgX_iZQiYvG7Dg:"
		digest = "sha-256=:dJ2koiIMZIhdGE7tidErCHV13FFvOIowCcXDiwyG54I=:"
	)
	for _, input := range []string{
		`sig1=("@method" "@target-uri" "@authority" "content-type" "content-digest")` + params,
		`relay=("@method";req "x\"y");a=1.5;b;c=?0;d=tok/en;e=:AA==:, sig1=( "@method"  )` + params,
		`sig1=()`,
		`sig1=:AAAA:`,
		`sig1`,
		`sig1=("a" "a")`,
		`sig1=("a");x=1;x=2`,
		`sig1=("a" , sig1=("b")`,
		`sig1=("a");created=-999999999999999`,
		"sig1=(\"\\",
		``,
	} {
		f.Add(input, value, digest, "application/json")
	}
	f.Add(`sig1=("@method")`+params, "sig1=:A+B-:", "sha-256=:A_/A:, sha-256=:A:", `application/json; a="b,c"`)
	f.Fuzz(func(t *testing.T, input, value, digest, contentType string) {
		h := http.Header{
			HeaderInput:     {input},
			HeaderSignature: {value},
			HeaderDigest:    {digest},
			headerType:      {contentType},
		}
		s, err := parseHeaders(h, false)
		if err != nil {
			return
		}
		if !strings.Contains(input, s.rawParams) || len(s.components) > maxItems || len(s.value) > maxField {
			t.Errorf("%q gave %+v", input, s)
		}
		if s.hasNonce && !validNonce(s.nonce) || len(s.keyID) > maxKeyID {
			t.Errorf("accepted nonce %q, key %q", s.nonce, s.keyID)
		}
		m, target := Message{Method: "POST", Header: h}, uri{"https://a.example/", "a.example"}
		base, err := signatureBase(m, target, s.components, s.rawParams)
		if err == nil && strings.Count(string(base), "\n") != len(s.components) { // received bytes add no line
			t.Errorf("%d components make %q", len(s.components), base)
		}
		_ = RequestProfile(DigestEither).checkParams(s, 1776520800, true)
		if _, err := parseHeaders(h, true); err == nil && len(s.value)%3 != 0 && !strings.Contains(value, "=:") {
			t.Errorf("3.2 read %q, which is not padded", value)
		}
	})
}

// The result has the canonical form, and stays the same when it is canonicalized again.
func FuzzCanonicalURI(f *testing.F) {
	for _, raw := range []string{
		"https://a.example/p",
		"HTTPS://u:p@BÜCHER.example:443/a//../%7e%2f?x=a+b#f",
		"https://[2001:DB8::1]:8443?",
		"http://a.example:80/./..",
		"https://[fe80::1%25eth0]/p",
		"https://fe80::1/p",
		"https://user@/p",
		"https://:443/p",
		"https:///p",
		"https://a.example/%",
		"https://\u3002/",
	} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := CanonicalURI(raw)
		if err != nil {
			return
		}
		if !ascii(got) || !printable(got) || strings.Contains(got, "#") || len(got) > 8*len(raw)+8 {
			t.Fatalf("%q gave %q", raw, got)
		}
		again, err := CanonicalURI(got)
		if err == nil && len(got) > maxURI {
			t.Fatalf("%q is too long", got)
		}
		// The protocol removes dots before it decodes escapes. So escaped dots, and escaped percent
		// signs, take effect only in the second run.
		stable := !strings.Contains(strings.ToLower(raw), "%2e") && !strings.Contains(raw, "%25")
		if stable && len(got) <= maxURI && (err != nil || again != got) {
			t.Fatalf("%q gave %q, which gave %q, %v", raw, got, again, err)
		}
	})
}
