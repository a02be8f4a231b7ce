package httpsig

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"encoding/base64"
	"net/http"
	"testing"
	"time"
)

// Sign makes a signature for the request of each positive vector that verifies under the vector's
// own policy, URL and key set.
func TestVectorRequestSigner(t *testing.T) {
	t.Parallel()
	signs := func(t *testing.T, v vector, all JWKS, private map[string]string) {
		m := v.message()
		keyID, _ := Claimed(m.Header)
		d, err := base64.RawURLEncoding.DecodeString(private[keyID])
		if err != nil || len(d) == 0 {
			t.Fatalf("key %q: %v", keyID, err)
		}
		id := Identity{Key: all[keyID]}
		if id.Key.SignatureAlg() == AlgEd25519 {
			id.Signer = ed25519Signer(ed25519.NewKeyFromSeed(d))
		} else {
			key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d)
			if err != nil {
				t.Fatal(err)
			}
			id.Signer = derSigner{key}
		}
		p, now := v.profile(), time.Unix(v.Now, 0)
		m.Header = http.Header{headerType: m.Header[headerType]}
		nonce := base64.RawURLEncoding.EncodeToString(make([]byte, 16))
		h, err := Sign(t.Context(), p, id, m, Stamp{Created: now, Nonce: nonce})
		if err != nil {
			t.Fatal(err)
		}
		for name, values := range h {
			m.Header[name] = values
		}
		if _, err := v.verifier(t, p, all).Verify(t.Context(), m, now); err != nil {
			t.Errorf("%v: %v", h, err)
		}
	}
	eachVector(t, "request-signing/positive", signs)
	eachVector324(t, "request-signing/profile-3.2/positive", signs)
}
