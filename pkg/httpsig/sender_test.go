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
	"strings"
	"testing"
	"time"
)

var (
	now   = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	stamp = Stamp{Created: now, Nonce: "KXYnfEfJ0PBRZXQyVXfVQA"}
)

const hook = "https://hooks.buyer.example/v1/webhooks/acme.op_1"

// sender has a published key.
func sender(kid string) Identity {
	seed := sha256.Sum256([]byte(kid))
	key := ed25519.NewKeyFromSeed(seed[:])
	return Identity{Signer: signerOf(key), Key: JWK{KID: kid, KeyType: "OKP", Curve: "Ed25519", Alg: "EdDSA", Use: "sig", KeyOps: []string{"verify"},
		AdCPUse: UseRequestSigning, X: base64.RawURLEncoding.EncodeToString(key.Public().(ed25519.PublicKey))}}
}

// kms signs as KMS does: the message is hashed there, and the signature comes back in DER.
type kms struct{ key *ecdsa.PrivateKey }

func (k kms) Sign(_ context.Context, message []byte) ([]byte, error) {
	digest := sha256.Sum256(message)
	der, err := ecdsa.SignASN1(rand.Reader, k.key, digest[:])
	if err != nil {
		return nil, err
	}
	return P1363(der)
}

func kmsSender(t *testing.T, kid string) Identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return Identity{Signer: kms{key}, Key: JWK{KID: kid, KeyType: "EC", Curve: "P-256", Alg: "ES256", Use: "sig", KeyOps: []string{"verify"}, AdCPUse: UseRequestSigning,
		X: base64.RawURLEncoding.EncodeToString(point[1:33]), Y: base64.RawURLEncoding.EncodeToString(point[33:])}}
}

// delivery is a signed webhook.
func delivery(t testing.TB, id Identity, body string, stamp Stamp) Message {
	t.Helper()
	m := Message{Method: http.MethodPost, URL: hook, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(body)}
	signed(t, WebhookProfile(), id, &m, stamp)
	return m
}

// signed adds a signature to m, and the Host that its URL goes to.
func signed(t testing.TB, p Profile, id Identity, m *Message, stamp Stamp) {
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

// resign signs m anew with another Signature-Input: what Sign itself would not.
func resign(t *testing.T, id Identity, m *Message, input string) {
	t.Helper()
	m.Header.Set(HeaderInput, input)
	in, err := labelled(input)
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

// edit replaces text in a header.
func edit(m *Message, name, old, new string) {
	m.Header.Set(name, strings.Replace(m.Header.Get(name), old, new, 1))
}

func newState() *state {
	return &state{claimed: map[string]time.Time{}, full: map[string]bool{}, fail: map[string]error{}}
}

// desk verifies webhooks by one sender.
func desk(id Identity) (Verifier, *state) {
	s := newState()
	return Verifier{Profile: WebhookProfile(), Keys: JWKS{id.Key.KID: id.Key}, Revocation: s, Replay: s}, s
}

// verdict is a refusal's code and step, "" for none, and any other error's text.
func verdict(_ Verified, err error) (code, step string) {
	var refused *Error
	switch {
	case err == nil:
		return "", ""
	case errors.As(err, &refused):
		return refused.Code, refused.Step
	}
	return err.Error(), ""
}
