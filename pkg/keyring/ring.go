package keyring

import (
	"adcp-orchestrator/pkg/httpsig"
	"adcp-orchestrator/pkg/store"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// The times of contract F54 and F.5 step 7.
const (
	freshFor    = 5 * time.Minute  // keys are used without asking
	serveFor    = 30 * time.Minute // keys are used although asking fails
	failureRest = 30 * time.Second // a failed refresh is not repeated
	missRest    = 30 * time.Second // between two refetches for keys that aren't there
	heldRest    = 5 * time.Minute  // until somebody may have confirmed a change
	clockSkew   = time.Minute      // what another function's clock may be ahead of ours
)

// Bounds of what a sender can make us keep. The document has to stay well below the 400 KB of a table's item.
const (
	maxKeys    = 200
	maxKeyID   = 256 // as httpsig has it
	maxMember  = 64  // of a key's other members: a P-256 coordinate has 43 characters
	maxMissing = 4
)

// state is what the shared document holds of a sender. It is never changed, only replaced.
type state struct {
	// BrandURL is the brand.json that was used, after its redirect; "" where a human's anchor stands alone.
	BrandURL string `json:"brand_json_url,omitempty"`
	// Pin is the key set's address in use (contract F55): the first that was found, or the one that a human confirmed at AnchoredAt.
	Pin        string    `json:"jwks_uri,omitempty"`
	AnchoredAt time.Time `json:"anchored_at,omitzero"`
	// Held is another address that brand.json names now.
	Held *Change `json:"held,omitempty"`
	// Keys are the published ones, by id, as of FetchedAt.
	Keys      []httpsig.JWK `json:"keys,omitempty"`
	FetchedAt time.Time     `json:"fetched_at,omitzero"`
	// Failure is what the last refresh failed with; empty if it didn't.
	Failure  string    `json:"failure,omitempty"`
	FailedAt time.Time `json:"failed_at,omitzero"`
	// MissedAt is when the sender was last asked again for a key that wasn't there. Missing are such keys.
	MissedAt time.Time `json:"missed_at,omitzero"`
	Missing  []miss    `json:"missing,omitempty"`
	// Since is when keys were first had, Seen when each key was, oldest first.
	Since      time.Time   `json:"since,omitzero"`
	Seen       []admission `json:"seen,omitempty"`
	TuningTold bool        `json:"tuning_told,omitempty"`
	List       list        `json:"revocation,omitzero"`
}

// Change is a new address of a key set that waits for a human.
type Change struct {
	JWKSURI string    `json:"jwks_uri"`
	Since   time.Time `json:"since"`
}

type miss struct {
	KID string    `json:"kid"`
	At  time.Time `json:"at"`
}

// ring is a state that was read, and what finds things in it.
type ring struct {
	state
	version int64
	listAt  string // state.listURL
	keys    map[string]httpsig.JWK
	revoked map[string]struct{}
}

func newRing(version int64, st state) *ring {
	r := &ring{state: st, version: version, listAt: st.listURL(), keys: make(map[string]httpsig.JWK, len(st.Keys))}
	for _, k := range st.Keys {
		r.keys[k.KID] = k
	}
	if len(st.List.Revoked) > 0 {
		r.revoked = make(map[string]struct{}, len(st.List.Revoked))
	}
	for _, kid := range st.List.Revoked {
		r.revoked[kid] = struct{}{}
	}
	return r
}

// readRing reads a document. One that can't be read is a fault of ours: to begin anew would forget what was pinned and what was revoked.
func readRing(d store.Document) (*ring, error) {
	var st state
	if d.Version > 0 {
		if err := json.Unmarshal(d.Body, &st); err != nil {
			return &ring{}, fmt.Errorf("read a sender's keys: %w", err)
		}
	}
	return newRing(d.Version, st), nil
}

func (st state) encode() ([]byte, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // would make six bytes of one that the sender chose
	err := e.Encode(st)
	return []byte(b.String()), err
}

// look says what is to be said of a key if nobody is asked, and whether to ask the sender first.
func (r *ring) look(keyID string, now time.Time) (key httpsig.JWK, ask bool, err error) {
	key, known := r.keys[keyID]
	resting := recent(r.FailedAt, failureRest, now)
	switch {
	case known && recent(r.FetchedAt, freshFor, now):
		return key, false, nil
	case known && recent(r.FetchedAt, serveFor, now):
		return key, !resting, nil
	case !recent(r.FetchedAt, freshFor, now):
		return key, !resting, &UnavailableError{Code: either(r.Failure, codeStale), RetryAfter: rest(r.FailedAt, failureRest, now)}
	case r.Held != nil: // the key may be in the set that nobody has confirmed
		return key, !resting && !recent(r.MissedAt, missRest, now), &UnavailableError{Code: codeHeld, RetryAfter: heldRest}
	case r.missing(keyID, now):
		return key, false, httpsig.ErrKeyUnknown
	case resting:
		return key, false, &UnavailableError{Code: either(r.Failure, codeStale), RetryAfter: rest(r.FailedAt, failureRest, now)}
	case recent(r.MissedAt, missRest, now):
		return key, false, &UnavailableError{Code: codeCooldown, RetryAfter: rest(r.MissedAt, missRest, now)}
	}
	return key, true, &UnavailableError{Code: codeChanging, RetryAfter: time.Second}
}

func (r *ring) missing(keyID string, now time.Time) bool {
	for _, m := range r.Missing {
		if m.KID == keyID && recent(m.At, missRest, now) {
			return true
		}
	}
	return false
}

// judge says what is to be said of a key's revocation if nobody is asked, and whether to ask for the list first.
func (r *ring) judge(keyID string, now time.Time) (ask bool, err error) {
	at := r.listAt
	if at == "" {
		ask = !recent(r.FailedAt, failureRest, now)
	} else {
		ask = r.List.due(at, now)
	}
	_, revoked := r.revoked[keyID]
	switch {
	case revoked:
		return ask, httpsig.ErrKeyRevoked
	case r.List.known() && now.After(r.List.staleAt()):
		return ask, httpsig.ErrRevocationStale
	case r.List.known() || r.List.None:
		return ask, nil
	case at == "":
		return ask, &UnavailableError{Code: either(r.Failure, codeNoList), RetryAfter: rest(r.FailedAt, failureRest, now)}
	}
	return ask, &UnavailableError{Code: either(r.List.Failure, codeNoList), RetryAfter: rest(r.List.FailedAt, failureRest, now)}
}

// usable makes the keys of a set fit to be kept. Keys for other purposes stay: a signature by one of them is refused for its purpose, not as unknown
// (contract F.5 step 8). What can't be named by a signature goes.
func usable(set httpsig.JWKS) []httpsig.JWK {
	keys := make([]httpsig.JWK, 0, len(set))
	for kid, k := range set {
		if !nameable(kid) {
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
			k.D = "published" // enough for it to be refused: the private part itself is nothing to keep
		}
		for _, m := range []*string{&k.KeyType, &k.Curve, &k.Alg, &k.Use, &k.AdCPUse, &k.X, &k.Y} {
			if len(*m) > maxMember || !printable(*m) {
				*m = "" // no value that fits: the key is refused for its purpose
			}
		}
		keys = append(keys, k)
	}
	return keys
}

// nameable reports whether a signature can name a key by that id: a structured field's string is printable ASCII, and httpsig bounds it.
func nameable(kid string) bool { return kid != "" && len(kid) <= maxKeyID && printable(kid) }

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// hashed is a key id as it is remembered for long: of one length, whatever the sender chose.
func hashed(kid string) string {
	sum := sha256.Sum256([]byte(kid))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// recent reports whether something happened within the last d. What another clock has put far into the future has not.
func recent(at time.Time, d time.Duration, now time.Time) bool {
	return !at.IsZero() && now.Before(at.Add(d)) && !now.Add(clockSkew).Before(at)
}

// rest is how long something stays recent: a second at least, so that nobody comes again at once.
func rest(at time.Time, d time.Duration, now time.Time) time.Duration {
	return min(max(at.Add(d).Sub(now), time.Second), d)
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
