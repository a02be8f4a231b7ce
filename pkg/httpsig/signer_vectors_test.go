package httpsig

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"testing"
	"time"
)

// es256 signs as KMS does: in DER.
type es256 struct{ *ecdsa.PrivateKey }

func (k es256) Sign(_ context.Context, message []byte) ([]byte, error) {
	digest := sha256.Sum256(message)
	der, err := ecdsa.SignASN1(rand.Reader, k.PrivateKey, digest[:])
	if err != nil {
		return nil, err
	}
	return P1363(der)
}

// The request of each positive vector, signed anew by us with the vector's key, verifies under the vector's own policy, URL and key set.
func TestVectorRequestSigner(t *testing.T) {
	t.Parallel()
	eachVector(t, "request-signing/positive", func(t *testing.T, v vector, all JWKS, private map[string]string) {
		m := v.message()
		keyID, _ := Claimed(m.Header)
		d, err := base64.RawURLEncoding.DecodeString(private[keyID])
		if err != nil || len(d) == 0 {
			t.Fatalf("key %q: %v", keyID, err)
		}
		id := Identity{Key: all[keyID]}
		if id.Key.SignatureAlg() == AlgEd25519 {
			id.Signer = signerOf(ed25519.NewKeyFromSeed(d))
		} else {
			key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d)
			if err != nil {
				t.Fatal(err)
			}
			id.Signer = es256{key}
		}
		p, now := RequestProfile(v.Capability.Digest), time.Unix(v.Now, 0)
		m.Header = http.Header{headerType: m.Header[headerType]}
		h, err := Sign(t.Context(), p, id, m, Stamp{Created: now, Nonce: base64.RawURLEncoding.EncodeToString(make([]byte, 16))})
		if err != nil {
			t.Fatal(err)
		}
		for name, values := range h {
			m.Header[name] = values
		}
		if _, err := v.verifier(t, p, all).Verify(t.Context(), m, now); err != nil {
			t.Errorf("%v: %v", h, err)
		}
	})
}
