package sim

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"net/http"
	"time"

	"adcp-orchestrator/pkg/httpsig"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/webhook"
)

// Signer is the seller's key. Every delivery of the simulation is signed and verified.
type Signer struct {
	key        ed25519.PrivateKey
	signatures int // so far: each attempt has a nonce of its own (contract B51)
}

const keyID = "sim-2026"

// NewSigner returns the seller's key.
func NewSigner() *Signer {
	return &Signer{key: ed25519.NewKeyFromSeed([]byte("the seller of the simulation!!!!"))}
}

// Sign implements httpsig.Signer.
func (s *Signer) Sign(_ context.Context, message []byte) ([]byte, error) {
	return ed25519.Sign(s.key, message), nil
}

// publicKey is the key as the seller publishes it.
func (s *Signer) publicKey() httpsig.JWK {
	return httpsig.JWK{
		KID:     keyID,
		KeyType: "OKP",
		Curve:   "Ed25519",
		Alg:     "EdDSA",
		Use:     "sig",
		KeyOps:  []string{"verify"},
		AdCPUse: httpsig.UseRequestSigning,
		X:       base64.RawURLEncoding.EncodeToString(s.key.Public().(ed25519.PublicKey)),
	}
}

// Header is the header of a delivery to a host, with a new signature.
func (s *Signer) Header(ctx context.Context, now time.Time, host, url string, body []byte) (http.Header, error) {
	s.signatures++
	h := http.Header{"Content-Type": {"application/json"}}
	nonce := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "nonce %010d", s.signatures))
	signed, err := httpsig.Sign(ctx, httpsig.WebhookProfile(),
		httpsig.Identity{Key: s.publicKey(), Signer: s},
		httpsig.Message{Method: http.MethodPost, URL: url, Header: h, Body: body},
		httpsig.Stamp{Created: now, Nonce: nonce})
	for name, values := range signed {
		h[name] = values
	}
	h.Set("Host", host)
	return h, err
}

// SenderKeys are the seller's published keys: known and not revoked.
func (s *Signer) SenderKeys(operation.Operation, store.Document) webhook.SenderKeys {
	return unrevokedKeys{httpsig.JWKS{keyID: s.publicKey()}}
}

type unrevokedKeys struct{ httpsig.JWKS }

func (unrevokedKeys) Check(context.Context, string) error { return nil }
