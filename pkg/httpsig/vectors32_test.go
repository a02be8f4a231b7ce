package httpsig

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp/adcptest"
)

// The cases of body-integrity-policy.json that are about what a seller does with a request whose
// signature is missing or fails: it has another authentication to fall back on, or only logs. A
// buyer decides nothing of that.
var sellersPolicy = []string{
	"warn-for-missing-binding-with-fallback",
	"warn-for-missing-binding-without-fallback",
	"warn-for-invalid-signature-with-fallback",
	"warn-for-digest-mismatch-with-fallback",
	"signature-stripped-with-valid-bearer-fallback",
}

// A signature of 3.2 binds the body: each case of AdCP's policy is refused or accepted by the
// verifier, made of a real request.
func TestVectorBodyIntegrity(t *testing.T) {
	t.Parallel()
	var file struct {
		Cases []struct {
			ID         string       `json:"id"`
			Profile    string       `json:"endpoint_profile"`
			Policy     DigestPolicy `json:"legacy_digest_policy"`
			Body       bool         `json:"has_body"`
			Signed     bool         `json:"signature_present"`
			Headers    string       `json:"signature_header_state"`
			Covers     bool         `json:"covers_content_digest"`
			Matches    *bool        `json:"digest_matches_body"`
			Valid      *bool        `json:"cryptographic_signature_valid"`
			BodyPinned string       `json:"request_body_adcp_version"`
			Expected   struct {
				Action string `json:"action"`
				Code   string `json:"error_code"`
			} `json:"expected"`
		} `json:"cases"`
	}
	raw := adcptest.Bundle(t, vectors324+"request-signing/body-integrity-policy.json")
	if err := json.Unmarshal(raw, &file); err != nil || len(file.Cases) < 17 {
		t.Fatal(len(file.Cases), err)
	}
	for _, c := range file.Cases {
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			if slices.Contains(sellersPolicy, c.ID) {
				t.Skip("a seller's decision about a request that it can't verify")
			}
			id, m := ed25519Identity("buyer-2026"), Message{
				Method: http.MethodPost,
				URL:    "https://seller.example/mcp",
				Header: http.Header{headerType: {"application/json"}},
			}
			if c.Body {
				m.Body = []byte(`{"adcp_version":"` + cmp.Or(c.BodyPinned, "3.2") + `"}`)
			}
			profile := RequestProfile(DigestForbidden)
			profile.padded = c.Profile == "3.2"
			if c.Covers {
				profile.digest = DigestRequired
			}
			addSignature(t, profile, id, &m, stamp)
			right := m.Header.Get(HeaderDigest)
			if c.Valid != nil && !*c.Valid { // the digest is changed after signing
				other := Message{Method: m.Method, URL: m.URL, Header: m.Header.Clone(), Body: []byte(`{"budget":9}`)}
				addSignature(t, profile, id, &other, stamp)
				m.Header.Set(HeaderDigest, other.Header.Get(HeaderDigest))
				if c.Matches != nil && *c.Matches {
					m.Body = other.Body
				}
			} else if c.Matches != nil && !*c.Matches {
				m.Body = []byte(`{"budget":9}`)
			}
			if c.Covers && right == "" {
				t.Fatal("no digest")
			}
			if c.Headers == "malformed_pair" {
				m.Header.Del(HeaderInput)
			}
			if !c.Signed {
				m.Header.Del(HeaderInput)
				m.Header.Del(HeaderSignature)
			}
			s := newFakeSender()
			v := Verifier{Profile: RequestProfile32(), Keys: JWKS{id.Key.KID: id.Key}, Revocation: s, Replay: s}
			if c.Profile != "3.2" {
				v.Profile = RequestProfile(c.Policy)
			}
			code, _ := refusal(v.Verify(t.Context(), m, now))
			if code != c.Expected.Code || (code == "") != (c.Expected.Action == "accept") {
				t.Errorf("got %q, want %s %s", code, c.Expected.Action, c.Expected.Code)
			}
		})
	}
}

// sellersResolution is why the negative vectors of A2A are not run: each of them is a body, or the
// lack of a signature, that a seller has to refuse before it verifies anything. What a buyer owes
// is a body that names one operation: see TestA2ACallNamesItsOperationOnce of pkg/agent.
const sellersResolution = "a seller resolves the operation from the body"

// Signatures of A2A requests are those of 3.2: they verify, and Sign makes the same bytes. A
// signature beside a body that a seller refuses is as sound as any.
func TestVectorA2A(t *testing.T) {
	t.Parallel()
	signed := 0
	for _, dir := range []string{"positive", "negative"} {
		for name, b := range bundledVectors(t, "request-signing/a2a/"+dir) {
			if strings.Contains(string(b), `"Signature-Input"`) && strings.Contains(string(b), `"Signature":`) {
				signed++
			} else if !strings.Contains(name, "unsigned") && dir == "positive" {
				t.Errorf("%s is not signed", name)
			}
		}
	}
	if signed != 3 {
		t.Errorf("%d signed vectors", signed)
	}
	eachVector324(t, "request-signing/a2a/positive", func(t *testing.T, v vector, all JWKS, private map[string]string) {
		if v.Request.Headers[HeaderSignature] == "" {
			v.checkUnsigned(t, all)
			return
		}
		v.checkAccepted(t, v.profile(), all, private)
	})
	eachVector324(t, "request-signing/a2a/negative", func(t *testing.T, v vector, all JWKS, private map[string]string) {
		if v.Request.Headers[HeaderSignature] == "" || v.Request.Headers[HeaderInput] == "" {
			t.Skip(sellersResolution)
		}
		v.checkAccepted(t, v.profile(), all, private)
	})
}

// checkUnsigned checks that an unsigned request is only that: whether it is accepted is the
// seller's policy.
func (v vector) checkUnsigned(t *testing.T, all JWKS) {
	t.Helper()
	code, step := refusal(v.verifier(t, v.profile(), all).Verify(t.Context(), v.message(), time.Unix(v.Now, 0)))
	if code != "request_signature_required" || step != "0" {
		t.Errorf("%s at step %s", code, step)
	}
}
