package keyring

import (
	"adcp-orchestrator/pkg/httpsig"
	"adcp-orchestrator/pkg/store"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// maxKept bounds the rings that a process keeps parsed.
const maxKept = 128

// ident names a sender in this process.
type ident struct{ tenant, sender string }

// entry is what a process keeps of a sender: the newest ring that it has seen, and whose turn it is to refresh it.
type entry struct {
	ring *ring // guarded by Source.mu
	turn chan struct{}
}

// ring returns what a document holds. The newest one of a sender is not parsed again.
func (s *Source) ring(sender Sender, d store.Document) (*ring, error) {
	id := ident{sender.Tenant, sender.ID}
	s.mu.Lock()
	var kept *ring
	if e := s.kept[id]; e != nil {
		kept = e.ring
	}
	s.mu.Unlock()
	if kept != nil && kept.version == d.Version && d.Version > 0 {
		return kept, nil
	}
	r, err := readRing(d)
	if err == nil && d.Version > 0 {
		s.keep(sender, r, false)
	}
	return r, err
}

// entry returns a sender's entry, making room for it.
func (s *Source) entry(sender Sender) *entry {
	id := ident{sender.Tenant, sender.ID}
	e := s.kept[id]
	if e == nil {
		if s.kept == nil {
			s.kept = map[ident]*entry{}
		}
		for other, idle := range s.kept {
			if len(s.kept) < maxKept {
				break
			}
			if len(idle.turn) == 0 {
				delete(s.kept, other)
			}
		}
		e = &entry{turn: make(chan struct{}, 1)}
		s.kept[id] = e
	}
	return e
}

// keep remembers a ring, unless a newer one is remembered. stored: the store has just said that it is the one.
func (s *Source) keep(sender Sender, r *ring, stored bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entry(sender); stored || e.ring == nil || e.ring.version < r.version {
		e.ring = r
	}
}

// newest returns the sender's entry and the newest ring, which may be the one that is had.
func (s *Source) newest(sender Sender, had *ring) (*entry, *ring) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entry(sender)
	if e.ring != nil && e.ring.version > had.version {
		return e, e.ring
	}
	return e, had
}

// renew refreshes the ring if it is still due when it is this delivery's turn: one at a time asks for a sender, and nobody holds a lock meanwhile. missed
// is the key that is looked for; keys says whether to ask for keys, or for the revocation list alone.
func (k *Keys) renew(ctx context.Context, due func(*ring, time.Time) bool, missed string, keys bool) error {
	s := k.source
	started := time.Now() // the machine's clock: this bounds real waiting, whatever Now says
	defer func() { k.spent += time.Since(started) }()
	e, _ := s.newest(k.sender, k.ring)
	select {
	case e.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-e.turn }()
	if _, k.ring = s.newest(k.sender, k.ring); !due(k.ring, s.Now()) {
		return nil
	}
	asking, cancel := context.WithTimeout(ctx, budget(ctx, refreshTimeout-k.spent-time.Since(started)))
	defer cancel()
	w := s.begin(k.sender, k.ring)
	if keys || k.ring.listAt == "" { // without an address of keys there is none of a list
		w.refresh(asking, missed)
	}
	if w.cause == nil && w.st.listURL() != "" && w.st.List.due(w.st.listURL(), w.now) {
		w.pollList(asking)
	}
	if err := ctx.Err(); err != nil {
		return err // the caller has gone: how it went says nothing of the sender
	}
	var err error
	k.cause = w.cause
	k.ring, err = s.store(ctx, k.sender, k.ring.version, w)
	if errors.Is(err, store.ErrStale) { // another function was faster: what it found is what counts
		k.ring, err = s.load(ctx, k.sender)
	}
	return err
}

// budget is how long to ask: no longer than given, and short of the caller's end by the time that storing takes.
func budget(ctx context.Context, most time.Duration) time.Duration {
	if end, ok := ctx.Deadline(); ok {
		most = min(most, time.Until(end)-storeReserve)
	}
	return max(most, 0)
}

// load reads the sender's document from the store.
func (s *Source) load(ctx context.Context, sender Sender) (*ring, error) {
	d, err := s.Store.Keyring(ctx, sender.Tenant, sender.ID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return &ring{}, fmt.Errorf("read a sender's keys: %w", err)
	}
	r, err := readRing(d)
	if err == nil {
		s.keep(sender, r, true)
	}
	return r, err
}

// store writes what a refresh made of a version, and says then what there is to say: what nobody stored will be found again.
func (s *Source) store(ctx context.Context, sender Sender, version int64, w *work) (*ring, error) {
	body, err := w.st.encode()
	if err != nil {
		return &ring{}, err
	}
	if err := s.Store.PutKeyring(ctx, sender.Tenant, sender.ID, store.Document{Version: version + 1, Body: body}); err != nil {
		return &ring{}, fmt.Errorf("store a sender's keys: %w", err)
	}
	r := newRing(version+1, w.st)
	s.keep(sender, r, true)
	for _, tell := range w.tell {
		tell()
	}
	return r, nil
}

// work is one refresh: what it makes of a state, and what there is to tell once that is stored.
type work struct {
	*Source
	sender Sender
	st     state
	now    time.Time
	before []httpsig.JWK
	cause  *failure
	tell   []func()
}

// begin takes the time without the machine's monotonic clock, which stands still while Lambda has the process frozen.
func (s *Source) begin(sender Sender, r *ring) *work {
	return &work{Source: s, sender: sender, st: r.state, now: s.Now().UTC().Round(0), before: r.Keys}
}

func (w *work) later(tell func()) { w.tell = append(w.tell, tell) }

// refresh asks for brand.json and the key set (contract F48 to F55). A missed key that isn't in the set is noted.
func (w *work) refresh(ctx context.Context, missed string) {
	if missed != "" && recent(w.st.FetchedAt, freshFor, w.now) { // nothing but the miss is the reason
		w.st.MissedAt = w.now
	}
	p, err := w.place(ctx)
	var set []httpsig.JWK
	if err == nil {
		set, err = w.published(ctx, p.jwks)
	}
	if err != nil {
		w.failed(ctx, err)
		return
	}
	w.take(ctx, p, set, w.st.Since.IsZero())
	w.st.Missing = slices.DeleteFunc(slices.Clone(w.st.Missing), func(m miss) bool { return !recent(m.At, missRest, w.now) })
	if missed != "" && !slices.ContainsFunc(set, func(k httpsig.JWK) bool { return k.KID == missed }) {
		w.st.Missing = append(w.st.Missing, miss{missed, w.now})
		w.st.Missing = w.st.Missing[max(len(w.st.Missing)-maxMissing, 0):]
	}
}

// place returns where the keys in use are: at the pinned address, whatever brand.json names now. Another address is held until a human confirms it
// (contract F55); it is forgotten when brand.json takes it back.
func (w *work) place(ctx context.Context) (place, error) {
	p, declared, err := w.discover(ctx, w.sender, w.now)
	switch {
	case errors.Is(err, errAbsent) && !w.st.AnchoredAt.IsZero():
		w.st.Held = nil
		return place{"", w.st.Pin}, nil
	case err != nil:
		return p, err
	case w.st.Pin == "" || sameURL(w.st.Pin, p.jwks):
		w.st.Held = nil
		return p, checkOrigin(p.jwks, declared)
	}
	if w.st.Held == nil || w.st.Held.JWKSURI != p.jwks {
		held := &Change{p.jwks, w.now}
		w.st.Held = held
		w.later(func() {
			slog.WarnContext(ctx, "a sender's key set has another address: confirm it", "tenant", w.sender.Tenant, "sender", w.sender.ID,
				"host", loggableHost(held.JWKSURI))
			w.count("jwks_uri_changed")
		})
	}
	return place{p.brand, w.st.Pin}, nil
}

// published reads a key set, sorted by id.
func (w *work) published(ctx context.Context, at string) ([]httpsig.JWK, error) {
	set, err := w.keySet(ctx, at)
	if errors.Is(err, errAbsent) {
		return nil, &failure{jwksUnreachable, "there is no key set at " + loggableHost(at), nil}
	}
	if err != nil {
		return nil, err
	}
	keys := usable(set)
	if len(keys) > maxKeys { // which of them to leave out is not ours to say
		return nil, &failure{jwksMalformed, "it has more keys than are kept", nil}
	}
	slices.SortFunc(keys, func(a, b httpsig.JWK) int { return strings.Compare(a.KID, b.KID) })
	return keys, nil
}

func (w *work) keySet(ctx context.Context, at string) (httpsig.JWKS, error) {
	data, err := w.document(ctx, at, maxJWKS, jwksUnreachable, jwksMalformed)
	if err != nil {
		return nil, err
	}
	set, err := httpsig.ParseJWKS(data)
	if err != nil {
		return nil, &failure{jwksMalformed, "it is no key set with one key for each id", err}
	}
	return set, nil
}

// take puts a key set that was found in force. first: there was none to compare it with, or a human has just confirmed it.
func (w *work) take(ctx context.Context, p place, set []httpsig.JWK, first bool) {
	st := &w.st
	st.BrandURL, st.Pin, st.Keys, st.FetchedAt, st.Failure, st.FailedAt = p.brand, p.jwks, set, w.now, "", time.Time{}
	w.later(func() { w.count("refreshed") })
	kids := make([]string, len(set))
	for i, k := range set {
		kids[i] = k.KID
	}
	var admitted []string
	st.Seen, admitted = admit(st.Seen, kids, w.now)
	if st.Since.IsZero() {
		st.Since = w.now
	}
	if !first {
		w.press(ctx, admitted)
	}
	if w.Pressure == (Thresholds{}) && !st.TuningTold && w.now.Sub(st.Since) >= tuningAfter {
		st.TuningTold = true
		w.later(func() {
			slog.WarnContext(ctx, "threshold_tuning_overdue: new keys are still judged by the protocol's starting values",
				"tenant", w.sender.Tenant, "sender", w.sender.ID)
			w.count("threshold_tuning_overdue")
		})
	}
}

// press tells of new keys, and of too many of them (contract F78).
func (w *work) press(ctx context.Context, admitted []string) {
	if len(admitted) == 0 {
		return
	}
	times := make([]time.Time, len(w.st.Seen))
	for i, a := range w.st.Seen {
		times[i] = time.Unix(a.At, 0)
	}
	limits := w.Pressure
	if limits == (Thresholds{}) {
		limits = StartingThresholds()
	}
	clauses := limits.Fired(times, w.now)
	w.later(func() {
		for _, kid := range admitted {
			slog.InfoContext(ctx, "new key", "tenant", w.sender.Tenant, "sender", w.sender.ID, "keyid", httpsig.Loggable(kid))
			w.count("key_admitted")
		}
		if len(clauses) > 0 {
			slog.WarnContext(ctx, "new-key pressure", "tenant", w.sender.Tenant, "sender", w.sender.ID, "clauses", clauses, "new", len(admitted))
			w.count("key_pressure")
		}
	})
}

// failed notes that a refresh failed. What was had before stays.
func (w *work) failed(ctx context.Context, err error) {
	var f *failure
	if errors.Is(err, errAbsent) {
		f = &failure{brandUnreachable, "there is no brand.json", nil}
	} else if !errors.As(err, &f) {
		f = &failure{brandUnreachable, describe(err), err}
	}
	w.cause = f
	w.st.Failure, w.st.FailedAt = f.code, w.now
	w.later(func() {
		slog.WarnContext(ctx, "a sender's keys not refreshed", "tenant", w.sender.Tenant, "sender", w.sender.ID, "code", f.code, "detail", f.detail)
		w.count("refresh_failed")
	})
}
