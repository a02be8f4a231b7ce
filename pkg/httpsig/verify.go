package httpsig

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"errors"
	"fmt"
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// Keys finds a sender's published keys.
type Keys interface {
	// Key returns the key with that id. If the key is not known, Key fetches the sender's keys again
	// before it returns ErrKeyUnknown (contract F.5 step 7).
	Key(ctx context.Context, keyID string) (JWK, error)
}

// Revocation reads a sender's revocation list.
type Revocation interface {
	// Check returns ErrKeyRevoked, ErrRevocationStale, or nil for a key that is not revoked.
	Check(ctx context.Context, keyID string) error
}

// Replay remembers the nonces of one sender, for all endpoints together (contract F75, F76). Key
// ids are unique per sender only: in a Replay that two senders share, one could use up the nonces
// of the other.
type Replay interface {
	// Seen reports whether the nonce was claimed and has not expired, and whether the key has no room
	// for another one. Both come from one read.
	Seen(ctx context.Context, keyID, nonce string) (seen, full bool, err error)
	// Claim stores the nonce until the given time, if it is not claimed yet and the key has room, in
	// one atomic step. It returns ErrReplayed or ErrRateAbuse.
	Claim(ctx context.Context, keyID, nonce string, until time.Time) error
}

// The time window of a signature in seconds (contract F.5 step 5).
const (
	maxLifetime = 300
	skew        = 60
)

// Verifier verifies the signatures of one sender.
type Verifier struct {
	Profile    Profile
	Keys       Keys
	Revocation Revocation
	Replay     Replay
	// AllowTestKeys accepts the protocol's published test keys, with which anyone can sign. Never set
	// it where others can send messages (contract L23).
	AllowTestKeys bool
}

// Verified holds the parameters of a signature.
type Verified struct {
	KeyID, Nonce, Alg string
	Created, Expires  time.Time
}

// Verify verifies a message by the steps of contract F.5 in their order; the first failed step
// decides. It returns an *Error if the message has to be refused. Any other error comes from Keys,
// Revocation or Replay and is not the sender's fault. A Verified beside an error is unproven: use
// it for logs only.
func (v Verifier) Verify(ctx context.Context, m Message, now time.Time) (Verified, error) {
	p := v.Profile
	// 1. The headers.
	s, err := p.readSignature(m)
	if err != nil {
		return Verified{}, err
	}
	claims := Verified{
		KeyID:   s.keyID,
		Nonce:   s.nonce,
		Alg:     s.alg,
		Created: time.Unix(s.created, 0),
		Expires: time.Unix(s.expires, 0),
	}
	// 2 to 6. The checks that need no other data.
	if err := p.checkParams(s, now.Unix(), len(m.Body) > 0); err != nil {
		return claims, err
	}
	// 7 and 8. The key.
	key, err := v.findKey(ctx, s)
	if err != nil {
		return claims, err
	}
	// 9. Revocation.
	switch err := v.Revocation.Check(ctx, s.keyID); {
	case errors.Is(err, ErrKeyRevoked):
		return claims, p.fail("9", keyRevoked, Loggable(s.keyID))
	case errors.Is(err, ErrRevocationStale):
		return claims, p.fail("9", revocationStale, Loggable(s.keyID))
	case err != nil:
		return claims, err
	}
	// 9a. The cap comes before any cryptography. The same read answers step 12.
	seen, full, err := v.Replay.Seen(ctx, s.keyID, s.nonce)
	if err != nil {
		return claims, err
	}
	if full {
		return claims, p.fail("9a", rateAbuse, Loggable(s.keyID))
	}
	// 10 and 11. The signature, and the digest of the body.
	if err := p.checkSignature(m, s, key); err != nil {
		return claims, err
	}
	// 12 and 13. Claiming the nonce before checking the body: a body that two parsers read differently
	// can't be sent twice.
	if seen {
		return claims, p.fail("12", replayed, Loggable(s.nonce))
	}
	switch err := v.Replay.Claim(ctx, s.keyID, s.nonce, claims.Expires.Add(skew*time.Second)); {
	case errors.Is(err, ErrReplayed): // a concurrent delivery of the same message was faster
		return claims, p.fail("12", replayed, Loggable(s.nonce))
	case errors.Is(err, ErrRateAbuse):
		return claims, p.fail("13", rateAbuse, Loggable(s.keyID))
	case err != nil:
		return claims, err
	}
	// 14. Duplicate keys. A body that is malformed in another way is still authentic; the envelope's
	// check refuses it (contract F45).
	var dup *adcp.DuplicateKeyError
	if p.strictBody && errors.As(adcp.CheckObject(m.Body), &dup) {
		return claims, p.fail("14", bodyMalformed, fmt.Sprintf("keyid=%s nonce=%s length=%d keys=%s",
			Loggable(s.keyID), Loggable(s.nonce), len(m.Body), Loggable(dup.Key)))
	}
	return claims, nil
}

// readSignature is step 1.
func (p Profile) readSignature(m Message) (signature, error) {
	input := len(m.Header.Values(HeaderInput)) > 0
	value := len(m.Header.Values(HeaderSignature)) > 0
	if !input && !value {
		step := "0"
		if p.unsignedCode == headerMalformed {
			step = "1"
		}
		return signature{}, p.fail(step, p.unsignedCode, "no signature")
	}
	if !input || !value {
		return signature{}, p.fail("1", headerMalformed, "one signature header without the other")
	}
	s, err := parseHeaders(m.Header, p.padded)
	if err != nil {
		return signature{}, p.fail("1", headerMalformed, err.Error())
	}
	if !ascii(rawAuthority(m.URL)) { // contract B54
		return signature{}, p.fail("10", targetMalformed, "the host has to be an A-label")
	}
	return s, nil
}

// checkParams is steps 2 to 6.
func (p Profile) checkParams(s signature, now int64, body bool) error {
	switch {
	case !s.complete():
		return p.fail("2", paramsIncomplete, "")
	case s.tag != p.tag:
		return p.fail("3", tagInvalid, Loggable(s.tag))
	case s.alg != AlgEd25519 && s.alg != AlgES256:
		return p.fail("4", algNotAllowed, Loggable(s.alg))
	case s.expires <= s.created || s.created > now+skew || s.expires < now-skew ||
		s.expires-s.created > maxLifetime:
		detail := fmt.Sprintf("created=%d expires=%d now=%d", s.created, s.expires, now)
		return p.fail("5", windowInvalid, detail)
	}
	if err := p.checkComponents(s.components, body); err != nil {
		return err // not returned directly: a nil *Error would be an error that is not nil
	}
	return nil
}

// findKey finds the signature's key (step 7) and checks that the key may make such signatures (step
// 8).
func (v Verifier) findKey(ctx context.Context, s signature) (crypto.PublicKey, error) {
	k, err := v.Keys.Key(ctx, s.keyID)
	if err != nil && !errors.Is(err, ErrKeyUnknown) {
		return nil, err
	}
	if err != nil || k.KID != s.keyID {
		return nil, v.Profile.fail("7", keyUnknown, Loggable(s.keyID))
	}
	if !v.AllowTestKeys && IsTestKey(k) {
		return nil, v.Profile.fail("7", keyUnknown, "a published test key of the protocol: "+Loggable(s.keyID))
	}
	public, err := k.publicFor(s.alg, v.Profile.uses)
	if err != nil {
		return nil, v.Profile.fail("8", keyPurposeInvalid, err.Error())
	}
	return public, nil
}

// checkSignature is steps 10 and 11.
func (p Profile) checkSignature(m Message, s signature, key crypto.PublicKey) error {
	target, err := canonical(m.URL)
	if err != nil {
		return p.fail("10", targetMalformed, "the target URI is malformed")
	}
	if m.Authority == "" && m.Host == "" {
		return p.fail("10", targetMalformed, "no authority")
	}
	for _, got := range []string{m.Authority, m.Host} {
		if got != "" && !target.hasAuthority(got) {
			return p.fail("10", targetMalformed, "received at "+Loggable(got))
		}
	}
	base, err := signatureBase(m, target, s.components, s.rawParams)
	if err != nil {
		return p.fail("10", signatureInvalid, err.Error())
	}
	if !validSignature(key, base, s.value) {
		return p.fail("10", signatureInvalid, "the signature does not match")
	}
	if !s.covers(compDigest) {
		return nil
	}
	sum, sum512 := sha256.Sum256(m.Body), s.digest512
	if sum512 != nil {
		long := sha512.Sum512(m.Body)
		sum512 = long[:]
	}
	if subtle.ConstantTimeCompare(sum[:], s.digest)&subtle.ConstantTimeCompare(sum512, s.digest512) != 1 {
		return p.fail("11", digestMismatch, "")
	}
	return nil
}

func (s signature) covers(name string) bool {
	for _, c := range s.components {
		if c.name == name && !c.params {
			return true
		}
	}
	return false
}
