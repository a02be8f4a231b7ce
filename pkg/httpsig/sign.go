package httpsig

import (
	"context"
	"crypto/sha256"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Signer signs with a private key, which it may keep in a service such as AWS KMS.
type Signer interface {
	// Sign signs the message itself, not a digest of it. It returns 64 bytes: an Ed25519 signature, or
	// an ECDSA signature in the form that P1363 returns.
	Sign(ctx context.Context, message []byte) ([]byte, error)
}

// Identity is a signing key together with its published half (contract B55).
type Identity struct {
	Key    JWK
	Signer Signer
}

// Stamp makes a signature unique. Each attempt needs a new one, also a retry of the same bytes
// (contract B51).
type Stamp struct {
	Created time.Time
	// Lifetime is one second to five minutes. Zero means five minutes.
	Lifetime time.Duration
	// Nonce is at least 16 random bytes, as base64url without padding.
	Nonce string
	// Padded writes the signature and the digest in padded standard base64 and not in base64url, also
	// where the profile leaves both open (contract B50).
	Padded bool
}

// Sign returns the headers to set on a message: Signature-Input, Signature and, unless the policy
// forbids it, Content-Digest. The message needs its Content-Type. Sign verifies the signature
// against the published key (contract B56), so that a key that was changed in one place only fails
// here and not at every agent.
func Sign(ctx context.Context, p Profile, id Identity, m Message, stamp Stamp) (http.Header, error) {
	target, err := canonical(m.URL)
	if err != nil {
		return nil, err
	}
	if v, err := singleHeader(m.Header, headerType); err != nil || v == "" || commaOutsideQuotes(v) {
		return nil, errors.New("httpsig: a signed message needs exactly one content type")
	}
	public, err := id.Key.publicFor(id.Key.SignatureAlg(), p.uses)
	if err != nil {
		return nil, fmt.Errorf("httpsig: the signing key: %w", err)
	}
	headers := http.Header{headerType: m.Header[headerType]}
	components := p.components
	if p.digest != DigestForbidden {
		sum := sha256.Sum256(m.Body)
		headers.Set(HeaderDigest, "sha-256="+encodeBytes(sum[:], stamp.Padded || p.padded))
		components = append(components[:len(components):len(components)], compDigest)
	}
	params, err := p.params(id.Key, components, stamp)
	if err != nil {
		return nil, err
	}
	list := make([]component, len(components))
	for i, name := range components {
		list[i] = component{name: name, raw: `"` + name + `"`}
	}
	m.Header = headers
	base, err := signatureBase(m, target, list, params)
	if err != nil {
		return nil, err
	}
	sig, err := id.Signer.Sign(ctx, base)
	if err != nil {
		return nil, fmt.Errorf("httpsig: signing: %w", err)
	}
	if !validSignature(public, base, sig) {
		return nil, errors.New("httpsig: the signer's signature is not the published key's")
	}
	headers.Del(headerType)
	headers.Set(HeaderInput, label+"="+params)
	headers.Set(HeaderSignature, label+"="+encodeBytes(sig, stamp.Padded || p.padded))
	return headers, nil
}

// params writes the components and the parameters that contract B49 requires, in the order that
// AdCP's own senders use.
func (p Profile) params(key JWK, components []string, stamp Stamp) (string, error) {
	if stamp.Lifetime == 0 {
		stamp.Lifetime = maxLifetime * time.Second
	}
	seconds := int64(stamp.Lifetime / time.Second)
	if seconds < 1 || seconds > maxLifetime {
		return "", errors.New("httpsig: a signature lives for one second to five minutes")
	}
	if !validNonce(stamp.Nonce) {
		return "", errors.New("httpsig: a nonce is 16 bytes or more, as base64url without padding")
	}
	if !writableKeyID(key.KID) {
		return "", errors.New("httpsig: the key id can't be written as a parameter")
	}
	created := stamp.Created.Unix()
	return `("` + strings.Join(components, `" "`) + `")` +
		`;created=` + strconv.FormatInt(created, 10) +
		`;expires=` + strconv.FormatInt(created+seconds, 10) +
		`;nonce="` + stamp.Nonce +
		`";keyid="` + key.KID +
		`";alg="` + key.SignatureAlg() +
		`";tag="` + p.tag + `"`, nil
}

// writableKeyID reports whether a key id can be written as a string without escapes.
func writableKeyID(kid string) bool {
	return kid != "" && len(kid) <= maxKeyID &&
		printable(strings.ReplaceAll(kid, " ", "")) && !strings.Contains(kid, `"`)
}

// P1363 converts an ECDSA signature on P-256 from DER, the form that AWS KMS returns, to r and s of
// 32 bytes each (contract B52).
func P1363(der []byte) ([]byte, error) {
	var sig struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(der, &sig); err != nil || len(rest) > 0 {
		return nil, errors.New("httpsig: not an ECDSA signature in DER")
	}
	if sig.R.Sign() <= 0 || sig.S.Sign() <= 0 || sig.R.BitLen() > 256 || sig.S.BitLen() > 256 {
		return nil, errors.New("httpsig: not an ECDSA signature on P-256")
	}
	out := make([]byte, 64)
	sig.R.FillBytes(out[:32])
	sig.S.FillBytes(out[32:])
	return out, nil
}
