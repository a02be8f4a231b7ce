package httpsig

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// Keys finds a sender's published keys.
type Keys interface {
	// Key returns the key of that id, after having asked the sender again if it wasn't known (contract F.5 step 7). It returns ErrKeyUnknown.
	Key(ctx context.Context, keyID string) (JWK, error)
}

// Revocation knows a sender's revocation list.
type Revocation interface {
	// Check returns ErrKeyRevoked, ErrRevocationStale, or nil for a key that is good.
	Check(ctx context.Context, keyID string) error
}

// Replay remembers nonces, for all endpoints alike (contract F75, F76). Key ids are unique among one sender's keys only: a Replay is one sender's,
// or another sender could use up its nonces under the same key id.
type Replay interface {
	// Seen says in one look whether the nonce was claimed and has not expired, and whether the key has no room for another.
	Seen(ctx context.Context, keyID, nonce string) (seen, full bool, err error)
	// Claim keeps the nonce until the time given, if nobody has claimed it and there is room, both in one step. It returns ErrReplayed or ErrRateAbuse.
	Claim(ctx context.Context, keyID, nonce string, until time.Time) error
}

// The window of a signature (contract F.5 step 5).
const (
	maxLifetime = 300 // seconds
	skew        = 60
)

// Verifier checks the signatures of one sender.
type Verifier struct {
	Profile    Profile
	Keys       Keys
	Revocation Revocation
	Replay     Replay
	// AllowTestKeys accepts the protocol's published test keys. Never where anybody else can send (contract L23).
	AllowTestKeys bool
}

// Verified says what a signature says.
type Verified struct {
	KeyID, Nonce, Alg string
	Created, Expires  time.Time
}

// Verify checks a message: the steps of contract F.5 in their order, each of which decides alone. It returns an *Error for a message to refuse; any other
// error is one of Keys, Revocation or Replay, and no fault of the sender's. What it returns beside an error is a claim, for the log.
func (v Verifier) Verify(ctx context.Context, m Message, now time.Time) (Verified, error) {
	p := v.Profile
	// 1. The headers.
	input, value := len(m.Header.Values(HeaderInput)) > 0, len(m.Header.Values(HeaderSignature)) > 0
	if !input && !value {
		step := "0"
		if p.unsigned == headerMalformed {
			step = "1"
		}
		return Verified{}, p.fail(step, p.unsigned, "no signature")
	}
	if !input || !value {
		return Verified{}, p.fail("1", headerMalformed, "one signature header without the other")
	}
	s, err := parseHeaders(m.Header)
	if err != nil {
		return Verified{}, p.fail("1", headerMalformed, err.Error())
	}
	if !ascii(rawAuthority(m.URL)) { // contract B54: the vectors' code; in the documents it is request_target_uri_malformed
		return Verified{}, p.fail("1", headerMalformed, "target_uri_malformed: a host has to come as an A-label")
	}
	claims := Verified{KeyID: s.keyID, Nonce: s.nonce, Alg: s.alg, Created: time.Unix(s.created, 0), Expires: time.Unix(s.expires, 0)}
	// 2. to 6. What needs nobody's help.
	if err := p.terms(s, now.Unix()); err != nil {
		return claims, err
	}
	// 7. and 8. The key.
	key, err := v.key(ctx, s)
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
	// 9a. The cap, before any cryptography. The same look tells step 12 about the nonce.
	seen, full, err := v.Replay.Seen(ctx, s.keyID, s.nonce)
	if err != nil {
		return claims, err
	}
	if full {
		return claims, p.fail("9a", rateAbuse, Loggable(s.keyID))
	}
	// 10. and 11. The signature, and the body that it stands for.
	if err := p.authentic(m, s, key); err != nil {
		return claims, err
	}
	// 12. and 13. The nonce, which is burnt before the body is judged: a body that two parsers read differently can't be tried twice.
	if seen {
		return claims, p.fail("12", replayed, Loggable(s.nonce))
	}
	switch err := v.Replay.Claim(ctx, s.keyID, s.nonce, claims.Expires.Add(skew*time.Second)); {
	case errors.Is(err, ErrReplayed): // another delivery of the same message was quicker
		return claims, p.fail("12", replayed, Loggable(s.nonce))
	case errors.Is(err, ErrRateAbuse):
		return claims, p.fail("13", rateAbuse, Loggable(s.keyID))
	case err != nil:
		return claims, err
	}
	// 14. Duplicate keys. A body that is wrong in another way is authentic all the same, and the envelope's matter (contract F45).
	var dup *adcp.DuplicateKeyError
	if p.strictBody && errors.As(adcp.CheckObject(m.Body), &dup) {
		return claims, p.fail("14", bodyMalformed, fmt.Sprintf("keyid=%s nonce=%s length=%d keys=%s", Loggable(s.keyID), Loggable(s.nonce), len(m.Body), Loggable(dup.Key)))
	}
	return claims, nil
}

// terms checks steps 2 to 6.
func (p Profile) terms(s signature, now int64) error {
	switch {
	case !s.complete():
		return p.fail("2", paramsIncomplete, "")
	case s.tag != p.tag:
		return p.fail("3", tagInvalid, Loggable(s.tag))
	case s.alg != AlgEd25519 && s.alg != AlgES256:
		return p.fail("4", algNotAllowed, Loggable(s.alg))
	case s.expires <= s.created || s.created > now+skew || s.expires < now-skew || s.expires-s.created > maxLifetime:
		return p.fail("5", windowInvalid, fmt.Sprintf("created=%d expires=%d now=%d", s.created, s.expires, now))
	}
	if err := p.covered(s.components); err != nil {
		return err
	}
	return nil
}

// key finds the signature's key (step 7) and checks that it may sign this (step 8).
func (v Verifier) key(ctx context.Context, s signature) (crypto.PublicKey, error) {
	k, err := v.Keys.Key(ctx, s.keyID)
	if err != nil && !errors.Is(err, ErrKeyUnknown) {
		return nil, err
	}
	if err != nil || k.KID != s.keyID {
		return nil, v.Profile.fail("7", keyUnknown, Loggable(s.keyID))
	}
	if !v.AllowTestKeys && IsTestKey(k) {
		return nil, v.Profile.fail("7", keyUnknown, "a test key of the protocol's: "+Loggable(s.keyID))
	}
	public, err := k.fit(s.alg, v.Profile.uses)
	if err != nil {
		return nil, v.Profile.fail("8", keyPurposeInvalid, err.Error())
	}
	return public, nil
}

// authentic checks steps 10 and 11.
func (p Profile) authentic(m Message, s signature, key crypto.PublicKey) error {
	target, err := canonical(m.URL)
	if err != nil {
		return p.fail("10", targetMalformed, "the target URI is malformed")
	}
	if m.Authority == "" && m.Host == "" {
		return p.fail("10", targetMalformed, "no authority")
	}
	for _, got := range []string{m.Authority, m.Host} {
		if got != "" && !target.at(got) {
			return p.fail("10", targetMalformed, "received at "+Loggable(got))
		}
	}
	base, err := signatureBase(m, target, s.components, s.rawParams)
	if err != nil {
		return p.fail("10", signatureInvalid, err.Error())
	}
	if !valid(key, base, s.value) {
		return p.fail("10", signatureInvalid, "the signature does not match")
	}
	if !s.covers(compDigest) {
		return nil
	}
	if sum := sha256.Sum256(m.Body); subtle.ConstantTimeCompare(sum[:], s.digest) != 1 {
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
