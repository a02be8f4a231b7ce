package keyring

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/httpsig"
	"adcp-orchestrator/pkg/safehttp"
)

// The times of contract F61.
const (
	pollFloor   = time.Minute
	pollCeiling = 30 * time.Minute
	graceFactor = 4
)

// maxRevoked bounds a list. A longer one is refused rather than cut: what is cut off would not be revoked.
const maxRevoked = 10_000

// list is what is known of a sender's revocation list.
type list struct {
	// URL is where it was looked for.
	URL string `json:"url,omitempty"`
	// None: there is no list there, says the server (contract F62).
	None bool `json:"none,omitempty"`
	// CheckedAt is when the server last gave an answer that counts.
	CheckedAt time.Time `json:"checked_at,omitzero"`
	// Failure is what the last attempt failed with; empty if it didn't.
	Failure  string    `json:"failure,omitempty"`
	FailedAt time.Time `json:"failed_at,omitzero"`
	ETag     string    `json:"etag,omitempty"`
	// Of the newest list that was verified, and where it stood:
	From       string    `json:"from,omitempty"`
	Updated    time.Time `json:"updated,omitzero"`
	NextUpdate time.Time `json:"next_update,omitzero"`
	Revoked    []string  `json:"revoked,omitempty"`
}

// known reports whether there ever was a list. From then on there has to be one.
func (l list) known() bool { return !l.Updated.IsZero() }

// staleAt is when the list is too old to rely on.
func (l list) staleAt() time.Time {
	interval := min(max(l.NextUpdate.Sub(l.Updated), pollFloor), pollCeiling)
	return l.NextUpdate.Add(graceFactor * interval)
}

// due reports whether to ask at an address for the list: when its issuer says that there is a new one, in bounds; and what failed, a while later.
func (l list) due(at string, now time.Time) bool {
	pause := failureRest // while nothing is known, deliveries wait for it
	if l.known() || l.None {
		pause = pollFloor
	}
	switch {
	case recent(l.FailedAt, pause, now):
		return false
	case l.URL != at || !l.known() && !l.None:
		return true
	case l.None || !recent(l.CheckedAt, pollCeiling, now):
		return !recent(l.CheckedAt, pollCeiling, now)
	}
	return !recent(l.CheckedAt, pollFloor, now) && !now.Before(l.NextUpdate)
}

// listURL is where the sender's list has to be: on the origin of the brand.json that was used (contract F59; the path for transport keys is a gap, the
// governance lists' is the contract's reading), or of the key set where there is no brand.json. It is "" while neither is known.
func (st state) listURL() string {
	if o := origin(either(st.BrandURL, st.Pin)); o != "" {
		return o + listPath
	}
	return ""
}

// pollList asks for the revocation list.
func (w *work) pollList(ctx context.Context) {
	at := w.st.listURL()
	l := w.st.List
	if l.URL != at { // a list of the old place stays in force until there is one of the new; that there was none there says nothing of here
		l.URL, l.ETag, l.None = at, "", false
	}
	w.st.List = l
	a, err := w.fetch(ctx, at, maxList, l.ETag)
	var large *safehttp.TooLargeError
	switch {
	case errors.As(err, &large):
		w.listFailed(ctx, &failure{listMalformed, describe(err), err})
		return
	case err != nil:
		w.listFailed(ctx, &failure{listUnreachable, describe(err) + " at " + loggableHost(at), err})
		return
	case a.status == http.StatusNotModified && l.ETag != "":
		w.st.List.CheckedAt, w.st.List.FailedAt, w.st.List.Failure = w.now, time.Time{}, ""
		return
	case absent(a.status) && !l.known():
		w.noList(ctx)
		return
	case a.status != http.StatusOK:
		w.listFailed(ctx, &failure{listUnreachable, "status " + strconv.Itoa(a.status) + " at " + loggableHost(at), nil})
		return
	}
	next, err := w.verifyList(ctx, a.body, strings.TrimSuffix(at, listPath))
	var f *failure
	if errors.As(err, &f) {
		w.listFailed(ctx, f)
		return
	}
	if next.Updated.Before(l.Updated) {
		w.listFailed(ctx, &failure{listMalformed, "it is older than the one before", nil}) // a replay would bring revoked keys back
		return
	}
	next.URL, next.From, next.CheckedAt, next.ETag = at, at, w.now, a.etag
	w.adopt(ctx, next)
}

// absent reports whether a status says that there is no list. Two say only that this is no time to ask.
func absent(status int) bool {
	return status >= 400 && status < 500 && status != http.StatusRequestTimeout && status != http.StatusTooManyRequests
}

func (w *work) noList(ctx context.Context) {
	if !w.st.List.None {
		w.later(func() {
			slog.WarnContext(ctx, "sender has no revocation list", "tenant", w.sender.Tenant, "sender", w.sender.ID)
			w.count("revocation_none")
		})
	}
	w.st.List = list{URL: w.st.List.URL, None: true, CheckedAt: w.now}
}

func (w *work) listFailed(ctx context.Context, f *failure) {
	l := &w.st.List
	l.Failure, l.FailedAt = f.code, w.now
	if f.code == listMalformed {
		l.None = false // an answer that can't be read is not the answer that there is none
	}
	w.cause = f
	w.later(func() {
		slog.WarnContext(ctx, "revocation list not read", "tenant", w.sender.Tenant, "sender", w.sender.ID, "code", f.code, "detail", f.detail)
		w.count("revocation_failed")
	})
}

// adopt takes a list over. Revocation counts for all that a key has signed (contract F61): what came with it before is somebody's to look at.
func (w *work) adopt(ctx context.Context, next list) {
	before := make(map[string]bool, len(w.st.List.Revoked))
	for _, kid := range w.st.List.Revoked {
		before[kid] = true
	}
	used := make(map[string]bool, len(w.before)) // a key that comes with its revocation was never accepted
	for _, k := range w.before {
		used[k.KID] = true
	}
	for _, kid := range next.Revoked {
		if used[kid] && !before[kid] {
			w.later(func() {
				slog.WarnContext(ctx, "a sender's key is revoked: deliveries that it signed before are in doubt", "tenant", w.sender.Tenant,
					"sender", w.sender.ID, "keyid", httpsig.Loggable(kid))
				w.count("key_revoked")
			})
		}
	}
	w.st.List = next
}

// verifyList reads a list and checks who signed it. It returns a *failure.
func (w *work) verifyList(ctx context.Context, data []byte, issuer string) (list, error) {
	payload, signatures, err := readJWS(data)
	if err != nil {
		return list{}, &failure{listMalformed, "it is no signed list", err}
	}
	if err := w.authentic(ctx, signatures, issuer); err != nil {
		return list{}, err
	}
	l, err := readList(payload, issuer, w.now)
	if err != nil {
		return list{}, &failure{listMalformed, err.Error(), nil}
	}
	return l, nil
}

// authentic finds a signature that verifies: by a key of the sender's own set, which is at hand and pinned, or else of the issuer's.
func (w *work) authentic(ctx context.Context, signatures []signature, issuer string) error {
	own := make(httpsig.JWKS, len(w.st.Keys))
	for _, k := range w.st.Keys {
		own[k.KID] = k
	}
	var issuers httpsig.JWKS
	for _, s := range signatures {
		if w.revokes(s.kid) {
			continue // a revoked key could give itself back
		}
		k, ok := own[s.kid]
		if !ok && issuers == nil && sameURL(issuer+jwksPath, w.st.Pin) {
			issuers = own
		}
		if !ok && issuers == nil {
			var err error
			if issuers, err = w.keySet(ctx, issuer+jwksPath); errors.Is(err, errAbsent) {
				issuers = httpsig.JWKS{}
			} else if err != nil {
				return &failure{listUnreachable, "the issuer's keys can't be had", err}
			}
		}
		if !ok {
			k, ok = issuers[s.kid]
		}
		if ok && s.verifies(k) && (w.Loopback || !httpsig.IsTestKey(k)) { // contract L23
			return nil
		}
	}
	return &failure{listMalformed, errSignature.Error(), nil}
}

func (w *work) revokes(kid string) bool {
	for _, revoked := range w.st.List.Revoked {
		if revoked == kid {
			return true
		}
	}
	return false
}

// readList reads a list's payload (contract F60). Its errors hold nothing of what it says.
func readList(payload []byte, issuer string, now time.Time) (l list, err error) {
	if adcp.CheckObject(payload) != nil {
		return l, errors.New("its payload is no JSON object without duplicate keys")
	}
	var p object
	var version int
	if json.Unmarshal(payload, &p) != nil || json.Unmarshal(p["version"], &version) != nil || version != 1 {
		return l, errors.New("its version is not 1")
	}
	if from, err := text(p["issuer"]); err != nil || strings.TrimSuffix(from, "/") != issuer {
		return l, errors.New("its issuer is not the origin that it stands on")
	}
	bad := false
	l.Updated, bad = instant(p["updated"], bad)
	l.NextUpdate, bad = instant(p["next_update"], bad)
	// One from the future would keep all others out until then.
	if bad || l.Updated.IsZero() || !l.NextUpdate.After(l.Updated) || l.Updated.After(now.Add(clockSkew)) {
		return l, errors.New("its updated and next_update are no two instants in order")
	}
	var kids []string
	if json.Unmarshal(p["revoked_kids"], &kids) != nil || kids == nil {
		return l, errors.New("its revoked_kids is no list of strings")
	}
	if len(kids) > maxRevoked {
		return l, errors.New("it has more than " + strconv.Itoa(maxRevoked) + " entries")
	}
	for _, kid := range kids {
		if nameable(kid) { // no signature can be by another
			l.Revoked = append(l.Revoked, kid)
		}
	}
	return l, nil
}
