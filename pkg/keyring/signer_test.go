package keyring

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"testing"

	"adcp-orchestrator/pkg/httpsig"
)

var b64 = base64.RawURLEncoding.EncodeToString

// listSigner signs revocation lists.
type listSigner struct {
	alg  string
	jwk  httpsig.JWK
	sign func(input []byte) []byte
}

func edSigner(kid string) listSigner {
	k := newKey(kid)
	return listSigner{"EdDSA", k.JWK, func(input []byte) []byte {
		s, _ := k.Sign(context.Background(), input)
		return s
	}}
}

func esSigner(t *testing.T, kid string) listSigner {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := private.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	jwk := httpsig.JWK{
		KID:     kid,
		KeyType: "EC",
		Curve:   "P-256",
		Alg:     "ES256",
		Use:     "sig",
		KeyOps:  []string{"verify"},
		AdCPUse: "governance-signing",
		X:       b64(point[1:33]),
		Y:       b64(point[33:]),
	}
	return listSigner{"ES256", jwk, func(input []byte) []byte {
		digest := sha256.Sum256(input)
		r, s, err := ecdsa.Sign(rand.Reader, private, digest[:])
		if err != nil {
			t.Fatal(err)
		}
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	}}
}

// header returns a list's protected header with a test's changes; nil removes a member.
func (s listSigner) header(changes map[string]any) string {
	h := map[string]any{"kid": s.jwk.KID, "alg": s.alg, "typ": listType}
	for k, v := range changes {
		if h[k] = v; v == nil {
			delete(h, k)
		}
	}
	return b64([]byte(encoded(h)))
}

// part returns the protected header and the value of a payload's signature.
func (s listSigner) part(payload string, changes map[string]any) (header, value string) {
	header = s.header(changes)
	return header, b64(s.sign([]byte(header + "." + b64([]byte(payload)))))
}

// compact returns a JWS in the compact form.
func (s listSigner) compact(payload string) string {
	header, value := s.part(payload, nil)
	return header + "." + b64([]byte(payload)) + "." + value
}

// flattened returns a JWS in the flattened JSON form, with changes to its protected header.
func (s listSigner) flattened(payload string, changes map[string]any) string {
	header, value := s.part(payload, changes)
	return encoded(map[string]any{"payload": b64([]byte(payload)), "protected": header, "signature": value})
}

// general returns a JWS in the general JSON form.
func general(payload string, signers ...listSigner) string {
	var all []any
	for _, s := range signers {
		header, value := s.part(payload, nil)
		all = append(all, map[string]any{
			"protected": header,
			"signature": value,
			"header":    map[string]any{"note": "unprotected"},
		})
	}
	return encoded(map[string]any{"payload": b64([]byte(payload)), "signatures": all})
}
