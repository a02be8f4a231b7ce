package httpsig

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// Contract F37: of several faults, the reported one decides what an attacker learns and what the
// cryptography costs.
func TestVerifyReportsTheFirstFailedStep(t *testing.T) {
	t.Parallel()
	id := ed25519Identity("seller-2026")
	broken := signedWebhook(t, id, `{}`, stamp)
	broken.Header.Set(HeaderSignature, "sig1=:"+strings.Repeat("A", 86)+":")
	for name, tc := range map[string]struct {
		change     func(v *Verifier, s *fakeSender)
		code, step string
		calls      []string
	}{
		"a key of another purpose": {func(v *Verifier, _ *fakeSender) {
			k := id.Key
			k.AdCPUse = "response-signing"
			v.Keys = JWKS{k.KID: k}
		}, "webhook_signature_key_purpose_invalid", "8", nil},
		"a revoked key": {func(_ *Verifier, s *fakeSender) {
			s.revoked = []string{id.Key.KID}
		}, "webhook_signature_key_revoked", "9", []string{"check"}},
		"a stale list": {func(_ *Verifier, s *fakeSender) {
			s.stale = true
		}, "webhook_signature_revocation_stale", "9", []string{"check"}},
		"a key over its cap": {func(_ *Verifier, s *fakeSender) {
			s.full[id.Key.KID] = true
		}, "webhook_signature_rate_abuse", "9a", []string{"check", "seen"}},
		"a nonce used before": {func(_ *Verifier, s *fakeSender) {
			s.claimed[id.Key.KID+" "+stamp.Nonce] = now
		}, "webhook_signature_invalid", "10", []string{"check", "seen"}},
		"nothing else": {func(*Verifier, *fakeSender) {
		}, "webhook_signature_invalid", "10", []string{"check", "seen"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, s := newVerifier(id)
			tc.change(&v, s)
			code, step := refusal(v.Verify(t.Context(), broken, now))
			if code != tc.code || step != tc.step || !slices.Equal(s.calls, tc.calls) {
				t.Errorf("got %s at step %s after %v", code, step, s.calls)
			}
		})
	}
}

// Contract F37: a body with a duplicate key uses up its nonce.
func TestVerifyClaimsTheNonceBeforeTheBody(t *testing.T) {
	t.Parallel()
	id := ed25519Identity("seller-2026")
	v, _ := newVerifier(id)
	m := signedWebhook(t, id, `{"status":"completed","status":"failed\u202e"}`, stamp)
	_, err := v.Verify(t.Context(), m, now)
	var refused *Error
	if !errors.As(err, &refused) || refused.Code != "webhook_body_malformed" {
		t.Fatal(err)
	}
	want := "keyid=seller-2026 nonce=" + stamp.Nonce + " length=46 keys=status" // contract F44
	if refused.Detail != want {
		t.Errorf("detail %q, want %q", refused.Detail, want)
	}
	if code, step := refusal(v.Verify(t.Context(), m, now)); code != "webhook_signature_replayed" || step != "12" {
		t.Errorf("then %s at step %s", code, step)
	}
}

// A wrong digest under a valid signature has its own code, and claims no nonce.
func TestVerifyChecksTheDigestBeforeTheNonce(t *testing.T) {
	t.Parallel()
	id := ed25519Identity("seller-2026")
	v, s := newVerifier(id)
	m := signedWebhook(t, id, `{"a":1}`, stamp)
	m.Body = []byte(`{"a":1,"a":2}`)
	code, step := refusal(v.Verify(t.Context(), m, now))
	if code != "webhook_signature_digest_mismatch" || step != "11" || len(s.claimed) > 0 {
		t.Errorf("got %s at step %s, claims %v", code, step, s.claimed)
	}
}

// An internal failure comes back unchanged: the caller has to request a retry and not blame the
// sender.
func TestVerifyReturnsInternalFailuresUnchanged(t *testing.T) {
	t.Parallel()
	id, internal := ed25519Identity("seller-2026"), errors.New("throttled")
	for _, call := range []string{"check", "seen", "claim"} {
		v, s := newVerifier(id)
		s.fail[call] = internal
		if _, err := v.Verify(t.Context(), signedWebhook(t, id, `{}`, stamp), now); !errors.Is(err, internal) {
			t.Errorf("%s: %v", call, err)
		}
	}
	v, _ := newVerifier(id)
	v.Keys = failingKeys{internal}
	if _, err := v.Verify(t.Context(), signedWebhook(t, id, `{}`, stamp), now); !errors.Is(err, internal) {
		t.Errorf("key: %v", err)
	}
}

// Of two concurrent deliveries of one message, both read the nonce as free and one claims it. The
// cap can also be reached between the read and the claim.
func TestVerifyLosesTheRaceForTheNonce(t *testing.T) {
	t.Parallel()
	id := ed25519Identity("seller-2026")
	for err, want := range map[error][2]string{
		ErrReplayed:  {"webhook_signature_replayed", "12"},
		ErrRateAbuse: {"webhook_signature_rate_abuse", "13"},
	} {
		v, s := newVerifier(id)
		s.fail["claim"] = err
		m := signedWebhook(t, id, `{"a":1,"a":2}`, stamp)
		if code, step := refusal(v.Verify(t.Context(), m, now)); code != want[0] || step != want[1] {
			t.Errorf("%v: %s at step %s", err, code, step)
		}
	}
}

func TestVerifyRequest(t *testing.T) {
	t.Parallel()
	id := ed25519Identity("buyer-2026")
	v, _ := newVerifier(id)
	v.Profile = RequestProfile(DigestEither)
	m := Message{
		Method: http.MethodPost,
		URL:    "https://sales.example/mcp",
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   []byte(`{"a":1,"a":2}`),
	}
	if code, step := refusal(v.Verify(t.Context(), m, now)); code != "request_signature_required" || step != "0" {
		t.Errorf("unsigned: %s at step %s", code, step)
	}
	addSignature(t, v.Profile, id, &m, stamp)
	more := m
	more.Header = m.Header.Clone()
	more.Header.Set("X-Trace", "a")
	editHeader(&more, HeaderInput, `"content-type"`, `"content-type" "x-trace"`)
	code, step := refusal(v.Verify(t.Context(), more, now))
	if code != "request_signature_components_unexpected" || step != "6" { // contract B48
		t.Errorf("another header covered: %s at step %s", code, step)
	}
	if _, err := v.Verify(t.Context(), m, now); err != nil { // step 14 is for webhooks only
		t.Errorf("signed: %v", err)
	}
	idn := m
	idn.URL = "https://bücher.example/mcp"
	code, step = refusal(v.Verify(t.Context(), idn, now))
	if code != "request_target_uri_malformed" || step != "10" { // contract B54
		t.Errorf("a host that is not ASCII: %s at step %s", code, step)
	}
}
