package keyring

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"adcp-orchestrator/pkg/httpsig"
	"adcp-orchestrator/pkg/safehttp"
)

// fetchList reads the revocation list and puts the outcome into the next state.
func (r *refresh) fetchList(ctx context.Context) {
	at := r.next.revocationURL()
	l := r.next.List
	if l.URL != at {
		// The old address's list stays in force until the new address has one. That the old address had
		// none does not show that the new one has none.
		l.URL, l.ETag, l.None = at, "", false
	}
	r.next.List = l
	got, err := r.fetch(ctx, at, maxList, l.ETag)
	var large *safehttp.TooLargeError
	switch {
	case errors.As(err, &large):
		r.failList(ctx, &failure{listMalformed, describe(err), err})
		return
	case err != nil:
		r.failList(ctx, &failure{listUnreachable, describe(err) + " at " + loggableHost(at), err})
		return
	case got.status == http.StatusNotModified && l.ETag != "":
		r.next.List.CheckedAt, r.next.List.FailedAt, r.next.List.Failure = r.now, time.Time{}, ""
		return
	case saysAbsent(got.status) && !l.known():
		r.recordNoList(ctx)
		return
	case got.status != http.StatusOK:
		detail := "status " + strconv.Itoa(got.status) + " at " + loggableHost(at)
		r.failList(ctx, &failure{listUnreachable, detail, nil})
		return
	}
	fetched, err := r.verifyList(ctx, got.body, strings.TrimSuffix(at, listPath))
	var f *failure
	if errors.As(err, &f) {
		r.failList(ctx, f)
		return
	}
	if fetched.Updated.Before(l.Updated) { // a replayed list would give revoked keys back
		r.failList(ctx, &failure{listMalformed, "it is older than the one before", nil})
		return
	}
	fetched.URL, fetched.From, fetched.CheckedAt, fetched.ETag = at, at, r.now, got.etag
	r.acceptList(ctx, fetched)
}

// saysAbsent reports whether a status says that there is no list. 408 and 429 only say that the
// server can't answer now.
func saysAbsent(status int) bool {
	return status >= 400 && status < 500 && status != http.StatusRequestTimeout && status != http.StatusTooManyRequests
}

func (r *refresh) recordNoList(ctx context.Context) {
	if !r.next.List.None {
		r.afterCommit(func() {
			r.log().WarnContext(ctx, "the sender has no revocation list")
			r.count(eventRevocationNone)
		})
	}
	r.next.List = list{URL: r.next.List.URL, None: true, CheckedAt: r.now, Unknown: r.next.List.Unknown}
}

func (r *refresh) failList(ctx context.Context, f *failure) {
	l := &r.next.List
	l.Failure, l.FailedAt = f.code, r.now
	if f.code == listMalformed {
		l.None = false // the server has something there, so it no longer counts as having no list
	}
	r.failure = f
	r.afterCommit(func() {
		r.log().WarnContext(ctx, "the revocation list was not read", "code", f.code, "detail", f.detail)
		r.count(eventRevocationFailed)
	})
}

// acceptList puts a verified list into the next state. A revocation covers everything that the key
// has ever signed (contract F61), so a person has to look at the deliveries that were accepted
// before.
func (r *refresh) acceptList(ctx context.Context, l list) {
	revokedBefore := make(map[string]bool, len(r.next.List.Revoked))
	for _, kid := range r.next.List.Revoked {
		revokedBefore[kid] = true
	}
	inUse := make(map[string]bool, len(r.previous)) // a key that comes with its revocation was never accepted
	for _, k := range r.previous {
		inUse[k.KID] = true
	}
	for _, kid := range l.Revoked {
		if inUse[kid] && !revokedBefore[kid] {
			r.tell("A key is revoked; deliveries that it signed before are in doubt")
			r.afterCommit(func() {
				r.log().WarnContext(ctx, "a sender's key is revoked: deliveries that it signed before are in doubt",
					"key_id", httpsig.Loggable(kid))
				r.count(eventKeyRevoked)
			})
		}
	}
	l.Unknown = r.next.List.Unknown
	r.next.List = l
}

// verifyList reads a list and checks its signatures. It returns a *failure.
func (r *refresh) verifyList(ctx context.Context, data []byte, issuer string) (list, error) {
	payload, signatures, err := readJWS(data)
	if err != nil {
		return list{}, &failure{listMalformed, "it is not a signed list", err}
	}
	if err := r.verifySignatures(ctx, signatures, issuer); err != nil {
		return list{}, err
	}
	l, err := readList(payload, issuer, r.now)
	if err != nil {
		return list{}, &failure{listMalformed, err.Error(), nil}
	}
	return l, nil
}

// verifySignatures returns nil if one of the signatures verifies. The key comes from the sender's
// own set, which is at hand and pinned, or if that lacks the id from the issuer's set.
func (r *refresh) verifySignatures(ctx context.Context, signatures []signature, issuer string) error {
	own := make(httpsig.JWKS, len(r.next.Keys))
	for _, k := range r.next.Keys {
		own[k.KID] = k
	}
	var issuerKeys httpsig.JWKS
	for _, s := range signatures {
		if slices.Contains(r.next.List.Revoked, s.kid) {
			continue // a revoked key could give itself back
		}
		k, ok := own[s.kid]
		if !ok && issuerKeys == nil && sameURL(issuer+jwksPath, r.next.JWKSURI) {
			issuerKeys = own
		}
		if !ok && issuerKeys == nil {
			var err error
			if issuerKeys, err = r.fetchJWKS(ctx, issuer+jwksPath); errors.Is(err, errAbsent) {
				issuerKeys = httpsig.JWKS{}
			} else if err != nil {
				return &failure{listUnreachable, "the issuer's keys can't be read", err}
			}
		}
		if !ok {
			k, ok = issuerKeys[s.kid]
		}
		if ok && s.verifies(k) && (r.Loopback || !httpsig.IsTestKey(k)) { // contract L23
			return nil
		}
	}
	return &failure{listMalformed, errSignature.Error(), nil}
}
