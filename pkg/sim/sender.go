package sim

import (
	"adcp-orchestrator/pkg/httpsig"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/webhook"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"net/http"
)

// signing is the seller's key: every delivery of the simulation is signed and verified as on the wire.
type signing struct {
	key  ed25519.PrivateKey
	made int // signatures so far: each attempt has a nonce of its own (contract B51)
}

const keyID = "sim-2026"

func newSigning() signing {
	return signing{key: ed25519.NewKeyFromSeed([]byte("the seller of the simulation!!!!"))}
}

// Sign implements httpsig.Signer.
func (s signing) Sign(_ context.Context, message []byte) ([]byte, error) {
	return ed25519.Sign(s.key, message), nil
}

func (s signing) published() httpsig.JWK {
	x := base64.RawURLEncoding.EncodeToString(s.key.Public().(ed25519.PublicKey))
	return httpsig.JWK{KID: keyID, KeyType: "OKP", Curve: "Ed25519", Alg: "EdDSA", Use: "sig", KeyOps: []string{"verify"}, AdCPUse: httpsig.UseRequestSigning, X: x}
}

// header signs a delivery anew.
func (w *World) header(ctx context.Context, url string, body []byte) (http.Header, error) {
	w.signing.made++
	h := http.Header{"Content-Type": {"application/json"}}
	nonce := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "nonce %010d", w.signing.made))
	signed, err := httpsig.Sign(ctx, httpsig.WebhookProfile(), httpsig.Identity{Key: w.signing.published(), Signer: w.signing},
		httpsig.Message{Method: http.MethodPost, URL: url, Header: h, Body: body}, httpsig.Stamp{Created: w.now, Nonce: nonce})
	for name, values := range signed {
		h[name] = values
	}
	h.Set("Host", host)
	return h, err
}

// signers are the seller's published keys, known and unrevoked.
func (w *World) signers(operation.Operation, store.Document) webhook.SenderKeys {
	return unrevoked{httpsig.JWKS{keyID: w.signing.published()}}
}

type unrevoked struct{ httpsig.JWKS }

func (unrevoked) Check(context.Context, string) error { return nil }
