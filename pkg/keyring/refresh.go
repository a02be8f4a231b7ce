package keyring

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"adcp-orchestrator/pkg/httpsig"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/store"
)

// refreshIfDue waits for this delivery's turn and refreshes the snapshot if it is still due then.
// One delivery at a time refreshes a sender, and no lock is held meanwhile. fetchKeys is false if
// only the revocation list is wanted; missed is the key id that the snapshot lacks, or "".
func (k *Keys) refreshIfDue(
	ctx context.Context, due func(*snapshot, time.Time) bool, fetchKeys bool, missed string,
) error {
	s := k.source
	started := time.Now() // not Source.Now: this limits the time that really passes
	defer func() { k.waited += time.Since(started) }()
	release, err := s.takeTurn(ctx, k.sender)
	if err != nil {
		return err
	}
	defer release()
	if k.snapshot = s.newer(k.sender, k.snapshot); !due(k.snapshot, s.Now()) {
		return nil
	}
	limit := refreshTimeout - k.waited - time.Since(started)
	fetchCtx, cancel := context.WithTimeout(ctx, fetchBudget(ctx, limit))
	defer cancel()
	r := s.newRefresh(k.sender, k.snapshot)
	if fetchKeys || k.snapshot.listURL == "" { // the list's address depends on that of the keys
		r.fetchKeys(fetchCtx, missed)
	}
	if at := r.next.revocationURL(); r.failure == nil && at != "" && r.next.List.due(at, r.now) {
		r.fetchList(fetchCtx)
	}
	if err := ctx.Err(); err != nil {
		return err // the caller has gone: a fetch that failed for that says nothing about the sender
	}
	k.failure = r.failure
	k.snapshot, err = s.commit(ctx, k.sender, k.snapshot.version, r)
	if errors.Is(err, store.ErrStale) { // another function was faster: its result counts
		k.snapshot, err = s.load(ctx, k.sender)
	}
	return err
}

// fetchBudget returns the time for fetches: limit at most, and less than the caller has by the time
// that storing takes.
func fetchBudget(ctx context.Context, limit time.Duration) time.Duration {
	if end, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(end)-storeReserve)
	}
	return max(limit, 0)
}

// load reads the sender's document from the store.
func (s *Source) load(ctx context.Context, sender Sender) (*snapshot, error) {
	d, err := s.Store.Keyring(ctx, sender.Tenant, sender.ID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return &snapshot{}, fmt.Errorf("read a sender's keys: %w", err)
	}
	snap, err := readSnapshot(d)
	if err == nil {
		s.remember(sender, snap, true)
	}
	return snap, err
}

// commit stores the result of a refresh as the successor of version, and then runs the functions of
// afterCommit. It returns store.ErrStale if another version was stored in the meantime.
func (s *Source) commit(ctx context.Context, sender Sender, version int64, r *refresh) (*snapshot, error) {
	body, err := r.next.encode()
	if err != nil {
		return &snapshot{}, err
	}
	d := store.Document{Version: version + 1, Body: body}
	if err := s.Store.PutKeyring(ctx, sender.Tenant, sender.ID, d, r.told(d.Version)...); err != nil {
		return &snapshot{}, fmt.Errorf("store a sender's keys: %w", err)
	}
	snap := newSnapshot(version+1, r.next)
	s.remember(sender, snap, true)
	for _, report := range r.reports {
		report()
	}
	return snap, nil
}

// refresh makes the next state of a sender from its present one.
type refresh struct {
	*Source
	sender   Sender
	next     state
	now      time.Time
	previous []httpsig.JWK // the keys of the present state
	failure  *failure      // the last fetch that failed, or nil
	reports  []func()
	changes  []string // what consumers are told, in our words
}

// newRefresh starts a refresh. Its time has no monotonic reading: that clock stands still while
// Lambda freezes the process.
func (s *Source) newRefresh(sender Sender, snap *snapshot) *refresh {
	return &refresh{Source: s, sender: sender, next: snap.state, now: s.Now().UTC().Round(0), previous: snap.Keys}
}

// afterCommit adds a log line or count for the time when the new state is stored. What is not
// stored must not be reported: the next refresh finds and reports it.
func (r *refresh) afterCommit(report func()) { r.reports = append(r.reports, report) }

// tell adds what consumers are told, in the same write as the new state.
func (r *refresh) tell(what string) { r.changes = append(r.changes, what) }

// told returns the notice of the changes that are stored as a version.
func (r *refresh) told(version int64) []notice.Notice {
	if len(r.changes) == 0 {
		return nil
	}
	s := r.sender
	return []notice.Notice{notice.Keys(s.Tenant, s.AgentID, s.ID, version, strings.Join(r.changes, "; "), r.now)}
}

// log returns the logger for this sender.
func (r *refresh) log() *slog.Logger {
	return slog.With("tenant", r.sender.Tenant, "sender", r.sender.ID)
}

// fetchKeys reads brand.json and the key set (contract F48 to F55). It records the missed key, if
// there is one, when the set lacks it.
func (r *refresh) fetchKeys(ctx context.Context, missed string) {
	if missed != "" && recent(r.next.FetchedAt, freshFor, r.now) { // the missed key is the only reason to fetch
		r.next.MissedAt = r.now
	}
	at, err := r.locate(ctx)
	var set []httpsig.JWK
	if err == nil {
		set, err = r.fetchKeySet(ctx, at.jwks)
	}
	if err != nil {
		r.fail(ctx, err)
		return
	}
	r.accept(ctx, at, set, r.next.Since.IsZero())
	r.next.Missing = slices.DeleteFunc(slices.Clone(r.next.Missing), func(m missedKey) bool {
		return !recent(m.At, missCooldown, r.now)
	})
	if missed != "" && !slices.ContainsFunc(set, func(k httpsig.JWK) bool { return k.KID == missed }) {
		r.next.Missing = append(r.next.Missing, missedKey{KID: missed, At: r.now})
		r.next.Missing = r.next.Missing[max(len(r.next.Missing)-maxMissing, 0):]
	}
}

// locate returns the location of the keys in use, which is the pin whatever brand.json names now.
// It records another address as a pending change until a person confirms it (contract F55), and
// drops the change when brand.json takes it back.
func (r *refresh) locate(ctx context.Context) (location, error) {
	found, declared, err := r.discover(ctx, r.sender, r.now)
	switch {
	case errors.Is(err, errAbsent) && !r.next.PinnedAt.IsZero():
		r.next.PendingChange = nil
		return location{jwks: r.next.JWKSURI}, nil
	case err != nil:
		return found, err
	case r.next.JWKSURI == "" || sameURL(r.next.JWKSURI, found.jwks):
		r.next.PendingChange = nil
		return found, checkKeyOrigin(found.jwks, declared)
	}
	if r.next.PendingChange == nil || r.next.PendingChange.JWKSURI != found.jwks {
		change := &PendingChange{JWKSURI: found.jwks, Since: r.now}
		r.next.PendingChange = change
		r.tell("Its key set has another address, which is not used before somebody confirms it")
		r.afterCommit(func() {
			r.log().WarnContext(ctx, "a sender's key set has another address: confirm it",
				"host", loggableHost(change.JWKSURI))
			r.count(eventJWKSURIChanged)
		})
	}
	return location{brand: found.brand, jwks: r.next.JWKSURI}, nil
}

// accept puts a fetched key set into the next state. unquestioned suppresses the reports of new
// keys: the set is the sender's first, or a person has just pinned it.
func (r *refresh) accept(ctx context.Context, at location, set []httpsig.JWK, unquestioned bool) {
	next := &r.next
	next.BrandURL, next.JWKSURI = at.brand, at.jwks
	next.Keys, next.FetchedAt = set, r.now
	next.Failure, next.FailedAt = "", time.Time{}
	r.afterCommit(func() { r.count(eventRefreshed) })
	kids := make([]string, len(set))
	for i, k := range set {
		kids[i] = k.KID
	}
	var admitted []string
	next.Seen, admitted = admit(next.Seen, kids, r.now)
	if next.Since.IsZero() {
		next.Since = r.now
	}
	if !unquestioned {
		r.checkPressure(ctx, admitted)
	}
	r.checkTuning(ctx)
}

// fail records a failed refresh. The keys of the present state stay.
func (r *refresh) fail(ctx context.Context, err error) {
	var f *failure
	if errors.Is(err, errAbsent) {
		f = &failure{brandUnreachable, "there is no brand.json", nil}
	} else if !errors.As(err, &f) {
		f = &failure{brandUnreachable, describe(err), err}
	}
	r.failure = f
	r.next.Failure, r.next.FailedAt = f.code, r.now
	r.afterCommit(func() {
		r.log().WarnContext(ctx, "a sender's keys were not refreshed", "code", f.code, "detail", f.detail)
		r.count(eventRefreshFailed)
	})
}
