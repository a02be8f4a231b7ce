package sim

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"net/http"

	"adcp-orchestrator/pkg/httpsig"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/webhook"
)

// signer is the seller's key. Every delivery of the simulation is signed and verified.
type signer struct {
	key        ed25519.PrivateKey
	signatures int // so far: each attempt has a nonce of its own (contract B51)
}

const keyID = "sim-2026"

func newSigner() signer {
	return signer{key: ed25519.NewKeyFromSeed([]byte("the seller of the simulation!!!!"))}
}

// Sign implements httpsig.Signer.
func (s signer) Sign(_ context.Context, message []byte) ([]byte, error) {
	return ed25519.Sign(s.key, message), nil
}

// publicKey is the key as the seller publishes it.
func (s signer) publicKey() httpsig.JWK {
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

// signedHeader is the header of a delivery, with a new signature.
func (w *World) signedHeader(ctx context.Context, url string, body []byte) (http.Header, error) {
	w.signer.signatures++
	h := http.Header{"Content-Type": {"application/json"}}
	nonce := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "nonce %010d", w.signer.signatures))
	signed, err := httpsig.Sign(ctx, httpsig.WebhookProfile(),
		httpsig.Identity{Key: w.signer.publicKey(), Signer: w.signer},
		httpsig.Message{Method: http.MethodPost, URL: url, Header: h, Body: body},
		httpsig.Stamp{Created: w.now, Nonce: nonce})
	for name, values := range signed {
		h[name] = values
	}
	h.Set("Host", host)
	return h, err
}

// senderKeys are the seller's published keys: known and not revoked.
func (w *World) senderKeys(operation.Operation, store.Document) webhook.SenderKeys {
	return unrevokedKeys{httpsig.JWKS{keyID: w.signer.publicKey()}}
}

type unrevokedKeys struct{ httpsig.JWKS }

func (unrevokedKeys) Check(context.Context, string) error { return nil }
