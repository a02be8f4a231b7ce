package keyring

import (
	"cmp"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// The times of contract F61.
const (
	minPollInterval = time.Minute
	maxPollInterval = 30 * time.Minute
	graceIntervals  = 4 // a list counts for so many intervals after its next_update
)

// maxRevoked bounds a list. A longer list is refused as a whole: the keys beyond a cut would not be
// revoked.
const maxRevoked = 10_000

// list is what is known of a sender's revocation list.
type list struct {
	// URL is where it was last looked for.
	URL string `json:"url,omitempty"`
	// None says that the server has no list there (contract F62).
	None bool `json:"none,omitempty"`
	// CheckedAt is when the server last gave a list, or said that there is none or no newer one.
	CheckedAt time.Time `json:"checked_at,omitzero"`
	// Failure is the code of the last attempt if that failed, else "".
	Failure  string    `json:"failure,omitempty"`
	FailedAt time.Time `json:"failed_at,omitzero"`
	ETag     string    `json:"etag,omitempty"`
	// From is the address of the newest verified list. The members below are that list's.
	From       string    `json:"from,omitempty"`
	Updated    time.Time `json:"updated,omitzero"`
	NextUpdate time.Time `json:"next_update,omitzero"`
	Revoked    []string  `json:"revoked,omitempty"`
	Unknown    string    `json:"-" document:"unknown"`
}

// known reports whether there ever was a list. From then on there has to be one.
func (l list) known() bool { return !l.Updated.IsZero() }

// staleAt returns when the list is too old to rely on.
func (l list) staleAt() time.Time {
	interval := min(max(l.NextUpdate.Sub(l.Updated), minPollInterval), maxPollInterval)
	return l.NextUpdate.Add(graceIntervals * interval)
}

// due reports whether to fetch the list at an address: when its issuer announced a new one, within
// the bounds of contract F61, and some time after a failed fetch.
func (l list) due(at string, now time.Time) bool {
	cooldown := failureCooldown // while nothing is known, deliveries wait for the list
	if l.known() || l.None {
		cooldown = minPollInterval
	}
	switch {
	case recent(l.FailedAt, cooldown, now):
		return false
	case l.URL != at || !l.known() && !l.None:
		return true
	case !recent(l.CheckedAt, maxPollInterval, now):
		return true
	case l.None:
		return false
	}
	return !recent(l.CheckedAt, minPollInterval, now) && !now.Before(l.NextUpdate)
}

// revocationURL returns where the sender's list has to be: on the origin of the brand.json in use
// (contract F59), or of the key set if there is no brand.json. The protocol defines a path for
// governance lists only; the contract's reading is that transport keys have the same one. The
// result is "" while neither address is known.
func (st state) revocationURL() string {
	if origin := originOf(cmp.Or(st.BrandURL, st.JWKSURI)); origin != "" {
		return origin + listPath
	}
	return ""
}

// readList reads a list's payload (contract F60). Its errors quote nothing of the payload.
func readList(payload []byte, issuer string, now time.Time) (l list, err error) {
	if adcp.CheckObject(payload) != nil {
		return l, errors.New("its payload is not a JSON object without duplicate keys")
	}
	var p object
	var version int
	if json.Unmarshal(payload, &p) != nil || json.Unmarshal(p["version"], &version) != nil || version != 1 {
		return l, errors.New("its version is not 1")
	}
	if from, err := readString(p["issuer"]); err != nil || strings.TrimSuffix(from, "/") != issuer {
		return l, errors.New("its issuer is not the origin where it was found")
	}
	var updatedOK, nextOK bool
	l.Updated, updatedOK = readInstant(p["updated"])
	l.NextUpdate, nextOK = readInstant(p["next_update"])
	// Lists must not get older, so one from the future would keep all others out until then.
	fromFuture := l.Updated.After(now.Add(clockSkew))
	if !updatedOK || !nextOK || l.Updated.IsZero() || !l.NextUpdate.After(l.Updated) || fromFuture {
		return l, errors.New("its updated and next_update are not two times in order")
	}
	var kids []string
	if json.Unmarshal(p["revoked_kids"], &kids) != nil || kids == nil {
		return l, errors.New("its revoked_kids is not a list of strings")
	}
	if len(kids) > maxRevoked {
		return l, errors.New("it has more than " + strconv.Itoa(maxRevoked) + " entries")
	}
	for _, kid := range kids {
		if validKeyID(kid) { // no signature can name any other
			l.Revoked = append(l.Revoked, kid)
		}
	}
	return l, nil
}
