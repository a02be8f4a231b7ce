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

// JWK is a public key as its owner publishes it (contract B55). X and Y are base64url without
// padding.
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
	// D is the private part. A key that is published with it can't be trusted.
	D       string `json:"d,omitempty"`
	Unknown string `json:"-" document:"unknown"`
}

// UnmarshalJSON reads the members by their exact names. A struct would take "ADCP_USE" for adcp_use
// and, of both, the last one.
func (k *JWK) UnmarshalJSON(raw []byte) error {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(raw, &m); err != nil {
		return err
	}
	var read JWK
	for name, into := range map[string]any{
		"kid": &read.KID, "kty": &read.KeyType, "crv": &read.Curve, "alg": &read.Alg, "use": &read.Use,
		"key_ops": &read.KeyOps, "adcp_use": &read.AdCPUse, "x": &read.X, "y": &read.Y, "d": &read.D,
	} {
		if v, ok := m[name]; ok {
			if err := json.Unmarshal(v, into); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	*k = read
	return nil
}

// SignatureAlg returns the alg parameter of the key's signatures, or "" if the profile does not
// support the key (contract F39).
func (k JWK) SignatureAlg() string {
	switch {
	case k.KeyType == "OKP" && k.Curve == "Ed25519" && k.Alg == "EdDSA":
		return AlgEd25519
	case k.KeyType == "EC" && k.Curve == "P-256" && k.Alg == "ES256":
		return AlgES256
	}
	return ""
}

// Verifies reports whether sig is the key's signature of message. It also requires that the key may
// make such a signature (contract F.5 step 8): it verifies signatures of that alg, it has one of
// the uses, and its private part is not published.
func (k JWK) Verifies(alg string, uses []string, message, sig []byte) bool {
	public, err := k.publicFor(alg, uses)
	return alg != "" && err == nil && validSignature(public, message, sig)
}

// publicFor checks step 8 and returns the key.
func (k JWK) publicFor(alg string, uses []string) (crypto.PublicKey, error) {
	switch {
	case k.Use != "sig" || !slices.Contains(k.KeyOps, "verify"):
		return nil, errors.New("the key is not for verifying signatures")
	case !slices.Contains(uses, k.AdCPUse):
		return nil, errors.New("the key is for " + Loggable(k.AdCPUse))
	case k.SignatureAlg() != alg:
		return nil, errors.New("the key's kty, crv and alg do not fit the signature's alg")
	case k.D != "":
		return nil, errors.New("the key is published with its private part")
	}
	return k.public()
}

func (k JWK) public() (crypto.PublicKey, error) {
	x, err := base64.RawURLEncoding.DecodeString(k.X)
	if err != nil || len(x) != 32 {
		return nil, errors.New("the key's x is not 32 bytes of base64url")
	}
	if k.SignatureAlg() == AlgEd25519 {
		if !soundEd25519(x) {
			return nil, errors.New("the key's x is a point of small order or not in canonical form")
		}
		return ed25519.PublicKey(x), nil
	}
	y, err := base64.RawURLEncoding.DecodeString(k.Y)
	if err != nil || len(y) != 32 {
		return nil, errors.New("the key's y is not 32 bytes of base64url")
	}
	// The parser also checks that the point is on the curve.
	return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, x, y))
}

// validSignature reports whether sig is the key's signature of message. An ECDSA signature is r and
// s, 32 bytes each (contract B52).
func validSignature(key crypto.PublicKey, message, sig []byte) bool {
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

// Key implements Keys for a fixed set. It returns ErrKeyUnknown.
func (s JWKS) Key(_ context.Context, keyID string) (JWK, error) {
	if k, ok := s[keyID]; ok {
		return k, nil
	}
	return JWK{}, ErrKeyUnknown
}

// ParseJWKS reads a published key set. Two keys with one id make the whole set invalid (contract
// F55), and so does a duplicate JSON key. Keys in an unknown form are skipped, as RFC 7517
// requires.
func ParseJWKS(data []byte) (JWKS, error) {
	if err := adcp.CheckObject(data); err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	var file map[string]json.RawMessage // keeps the names exact
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	var keys []json.RawMessage
	if raw, ok := file["keys"]; ok {
		if err := json.Unmarshal(raw, &keys); err != nil {
			return nil, fmt.Errorf("key set: %w", err)
		}
	}
	set := make(JWKS, len(keys))
	for _, raw := range keys {
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
