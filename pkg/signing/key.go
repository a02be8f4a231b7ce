package signing

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"adcp-orchestrator/pkg/httpsig"
)

// API is the part of the KMS client that this package uses.
type API interface {
	GetPublicKey(context.Context, *kms.GetPublicKeyInput, ...func(*kms.Options)) (*kms.GetPublicKeyOutput, error)
	Sign(context.Context, *kms.SignInput, ...func(*kms.Options)) (*kms.SignOutput, error)
}

// maxMessage is the largest message in bytes that KMS signs; it signs digests of longer ones.
const maxMessage = 4096

// Key is a key in KMS of the spec ECC_NIST_P256 or ECC_NIST_EDWARDS25519. It calls KMS when it is
// first used, not before.
type Key struct {
	api func() API
	id  string

	mu  sync.Mutex
	jwk httpsig.JWK // KID is empty until KMS has returned the key
}

// Public returns the published half. The process reads it from KMS once; after a failure the next
// call reads it again.
func (k *Key) Public(ctx context.Context) (httpsig.JWK, error) {
	k.mu.Lock()
	jwk := k.jwk
	k.mu.Unlock()
	if jwk.KID != "" {
		return jwk, nil
	}
	out, err := k.api().GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: &k.id})
	if err != nil {
		return httpsig.JWK{}, fmt.Errorf("read the public half of a signing key: %w", err)
	}
	if out.KeyUsage != types.KeyUsageTypeSignVerify {
		return httpsig.JWK{}, fmt.Errorf("signing key %s: its usage is %q, not SIGN_VERIFY", k.id, out.KeyUsage)
	}
	if jwk, err = publicJWK(out.PublicKey); err != nil {
		return httpsig.JWK{}, fmt.Errorf("signing key %s: %w", k.id, err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.jwk = jwk
	return jwk, nil
}

// Sign implements httpsig.Signer. It signs the message itself and returns 64 bytes for both kinds
// of keys (contract B52).
func (k *Key) Sign(ctx context.Context, message []byte) ([]byte, error) {
	jwk, err := k.Public(ctx)
	if err != nil {
		return nil, err
	}
	in := &kms.SignInput{
		KeyId:            &k.id,
		Message:          message,
		MessageType:      types.MessageTypeRaw,
		SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256,
	}
	switch ed := jwk.SignatureAlg() == httpsig.AlgEd25519; {
	case ed:
		in.SigningAlgorithm = types.SigningAlgorithmSpecEd25519Sha512
		if len(message) > maxMessage { // Ed25519 hashes the message twice, so KMS can't sign a digest
			return nil, fmt.Errorf("sign with KMS: an Ed25519 key can't sign a message of %d bytes", len(message))
		}
	case len(message) > maxMessage:
		digest := sha256.Sum256(message)
		in.Message, in.MessageType = digest[:], types.MessageTypeDigest
	}
	out, err := k.api().Sign(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("sign with KMS: %w", err)
	}
	if in.SigningAlgorithm == types.SigningAlgorithmSpecEd25519Sha512 {
		return out.Signature, nil
	}
	return httpsig.P1363(out.Signature)
}

// publicJWK converts a public key in DER, as KMS returns it, to a JWK (contract B55).
func publicJWK(der []byte) (httpsig.JWK, error) {
	public, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return httpsig.JWK{}, fmt.Errorf("parse its public half: %w", err)
	}
	k := httpsig.JWK{Use: "sig", KeyOps: []string{"verify"}, AdCPUse: httpsig.UseRequestSigning}
	encode := base64.RawURLEncoding.EncodeToString
	switch public := public.(type) {
	case ed25519.PublicKey:
		k.KeyType, k.Curve, k.Alg, k.X = "OKP", "Ed25519", "EdDSA", encode(public)
	case *ecdsa.PublicKey:
		point, err := public.Bytes()
		if err != nil || public.Curve != elliptic.P256() {
			return httpsig.JWK{}, errors.New("its curve is not P-256")
		}
		k.KeyType, k.Curve, k.Alg, k.X, k.Y = "EC", "P-256", "ES256", encode(point[1:33]), encode(point[33:])
	default:
		return httpsig.JWK{}, fmt.Errorf("a %T can't sign requests", public)
	}
	k.KID, err = thumbprint(k)
	return k, err
}

// thumbprint returns the key's id: the digest of the key (RFC 7638). So no setting holds the id,
// and a new key always has a new one.
func thumbprint(k httpsig.JWK) (string, error) {
	canonical, err := json.Marshal(struct { // the required members in alphabetical order
		Curve   string `json:"crv"`
		KeyType string `json:"kty"`
		X       string `json:"x"`
		Y       string `json:"y,omitempty"`
	}{k.Curve, k.KeyType, k.X, k.Y})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(canonical)
	return base64.RawURLEncoding.EncodeToString(sum[:]), nil
}
