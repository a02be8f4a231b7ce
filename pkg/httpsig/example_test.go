package httpsig_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"adcp-orchestrator/pkg/httpsig"
)

// buyerKey is a fixed key. A real one comes from a key service or crypto/rand.
var buyerKey = ed25519.NewKeyFromSeed([]byte("an example's seed, 32 bytes long"))

// keySigner signs in memory.
type keySigner ed25519.PrivateKey

func (k keySigner) Sign(_ context.Context, message []byte) ([]byte, error) {
	return ed25519.Sign(ed25519.PrivateKey(k), message), nil
}

// buyer is the key together with the half that the buyer publishes in its JWKS.
var buyer = httpsig.Identity{
	Signer: keySigner(buyerKey),
	Key: httpsig.JWK{
		KID:     "buyer-2026",
		KeyType: "OKP",
		Curve:   "Ed25519",
		Alg:     "EdDSA",
		Use:     "sig",
		KeyOps:  []string{"verify"},
		AdCPUse: httpsig.UseRequestSigning,
		X:       base64.RawURLEncoding.EncodeToString(buyerKey.Public().(ed25519.PublicKey)),
	},
}

// nonceStore remembers nonces in memory and revokes no key.
type nonceStore map[string]time.Time

func (nonceStore) Check(context.Context, string) error { return nil }

func (s nonceStore) Seen(_ context.Context, keyID, nonce string) (seen, full bool, err error) {
	_, seen = s[keyID+" "+nonce]
	return seen, false, nil
}

func (s nonceStore) Claim(_ context.Context, keyID, nonce string, until time.Time) error {
	if _, claimed := s[keyID+" "+nonce]; claimed {
		return httpsig.ErrReplayed
	}
	s[keyID+" "+nonce] = until
	return nil
}

// Sign a request to an agent.
func ExampleSign() {
	request := httpsig.Message{
		Method: http.MethodPost,
		URL:    "https://sales.example/mcp",
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   []byte(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`),
	}
	stamp := httpsig.Stamp{
		Created: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), // time.Now()
		Nonce:   "KXYnfEfJ0PBRZXQyVXfVQA",                       // 16 random bytes
	}
	profile := httpsig.RequestProfile(httpsig.DigestRequired)
	headers, err := httpsig.Sign(context.Background(), profile, buyer, request, stamp)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(headers.Get("Content-Digest"))
	fmt.Println(headers.Get("Signature"))
	fmt.Println(strings.ReplaceAll(headers.Get("Signature-Input"), ";", "\n ;")) // one parameter a line
	// Output:
	// sha-256=:uendAwx8IfeVG-LGfE90zy73aWDnNViHtq-jPAdN9VM:
	// sig1=:Lf7c1Yv3rGKp-nediVgg21DDkJYh_XkVGhlGFZ1FzestmK1aL4UekDuQXABePGvtOcrbqdQv7ISeOIP6ByD5Bg:
	// sig1=("@method" "@target-uri" "@authority" "content-type" "content-digest")
	//  ;created=1795435200
	//  ;expires=1795435500
	//  ;nonce="KXYnfEfJ0PBRZXQyVXfVQA"
	//  ;keyid="buyer-2026"
	//  ;alg="ed25519"
	//  ;tag="adcp/request-signing/v1"
}

// Verify a signed request, and refuse a copy of it.
func ExampleVerifier_Verify() {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	profile := httpsig.RequestProfile(httpsig.DigestRequired)
	request := httpsig.Message{
		Method: http.MethodPost,
		URL:    "https://sales.example/mcp",
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   []byte(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`),
	}
	stamp := httpsig.Stamp{Created: now, Nonce: "KXYnfEfJ0PBRZXQyVXfVQA"}
	headers, err := httpsig.Sign(context.Background(), profile, buyer, request, stamp)
	if err != nil {
		fmt.Println(err)
		return
	}
	for name, values := range headers {
		request.Header[name] = values
	}
	request.Host = "sales.example" // as the receiver got it

	store := nonceStore{}
	verifier := httpsig.Verifier{
		Profile:    profile,
		Keys:       httpsig.JWKS{buyer.Key.KID: buyer.Key},
		Revocation: store,
		Replay:     store,
	}
	for range 2 {
		verified, err := verifier.Verify(context.Background(), request, now.Add(time.Second))
		var refused *httpsig.Error
		switch {
		case errors.As(err, &refused):
			fmt.Println("401, WWW-Authenticate:", refused.Challenge())
		case err != nil:
			fmt.Println("503:", err)
		default:
			fmt.Println("signed by", verified.KeyID, "until", verified.Expires.UTC().Format(time.RFC3339))
		}
	}
	// Output:
	// signed by buyer-2026 until 2026-11-23T12:05:00Z
	// 401, WWW-Authenticate: Signature error="request_signature_replayed"
}
