package signing

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// fakeKMS behaves like KMS: it signs in DER, and messages of at most 4096 bytes.
type fakeKMS struct {
	keys  map[string]crypto.Signer
	usage types.KeyUsageType
	fail  error // of the next call
	calls []string
}

func newFakeKMS(t *testing.T, ids ...string) *fakeKMS {
	t.Helper()
	f := &fakeKMS{keys: map[string]crypto.Signer{}, usage: types.KeyUsageTypeSignVerify}
	for _, id := range ids {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		f.keys[id] = key
	}
	return f
}

func (f *fakeKMS) call(what, id string) (crypto.Signer, error) {
	f.calls = append(f.calls, what+" "+id)
	if err := f.fail; err != nil {
		f.fail = nil
		return nil, err
	}
	key, ok := f.keys[id]
	if !ok {
		return nil, &types.NotFoundException{}
	}
	return key, nil
}

func (f *fakeKMS) GetPublicKey(
	_ context.Context, in *kms.GetPublicKeyInput, _ ...func(*kms.Options),
) (*kms.GetPublicKeyOutput, error) {
	key, err := f.call("read", *in.KeyId)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	return &kms.GetPublicKeyOutput{PublicKey: der, KeyUsage: f.usage}, err
}

func (f *fakeKMS) Sign(
	_ context.Context, in *kms.SignInput, _ ...func(*kms.Options),
) (*kms.SignOutput, error) {
	key, err := f.call("sign", *in.KeyId)
	if err != nil {
		return nil, err
	}
	if len(in.Message) > 4096 {
		return nil, errors.New("ValidationException")
	}
	var sig []byte
	_, isEd25519 := key.(ed25519.PrivateKey)
	ed := isEd25519 && in.SigningAlgorithm == types.SigningAlgorithmSpecEd25519Sha512
	ec := !isEd25519 && in.SigningAlgorithm == types.SigningAlgorithmSpecEcdsaSha256
	raw := in.MessageType == types.MessageTypeRaw
	switch {
	case ed && raw:
		sig, err = key.Sign(rand.Reader, in.Message, crypto.Hash(0))
	case ec && raw:
		digest := sha256.Sum256(in.Message)
		sig, err = key.Sign(rand.Reader, digest[:], crypto.SHA256)
	case ec && len(in.Message) == sha256.Size:
		sig, err = key.Sign(rand.Reader, in.Message, crypto.SHA256)
	default:
		err = errors.New("InvalidKeyUsageException")
	}
	return &kms.SignOutput{Signature: sig}, err
}

func (f *fakeKMS) client() API { return f }

// expectCalls checks the calls since the last check.
func (f *fakeKMS) expectCalls(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(f.calls, want) {
		t.Errorf("KMS was called for %q, want %q", f.calls, want)
	}
	f.calls = nil
}
