package httpsig

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"adcp-orchestrator/pkg/adcp"
)

// The signature algorithms of the profile (contract F.5 step 4).
const (
	AlgEd25519 = "ed25519"
	AlgES256   = "ecdsa-p256-sha256"
)

// JWK is a public key as its owner publishes it (contract B55).
type JWK struct {
	KID     string   `json:"kid"`
	KeyType string   `json:"kty"`
	Curve   string   `json:"crv"`
	Alg     string   `json:"alg"`
	Use     string   `json:"use"`
	KeyOps  []string `json:"key_ops"`
	AdCPUse string   `json:"adcp_use"`
	X       string   `json:"x"`
	Y       string   `json:"y,omitempty"`
	// D is the private part. A key that is published with it is anybody's.
	D string `json:"d,omitempty"`
}

// SignatureAlg is the alg parameter of signatures by the key, or "" for a key of no use here (contract F39).
func (k JWK) SignatureAlg() string {
	switch {
	case k.KeyType == "OKP" && k.Curve == "Ed25519" && k.Alg == "EdDSA":
		return AlgEd25519
	case k.KeyType == "EC" && k.Curve == "P-256" && k.Alg == "ES256":
		return AlgES256
	}
	return ""
}

// Verifies reports whether sig is a signature of message by the key, which has to be fit for that (contract F.5 step 8): for verifying signatures, of that alg,
// for one of the uses, its private part not published.
func (k JWK) Verifies(alg string, uses []string, message, sig []byte) bool {
	public, err := k.fit(alg, uses)
	return alg != "" && err == nil && valid(public, message, sig)
}

// fit checks step 8 and returns the key.
func (k JWK) fit(alg string, uses []string) (crypto.PublicKey, error) {
	switch {
	case k.Use != "sig" || !slices.Contains(k.KeyOps, "verify"):
		return nil, errors.New("the key is not for verifying signatures")
	case !slices.Contains(uses, k.AdCPUse):
		return nil, errors.New("the key is for " + Loggable(k.AdCPUse))
	case k.SignatureAlg() != alg:
		return nil, errors.New("the key's kty, crv and alg are not the signature's")
	case k.D != "":
		return nil, errors.New("the key is published with its private part")
	}
	return k.public()
}

// public decodes the key.
func (k JWK) public() (crypto.PublicKey, error) {
	x, err := base64.RawURLEncoding.DecodeString(k.X)
	if err != nil || len(x) != 32 {
		return nil, errors.New("the key's x is not 32 bytes of base64url")
	}
	if k.SignatureAlg() == AlgEd25519 {
		return ed25519.PublicKey(x), nil
	}
	y, err := base64.RawURLEncoding.DecodeString(k.Y)
	if err != nil || len(y) != 32 {
		return nil, errors.New("the key's y is not 32 bytes of base64url")
	}
	return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, x, y)) // checks that it is on the curve
}

// valid reports whether sig is the key's signature of message. ECDSA's is r and s, 32 bytes each (contract B52).
func valid(key crypto.PublicKey, message, sig []byte) bool {
	if len(sig) != 64 {
		return false
	}
	switch key := key.(type) {
	case ed25519.PublicKey:
		return ed25519.Verify(key, message, sig)
	case *ecdsa.PublicKey:
		digest := sha256.Sum256(message)
		return ecdsa.Verify(key, digest[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:]))
	}
	return false
}

// JWKS is a set of keys by key id.
type JWKS map[string]JWK

// Key implements Keys over a set that is at hand. It returns ErrKeyUnknown.
func (s JWKS) Key(_ context.Context, keyID string) (JWK, error) {
	if k, ok := s[keyID]; ok {
		return k, nil
	}
	return JWK{}, ErrKeyUnknown
}

// ParseJWKS reads a published key set. Two keys of one id make the whole set invalid (contract F55), and so does a JSON key that stands twice; keys of
// forms that we don't know are passed over, as RFC 7517 wants it.
func ParseJWKS(data []byte) (JWKS, error) {
	if err := adcp.CheckObject(data); err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	var file struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	set := make(JWKS, len(file.Keys))
	for _, raw := range file.Keys {
		var k JWK
		if json.Unmarshal(raw, &k) != nil || k.KID == "" {
			continue
		}
		if _, dup := set[k.KID]; dup {
			return nil, errors.New("key set: two keys have one id")
		}
		set[k.KID] = k
	}
	return set, nil
}
