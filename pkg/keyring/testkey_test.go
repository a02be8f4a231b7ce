package keyring

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"

	"adcp-orchestrator/pkg/httpsig"
)

// testKey is a sender's key with its private half.
type testKey struct {
	httpsig.JWK
	private ed25519.PrivateKey
}

// newKey returns the same key for the same id.
func newKey(kid string) testKey {
	seed := sha256.Sum256([]byte("keyring/" + kid))
	private := ed25519.NewKeyFromSeed(seed[:])
	jwk := httpsig.JWK{
		KID:     kid,
		KeyType: "OKP",
		Curve:   "Ed25519",
		Alg:     "EdDSA",
		Use:     "sig",
		KeyOps:  []string{"verify"},
		AdCPUse: httpsig.UseRequestSigning,
		X:       base64.RawURLEncoding.EncodeToString(private.Public().(ed25519.PublicKey)),
	}
	return testKey{jwk, private}
}

// Sign makes testKey an httpsig.Signer.
func (k testKey) Sign(_ context.Context, message []byte) ([]byte, error) {
	return ed25519.Sign(k.private, message), nil
}

// keySet returns a published key set.
func keySet(kids ...string) string {
	set := struct {
		Keys []httpsig.JWK `json:"keys"`
	}{Keys: []httpsig.JWK{}}
	for _, kid := range kids {
		set.Keys = append(set.Keys, newKey(kid).JWK)
	}
	return encoded(set)
}

func encoded(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return strings.TrimSpace(b.String())
}
