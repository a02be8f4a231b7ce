package httpsig

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	now   = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	stamp = Stamp{Created: now, Nonce: "KXYnfEfJ0PBRZXQyVXfVQA"}
)

const webhookURL = "https://hooks.buyer.example/v1/webhooks/acme.op_1"

// ed25519Signer signs with an Ed25519 key.
type ed25519Signer ed25519.PrivateKey

func (k ed25519Signer) Sign(_ context.Context, message []byte) ([]byte, error) {
	return ed25519.Sign(ed25519.PrivateKey(k), message), nil
}

// derSigner signs as KMS does: it hashes the message itself and makes a signature in DER.
type derSigner struct{ key *ecdsa.PrivateKey }

func (k derSigner) Sign(_ context.Context, message []byte) ([]byte, error) {
	digest := sha256.Sum256(message)
	der, err := ecdsa.SignASN1(rand.Reader, k.key, digest[:])
	if err != nil {
		return nil, err
	}
	return P1363(der)
}

// ed25519Identity returns an Ed25519 key that depends on its id only.
func ed25519Identity(kid string) Identity {
	seed := sha256.Sum256([]byte(kid))
	key := ed25519.NewKeyFromSeed(seed[:])
	return Identity{
		Signer: ed25519Signer(key),
		Key: JWK{
			KID:     kid,
			KeyType: "OKP",
			Curve:   "Ed25519",
			Alg:     "EdDSA",
			Use:     "sig",
			KeyOps:  []string{"verify"},
			AdCPUse: UseRequestSigning,
			X:       base64.RawURLEncoding.EncodeToString(key.Public().(ed25519.PublicKey)),
		},
	}
}

// ecdsaIdentity returns a new key on P-256.
func ecdsaIdentity(t *testing.T, kid string) Identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return Identity{
		Signer: derSigner{key},
		Key: JWK{
			KID:     kid,
			KeyType: "EC",
			Curve:   "P-256",
			Alg:     "ES256",
			Use:     "sig",
			KeyOps:  []string{"verify"},
			AdCPUse: UseRequestSigning,
			X:       base64.RawURLEncoding.EncodeToString(point[1:33]),
			Y:       base64.RawURLEncoding.EncodeToString(point[33:]),
		},
	}
}

// signedWebhook returns a signed delivery of body.
func signedWebhook(t testing.TB, id Identity, body string, stamp Stamp) Message {
	t.Helper()
	m := Message{
		Method: http.MethodPost,
		URL:    webhookURL,
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   []byte(body),
	}
	addSignature(t, WebhookProfile(), id, &m, stamp)
	return m
}

// addSignature adds the signature headers to m, and the Host of its URL.
func addSignature(t testing.TB, p Profile, id Identity, m *Message, stamp Stamp) {
	t.Helper()
	h, err := Sign(t.Context(), p, id, *m, stamp)
	if err != nil {
		t.Fatal(err)
	}
	for name := range h {
		m.Header.Set(name, h.Get(name))
	}
	m.Host = rawAuthority(m.URL)
}

// resign signs m again with another Signature-Input, also one that Sign would not write.
func resign(t *testing.T, id Identity, m *Message, input string) {
	t.Helper()
	m.Header.Set(HeaderInput, input)
	in, err := signatureMember(input)
	if err != nil {
		t.Fatal(err)
	}
	target, err := canonical(m.URL)
	if err != nil {
		t.Fatal(err)
	}
	base, err := signatureBase(*m, target, in.items, in.raw)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := id.Signer.Sign(t.Context(), base)
	if err != nil {
		t.Fatal(err)
	}
	m.Header.Set(HeaderSignature, "sig1="+encodeBytes(sig, false))
}

// editHeader replaces a text in a header.
func editHeader(m *Message, name, old, new string) {
	m.Header.Set(name, strings.Replace(m.Header.Get(name), old, new, 1))
}

// fakeSender is the Revocation and the Replay of one sender.
type fakeSender struct {
	claimed map[string]time.Time
	full    map[string]bool
	revoked []string
	stale   bool
	calls   []string
	fail    map[string]error // by the name of the call
}

func newFakeSender() *fakeSender {
	return &fakeSender{claimed: map[string]time.Time{}, full: map[string]bool{}, fail: map[string]error{}}
}

func (s *fakeSender) Check(_ context.Context, keyID string) error {
	s.calls = append(s.calls, "check")
	switch {
	case s.fail["check"] != nil:
		return s.fail["check"]
	case s.stale:
		return ErrRevocationStale
	case slices.Contains(s.revoked, keyID):
		return ErrKeyRevoked
	}
	return nil
}

func (s *fakeSender) Seen(_ context.Context, keyID, nonce string) (seen, full bool, err error) {
	s.calls = append(s.calls, "seen")
	_, seen = s.claimed[keyID+" "+nonce]
	return seen, s.full[keyID], s.fail["seen"]
}

func (s *fakeSender) Claim(_ context.Context, keyID, nonce string, until time.Time) error {
	s.calls = append(s.calls, "claim")
	if err := s.fail["claim"]; err != nil {
		return err
	}
	if _, ok := s.claimed[keyID+" "+nonce]; ok {
		return ErrReplayed
	}
	s.claimed[keyID+" "+nonce] = until
	return nil
}

// newVerifier returns a verifier of webhooks that knows the key of id.
func newVerifier(id Identity) (Verifier, *fakeSender) {
	s := newFakeSender()
	return Verifier{
		Profile:    WebhookProfile(),
		Keys:       JWKS{id.Key.KID: id.Key},
		Revocation: s,
		Replay:     s,
	}, s
}

// refusal returns the code and the step of an *Error, two empty texts for nil, and the text of any
// other error.
func refusal(_ Verified, err error) (code, step string) {
	var refused *Error
	switch {
	case err == nil:
		return "", ""
	case errors.As(err, &refused):
		return refused.Code, refused.Step
	}
	return err.Error(), ""
}
