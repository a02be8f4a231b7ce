package keyring

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	"adcp-orchestrator/pkg/httpsig"
)

// Bounds of what a sender can make us store. The document must stay well below the 400 KB of a
// DynamoDB item.
const (
	maxKeys   = 200
	maxKeyID  = 256 // as in httpsig
	maxMember = 64  // of a key's other members: a P-256 coordinate has 43 characters
)

// fetchKeySet reads the key set at an address. It returns the keys sorted by id, or a *failure.
func (s *Source) fetchKeySet(ctx context.Context, at string) ([]httpsig.JWK, error) {
	set, err := s.fetchJWKS(ctx, at)
	if errors.Is(err, errAbsent) {
		return nil, &failure{jwksUnreachable, "there is no key set at " + loggableHost(at), nil}
	}
	if err != nil {
		return nil, err
	}
	keys := storableKeys(set)
	if len(keys) > maxKeys { // the choice of keys to leave out is not ours
		return nil, &failure{jwksMalformed, "it has more keys than are stored", nil}
	}
	slices.SortFunc(keys, func(a, b httpsig.JWK) int { return strings.Compare(a.KID, b.KID) })
	return keys, nil
}

// fetchJWKS reads the key set at an address. It returns errAbsent or a *failure.
func (s *Source) fetchJWKS(ctx context.Context, at string) (httpsig.JWKS, error) {
	data, err := s.fetchDocument(ctx, at, maxJWKS, jwksUnreachable, jwksMalformed)
	if err != nil {
		return nil, err
	}
	set, err := httpsig.ParseJWKS(data)
	if err != nil {
		return nil, &failure{jwksMalformed, "it is not a key set with one key for each id", err}
	}
	return set, nil
}

// storableKeys returns the keys of a set in the form in which they are stored. Keys for other
// purposes stay: a signature by one of them is refused for its purpose, not as unknown (contract
// F.5 step 8). Keys whose id no signature can name are dropped.
func storableKeys(set httpsig.JWKS) []httpsig.JWK {
	keys := make([]httpsig.JWK, 0, len(set))
	for kid, k := range set {
		if !validKeyID(kid) {
			continue
		}
		ops := k.KeyOps
		k.KeyOps = nil
		for _, op := range ops {
			if op == "verify" {
				k.KeyOps = []string{op}
			}
		}
		if k.D != "" {
			k.D = "published" // enough for a refusal: we must not store the private part itself
		}
		for _, m := range []*string{&k.KeyType, &k.Curve, &k.Alg, &k.Use, &k.AdCPUse, &k.X, &k.Y} {
			if len(*m) > maxMember || !printable(*m) {
				*m = "" // no valid value: the key is refused for its purpose
			}
		}
		keys = append(keys, k)
	}
	return keys
}

// validKeyID reports whether a signature can name a key by that id: a string of a structured field
// is printable ASCII, and httpsig limits its length.
func validKeyID(kid string) bool { return kid != "" && len(kid) <= maxKeyID && printable(kid) }

// printable reports whether s is printable ASCII.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// hashKeyID returns the form in which a key id is stored for long: of one length, whatever the
// sender chose.
func hashKeyID(kid string) string {
	sum := sha256.Sum256([]byte(kid))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}
