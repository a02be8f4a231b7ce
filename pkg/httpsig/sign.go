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

// Signer holds a private key, or knows the service that does.
type Signer interface {
	// Sign signs the message itself, not a digest of it: 64 bytes of Ed25519, or of ECDSA as P1363 makes them.
	Sign(ctx context.Context, message []byte) ([]byte, error)
}

// Identity is a key that signs, with the public half that is published for it (contract B55).
type Identity struct {
	Key    JWK
	Signer Signer
}

// Stamp is what makes a signature the only one of its kind: new for each attempt, retries of the same bytes included (contract B51).
type Stamp struct {
	Created time.Time
	// Lifetime is at most five minutes, which is also what zero means.
	Lifetime time.Duration
	// Nonce is at least 16 random bytes, as base64url without padding.
	Nonce string
	// Padded writes the signature and the digest as AdCP 3.2 wants them on requests, in padded standard base64 (contract B50).
	Padded bool
}

// Sign returns the headers to set on a message: Signature-Input, Signature and, where the profile's policy does not forbid it, Content-Digest. The message
// needs its Content-Type. The signature is checked against the published key before it leaves (contract B56): a key that was changed in one place only
// shows here, and not as refusals by every agent.
func Sign(ctx context.Context, p Profile, id Identity, m Message, stamp Stamp) (http.Header, error) {
	target, err := canonical(m.URL)
	if err != nil {
		return nil, err
	}
	if v, err := single(m.Header, headerType); err != nil || v == "" || commaOutsideQuotes(v) {
		return nil, errors.New("httpsig: a signed message has one content type")
	}
	public, err := id.Key.fit(id.Key.SignatureAlg(), p.uses)
	if err != nil {
		return nil, fmt.Errorf("httpsig: the signing key: %w", err)
	}
	headers := http.Header{headerType: m.Header[headerType]}
	components := p.components
	if p.digest != DigestForbidden {
		sum := sha256.Sum256(m.Body)
		headers.Set(HeaderDigest, "sha-256="+encodeBytes(sum[:], stamp.Padded))
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
	if !valid(public, base, sig) {
		return nil, errors.New("httpsig: the signer's signature is not the published key's")
	}
	headers.Del(headerType)
	headers.Set(HeaderInput, label+"="+params)
	headers.Set(HeaderSignature, label+"="+encodeBytes(sig, stamp.Padded))
	return headers, nil
}

// params writes the parameters that contract B49 requires, in the order that the protocol's own senders use.
func (p Profile) params(key JWK, components []string, stamp Stamp) (string, error) {
	if stamp.Lifetime == 0 {
		stamp.Lifetime = maxLifetime * time.Second
	}
	seconds := int64(stamp.Lifetime / time.Second)
	if seconds < 1 || seconds > maxLifetime {
		return "", errors.New("httpsig: a signature lives for one second to five minutes")
	}
	if !goodNonce(stamp.Nonce) {
		return "", errors.New("httpsig: a nonce is 16 bytes or more, as base64url without padding")
	}
	if key.KID == "" || len(key.KID) > maxKeyID || !printable(strings.ReplaceAll(key.KID, " ", "")) || strings.Contains(key.KID, `"`) {
		return "", errors.New("httpsig: a key id that can't be written")
	}
	created := stamp.Created.Unix()
	return `("` + strings.Join(components, `" "`) + `");created=` + strconv.FormatInt(created, 10) + `;expires=` + strconv.FormatInt(created+seconds, 10) +
		`;nonce="` + stamp.Nonce + `";keyid="` + key.KID + `";alg="` + key.SignatureAlg() + `";tag="` + p.tag + `"`, nil
}

// P1363 turns the DER form of an ECDSA signature on P-256, which is what KMS returns, into r and s of 32 bytes each (contract B52).
func P1363(der []byte) ([]byte, error) {
	var sig struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(der, &sig); err != nil || len(rest) > 0 {
		return nil, errors.New("httpsig: no ECDSA signature in DER")
	}
	if sig.R.Sign() <= 0 || sig.S.Sign() <= 0 || sig.R.BitLen() > 256 || sig.S.BitLen() > 256 {
		return nil, errors.New("httpsig: no ECDSA signature on P-256")
	}
	out := make([]byte, 64)
	sig.R.FillBytes(out[:32])
	sig.S.FillBytes(out[32:])
	return out, nil
}
