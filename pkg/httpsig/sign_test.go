package httpsig

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/asn1"
	"errors"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Contract B48 to B52: a signature verifies under its own policy, with both kinds of keys and in
// both encodings.
func TestSign(t *testing.T) {
	t.Parallel()
	for name, id := range map[string]Identity{
		"ed25519": ed25519Identity("buyer-2026"),
		"es256":   ecdsaIdentity(t, "buyer-kms"),
	} {
		for _, policy := range []DigestPolicy{DigestRequired, DigestForbidden, DigestEither} {
			for _, padded := range []bool{false, true} {
				m := Message{
					Method: http.MethodPost,
					URL:    "https://Sales.example:443/a//b/../%7emcp?x=1",
					Header: http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer x"}},
					Body:   []byte("{}"),
				}
				stamp := stamp
				stamp.Padded = padded
				addSignature(t, RequestProfile(policy), id, &m, stamp)
				s := newFakeSender()
				v := Verifier{
					Profile:    RequestProfile(policy),
					Keys:       JWKS{id.Key.KID: id.Key},
					Revocation: s,
					Replay:     s,
				}
				if code, step := refusal(v.Verify(t.Context(), m, now)); code != "" {
					t.Errorf("%s %s: %s at step %s", name, policy, code, step)
				}
				input, digest := m.Header.Get(HeaderInput), m.Header.Get(HeaderDigest)
				if strings.Contains(input, "authorization") ||
					(policy == DigestForbidden) != (digest == "") ||
					digest != "" && padded != strings.HasSuffix(digest, "=:") ||
					padded != strings.HasSuffix(m.Header.Get(HeaderSignature), "==:") {
					t.Errorf("%s %s: %v", name, policy, m.Header)
				}
				want := `;created=1795435200;expires=1795435500;nonce="` + stamp.Nonce + `";keyid="` + id.Key.KID +
					`";alg="` + id.Key.SignatureAlg() + `";tag="adcp/request-signing/v1"`
				if !strings.HasSuffix(input, want) {
					t.Errorf("parameters %s, want %s", input, want)
				}
			}
		}
	}
}

// signerFunc is a Signer made of a function.
type signerFunc func(message []byte) ([]byte, error)

func (f signerFunc) Sign(_ context.Context, message []byte) ([]byte, error) { return f(message) }

func TestSignRefuses(t *testing.T) {
	t.Parallel()
	broken := errors.New("KMS is unavailable")
	for name, change := range map[string]func(id *Identity, m *Message, s *Stamp){
		"a short nonce":            func(_ *Identity, _ *Message, s *Stamp) { s.Nonce = "AAAA" },
		"a padded nonce":           func(_ *Identity, _ *Message, s *Stamp) { s.Nonce += "==" },
		"a lifetime of 301 s":      func(_ *Identity, _ *Message, s *Stamp) { s.Lifetime = 301 * time.Second },
		"no content type":          func(_ *Identity, m *Message, _ *Stamp) { m.Header = http.Header{} },
		"two content types":        func(_ *Identity, m *Message, _ *Stamp) { m.Header.Add("Content-Type", "text/plain") },
		"a malformed URL":          func(_ *Identity, m *Message, _ *Stamp) { m.URL = "https:///p" },
		"a key id with a quote":    func(id *Identity, _ *Message, _ *Stamp) { id.Key.KID = `a"b` },
		"a key of another purpose": func(id *Identity, _ *Message, _ *Stamp) { id.Key.AdCPUse = UseWebhookSigning },
		"a key of an unknown kind": func(id *Identity, _ *Message, _ *Stamp) { id.Key.KeyType = "RSA" },
		"a signer that fails": func(id *Identity, _ *Message, _ *Stamp) {
			id.Signer = signerFunc(func([]byte) ([]byte, error) { return nil, broken })
		},
		"another key's signature": func(id *Identity, _ *Message, _ *Stamp) { // contract B56
			id.Signer = ed25519Identity("another").Signer
		},
	} {
		id, s := ed25519Identity("buyer-2026"), stamp
		m := Message{
			Method: http.MethodPost,
			URL:    webhookURL,
			Header: http.Header{"Content-Type": {"application/json"}},
			Body:   []byte("{}"),
		}
		change(&id, &m, &s)
		if h, err := Sign(t.Context(), RequestProfile(DigestRequired), id, m, s); err == nil || h != nil {
			t.Errorf("%s: %v", name, h)
		} else if name == "a signer that fails" && !errors.Is(err, broken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Contract B52.
func TestP1363(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	digest := make([]byte, 32)
	for range 64 { // some have leading zeros
		der, err := ecdsa.SignASN1(rand.Reader, key, digest)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := P1363(der)
		if err != nil || len(raw) != 64 {
			t.Fatalf("%x gave %x, %v", der, raw, err)
		}
		r, s := new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])
		if !ecdsa.Verify(&key.PublicKey, digest, r, s) {
			t.Fatalf("%x gave %x, which does not verify", der, raw)
		}
	}
	type rs struct{ R, S *big.Int }
	for name, v := range map[string]rs{
		"negative": {big.NewInt(-1), big.NewInt(1)},
		"zero":     {big.NewInt(1), big.NewInt(0)},
		"too long": {new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1)},
	} {
		der, err := asn1.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := P1363(der); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	small, err := asn1.Marshal(rs{big.NewInt(1), big.NewInt(2)})
	if err != nil {
		t.Fatal(err)
	}
	if raw, err := P1363(small); err != nil || raw[31] != 1 || raw[63] != 2 {
		t.Errorf("%x, %v", raw, err)
	}
	if _, err := P1363(append(small, 0)); err == nil {
		t.Error("accepted with an extra byte")
	}
}
