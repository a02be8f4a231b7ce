package keyring

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/httpsig"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// The first delivery finds everything in one go; the next ones ask nobody, neither the sender nor the store, in any function.
func TestFirstDeliveryFindsTheRestAskNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.delivery()
	k, err := d.Key(t.Context(), "k1")
	if err != nil || k.KID != "k1" || k.X != newKey("k1").X {
		t.Fatalf("got %+v, %v", k, err)
	}
	if err := d.Check(t.Context(), "k1"); err != nil {
		t.Fatal(err)
	}
	once := map[string]int{brandPath: 1, jwksPath: 1, listPath: 1}
	w.wantHits(once)
	puts := w.store.puts
	w.pass(freshFor - time.Second)
	for _, s := range []*Source{w.Source, w.second()} {
		d := s.Open(w.sender, w.doc())
		if k, err := d.Key(t.Context(), "k1"); err != nil || k.KID != "k1" {
			t.Fatal(k, err)
		}
		if err := d.Check(t.Context(), "k1"); err != nil {
			t.Fatal(err)
		}
	}
	w.wantHits(once)
	if w.store.reads != 0 || w.store.puts != puts || puts != 1 {
		t.Errorf("%d reads and %d writes of the store, want none and 1", w.store.reads, w.store.puts)
	}
	w.pass(time.Second)
	w.want("k1", "k1")
	w.wantHits(map[string]int{brandPath: 2, jwksPath: 2, listPath: 1})
}

// The whole of contract F.5 with keys that were found.
func TestVerifier(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := newKey("k1")
	verify := func() string { // a delivery that is signed now
		m := httpsig.Message{Method: http.MethodPost, URL: "https://hooks.buyer.example/v1/webhooks/x", Host: "hooks.buyer.example",
			Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(`{"a":1}`)}
		h, err := httpsig.Sign(t.Context(), httpsig.WebhookProfile(), httpsig.Identity{Key: id.JWK, Signer: id}, m,
			httpsig.Stamp{Created: w.now(), Nonce: "KXYnfEfJ0PBRZXQyVXfVQA"})
		if err != nil {
			t.Fatal(err)
		}
		for name := range h {
			m.Header.Set(name, h.Get(name))
		}
		d := w.delivery()
		_, err = httpsig.Verifier{Profile: httpsig.WebhookProfile(), Keys: d, Revocation: d, Replay: room{}}.Verify(t.Context(), m, w.now())
		return verdict("verified", err)
	}
	if got := verify(); got != "verified" {
		t.Fatal(got)
	}
	// A key that is published with its private part is anybody's, and the private part is not ours to keep.
	leaked := id.JWK
	leaked.D = "c2VjcmV0LXNlY3JldC1zZWNyZXQ"
	w.set(jwksPath, encoded(map[string]any{"keys": []any{leaked}}))
	w.pass(freshFor)
	if got := verify(); got != "webhook_signature_key_purpose_invalid" {
		t.Errorf("a leaked key gave %s", got)
	}
	if strings.Contains(string(w.doc().Body), leaked.D) {
		t.Error("the private part is stored")
	}
	w.set(jwksPath, keySet("k2"))
	w.pass(freshFor)
	if got := verify(); got != "webhook_signature_key_unknown" {
		t.Errorf("a key that is gone gave %s", got)
	}
}

type room struct{}

func (room) Seen(context.Context, string, string) (bool, bool, error) { return false, false, nil }
func (room) Claim(context.Context, string, string, time.Time) error   { return nil }

// Contract F54: five minutes without asking, thirty when asking fails, and a rest after each failure.
func TestFreshness(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.want("k1", "k1")
	w.status(jwksPath, http.StatusBadGateway)
	w.pass(freshFor)
	w.want("k1", "k1")
	if n := w.asked(jwksPath); n != 2 {
		t.Fatalf("%d requests, want 2", n)
	}
	for range 3 { // each delivery of half a minute: none waits for the host again
		w.pass(failureRest / 4)
		w.want("k1", "k1")
	}
	if n := w.asked(jwksPath); n != 2 {
		t.Fatalf("%d requests while resting, want 2", n)
	}
	w.pass(failureRest / 4)
	w.want("k1", "k1")
	if n := w.asked(jwksPath); n != 3 {
		t.Fatalf("%d requests after the rest, want 3", n)
	}
	w.pass(serveFor - freshFor - failureRest - time.Second)
	w.want("k1", "k1")
	w.pass(time.Second)
	_, err := w.delivery().Key(t.Context(), "k1")
	var u *UnavailableError
	if !errors.As(err, &u) || u.Code != jwksUnreachable || u.RetryAfter != failureRest-time.Second || err.Error() != "keyring: jwks_unreachable" {
		t.Fatalf("after half an hour: %#v", err)
	}
	w.wantCount("refresh_failed", 3)
	w.set(jwksPath, keySet("k1"))
	w.pass(failureRest)
	w.want("k1", "k1")
	if st := w.state(); st.Failure != "" || !st.FailedAt.IsZero() {
		t.Errorf("a failure that is over is still stored: %+v", st)
	}
}

// A host that is dead from the start: 503 with the code, and one attempt in half a minute among all functions. The sender is told nothing, the log enough.
func TestDeadFromTheStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.status(brandPath, http.StatusServiceUnavailable)
	_, err := w.delivery().Key(t.Context(), "k1")
	var u *UnavailableError
	if !errors.As(err, &u) || u.Code != brandUnreachable || u.RetryAfter != failureRest || u.Cause == nil || !strings.Contains(u.Cause.Error(), "503") {
		t.Fatalf("got %#v", err)
	}
	if _, err := w.second().Open(w.sender, w.doc()).Key(t.Context(), "k1"); verdict("", err) != "503 brand_json_unreachable" {
		t.Fatal(err)
	}
	w.wantCheck("k1", "503 brand_json_unreachable")
	w.wantHits(map[string]int{brandPath: 1})
	w.set(brandPath, w.brand(""))
	w.pass(failureRest)
	w.want("k1", "k1")
}

// Contract F.5 step 7: asked again once, with a cooldown for all functions, and the terminal verdict on evidence only (contract F86).
func TestMiss(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.want("k1", "k1")
	w.pass(time.Second)
	w.want("k2", "unknown") // no cooldown before the first
	w.wantHits(map[string]int{brandPath: 2, jwksPath: 2, listPath: 1})
	w.want("k2", "unknown") // remembered
	_, err := w.second().Open(w.sender, w.doc()).Key(t.Context(), "k2")
	if !errors.Is(err, httpsig.ErrKeyUnknown) {
		t.Fatal(err)
	}
	w.set(jwksPath, keySet("k1", "k2", "k3"))
	w.pass(10 * time.Second)
	_, err = w.delivery().Key(t.Context(), "k3")
	var u *UnavailableError
	if !errors.As(err, &u) || u.Code != codeCooldown || u.RetryAfter != 20*time.Second {
		t.Fatalf("another key in the cooldown: %#v", err)
	}
	w.wantHits(map[string]int{brandPath: 2, jwksPath: 2, listPath: 1})
	w.want("k1", "k1")
	w.pass(20 * time.Second)
	w.want("k3", "k3")
	w.want("k2", "k2")
	w.wantHits(map[string]int{brandPath: 3, jwksPath: 3, listPath: 1})
	w.wantCount("key_admitted", 2)

	w.pass(missRest)
	w.status(jwksPath, http.StatusInternalServerError)
	w.want("k4", "503 jwks_unreachable") // the refetch failed: nothing is known
	w.want("k4", "503 jwks_unreachable")
	w.want("k1", "k1")
	w.wantHits(map[string]int{brandPath: 4, jwksPath: 4, listPath: 1})
}

// A refresh that was due anyway is evidence too: the first delivery with an unknown key asks once.
func TestMissAtFirstSight(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.want("k9", "unknown")
	w.want("k9", "unknown")
	w.wantHits(map[string]int{brandPath: 1, jwksPath: 1, listPath: 1})
	w.want("k8", "unknown") // no refetch for a miss has been before
	w.wantHits(map[string]int{brandPath: 2, jwksPath: 2, listPath: 1})
}

// Whoever can send may name any key: what is kept stays small, and what can't be an id is not even asked for.
func TestMissesAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.want("k1", "k1")
	for i := range 50 {
		w.pass(missRest / 2)
		w.look(fmt.Sprintf("%d-%s", i, strings.Repeat("x", 250)))
	}
	if st := w.state(); len(st.Missing) > maxMissing || len(w.doc().Body) > 4<<10 {
		t.Errorf("%d missing keys in %d bytes", len(st.Missing), len(w.doc().Body))
	}
	n := w.total()
	for _, kid := range []string{"", strings.Repeat("x", maxKeyID+1), "k\u00e9y", "k\n"} {
		w.pass(time.Hour)
		w.want(kid, "unknown")
	}
	if w.total() != n {
		t.Error("asked for a key that can't be")
	}
}

// Two functions refresh at once: one version wins, and both go on with it.
func TestTwoFunctionsRefresh(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.want("k1", "k1")
	w.pass(freshFor)
	doc, other := w.doc(), w.second()
	w.store.mu.Lock()
	w.store.beforeCommit = func() { // the other is between its fetch and its write
		if k, err := other.Open(w.sender, doc).Key(t.Context(), "k1"); err != nil || k.KID != "k1" {
			t.Error(k, err)
		}
	}
	w.store.mu.Unlock()
	k, err := w.Open(w.sender, doc).Key(t.Context(), "k1")
	if err != nil || k.KID != "k1" {
		t.Fatal(k, err)
	}
	if d := w.doc(); d.Version != doc.Version+1 {
		t.Errorf("version %d after %d", d.Version, doc.Version)
	}
	w.wantCount("refreshed", 2) // the first and the winner's
	w.want("k1", "k1")

	// What the other stored has nothing to say of this key: come again.
	w.pass(freshFor)
	doc = w.doc()
	w.store.beforeCommit = func() { _, _ = other.Open(w.sender, doc).Key(t.Context(), "k1") }
	if _, err := w.Open(w.sender, doc).Key(t.Context(), "k7"); verdict("", err) != "503 keys_changing" {
		t.Errorf("got %v", err)
	}
	w.want("k7", "unknown")
}

// An anchor that meets a refresh is set anew; one that meets them again and again says so.
func TestAnchorMeetsRefresh(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.want("k1", "k1")
	busy := func() {
		d := w.doc()
		d.Version++
		if err := w.store.PutKeyring(t.Context(), "acme", "sender", d); err != nil {
			t.Error(err)
		}
	}
	w.store.beforeCommit = busy
	if v, err := w.Pin(t.Context(), w.sender, w.origin()+jwksPath); err != nil || !v.AnchoredAt.Equal(start) {
		t.Fatal(v, err)
	}
	if d := w.doc(); d.Version != 3 {
		t.Errorf("version %d", d.Version)
	}
	w.Store = crowded{w.store}
	if _, err := w.Pin(t.Context(), w.sender, w.origin()+jwksPath); !errors.Is(err, store.ErrStale) {
		t.Error(err)
	}
}

// crowded is a store where somebody else is always faster.
type crowded struct{ *shelf }

func (crowded) PutKeyring(context.Context, string, string, store.Document) error {
	return store.ErrStale
}

// What was discovered of an agent when it was called, if it was called at this address.
func TestProfileFrom(t *testing.T) {
	t.Parallel()
	target := operation.Target{URL: "https://sales.example.co.uk/mcp", BrandURL: "https://example.co.uk/b.json"}
	sender := SenderOf("acme", "sales", target)
	if sender != (Sender{"acme", inbox.SenderID(target), "sales", target.URL, target.BrandURL}) {
		t.Errorf("sender %+v", sender)
	}
	broken := errors.New("throttled")
	known := registry.Profile{URL: target.URL, Capabilities: adcp.Capabilities{
		Identity: adcp.Identity{BrandURL: "b", Origins: map[string]string{"webhook_signing": "o", "request_signing": "p"}}}}
	for name, tc := range map[string]struct {
		profiles profiles
		brand    string
		err      error
	}{
		"known":        {profiles{p: known}, "b", nil},
		"of before":    {profiles{p: registry.Profile{URL: "https://old.example/mcp", Capabilities: known.Capabilities}}, "", nil},
		"never called": {profiles{err: store.ErrNotFound}, "", nil},
		"a fault":      {profiles{err: broken}, "", broken},
	} {
		brand, origin, err := ProfileFrom(tc.profiles)(t.Context(), sender)
		if brand != tc.brand || (origin != "") != (brand != "") || !errors.Is(err, tc.err) {
			t.Errorf("%s: %q, %q, %v", name, brand, origin, err)
		}
	}
}

type profiles struct {
	p   registry.Profile
	err error
}

func (p profiles) Profile(_ context.Context, tenant, agentID string) (registry.Profile, error) {
	if tenant != "acme" || agentID != "sales" {
		return registry.Profile{}, errors.New("another agent")
	}
	return p.p, p.err
}

// The store fails, or holds what can't be read: faults of ours, and no reason to begin anew.
func TestStoreFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	broken := errors.New("throttled")
	w.store.fail = broken
	if _, err := w.delivery().Key(t.Context(), "k1"); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	if _, err := w.Show(t.Context(), w.sender); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	if _, err := w.Pin(t.Context(), w.sender, w.origin()+jwksPath); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	w.wantCount("refreshed", 0) // what is not stored has not been
	w.store.fail = nil
	d := w.Open(w.sender, store.Document{Version: 3, Body: []byte(`{"keys":`)})
	if _, err := d.Key(t.Context(), "k1"); err == nil || verdict("", err) != err.Error() {
		t.Errorf("got %v", err)
	}
	if err := d.Check(t.Context(), "k1"); err == nil || verdict("", err) != err.Error() {
		t.Errorf("got %v", err)
	}
	v, err := w.Show(t.Context(), w.sender)
	if b, _ := json.Marshal(v); err != nil || string(b) != `{"keys":[],"revocation":{"state":"unknown","revoked":0}}` {
		t.Errorf("of nobody: %s, %v", b, err)
	}
}

// Whoever deletes the document begins anew, at the next refresh at the latest.
func TestDeletedDocument(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.want("k1", "k1")
	w.store.mu.Lock()
	clear(w.store.docs)
	w.store.mu.Unlock()
	w.pass(freshFor)
	w.look("k1")
	w.want("k1", "k1")
	if w.doc().Version != 1 {
		t.Errorf("version %d", w.doc().Version)
	}
}

// One asks, the others of the process wait for what it finds; no lock is held meanwhile.
func TestOneRefreshAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	gate := make(chan struct{})
	w.put(brandPath, page{status: http.StatusOK, body: w.brand(""), wait: gate})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if k, err := w.delivery().Key(t.Context(), "k1"); err != nil || k.KID != "k1" {
				t.Error(k, err)
			}
		})
	}
	all.Go(func() { // another sender is not held up
		defer close(gate)
		other := w.sender
		other.ID, other.BrandURL = "other", w.origin()+"/brand.json"
		w.set("/brand.json", w.brand(""))
		if k, err := w.Open(other, store.Document{}).Key(t.Context(), "k1"); err != nil || k.KID != "k1" {
			t.Error(k, err)
		}
	})
	all.Wait()
	w.wantHits(map[string]int{brandPath: 1, jwksPath: 2, listPath: 2, "/brand.json": 1})

	// A caller who goes while it waits for another's turn, or for an answer, says nothing of the sender.
	arrived := make(chan struct{})
	w.put(brandPath, page{status: http.StatusOK, wait: make(chan struct{}), arrived: arrived})
	w.pass(freshFor)
	ctx, cancel := context.WithCancel(t.Context())
	all.Go(func() {
		if _, err := w.delivery().Key(ctx, "k1"); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	all.Go(func() {
		if _, err := w.delivery().Key(ctx, "k1"); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	<-arrived
	cancel()
	all.Wait()
	if w.state().Failure != "" {
		t.Error("stored as the sender's failure")
	}
}

// A host that swallows requests costs what the caller has, less what it takes to write that down.
func TestSlowHost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.want("k1", "k1")
	w.put(jwksPath, page{status: http.StatusOK, wait: make(chan struct{})})
	w.pass(freshFor)
	ctx, cancel := context.WithTimeout(t.Context(), storeReserve+50*time.Millisecond)
	defer cancel()
	d := w.Open(w.sender, w.doc())
	if k, err := d.Key(ctx, "k1"); err != nil || k.KID != "k1" {
		t.Fatal(k, err)
	}
	if st := w.state(); st.Failure != jwksUnreachable {
		t.Errorf("failure %q", st.Failure)
	}
	if d.spent == 0 {
		t.Error("the waiting wasn't counted")
	}
	if got := budget(t.Context(), -time.Second); got != 0 {
		t.Errorf("budget %v", got)
	}
}

// Rings are kept parsed for so many senders, and no more.
func TestKeptRingsAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.want("k1", "k1")
	for i := range 3 * maxKept {
		s := w.sender
		s.ID = fmt.Sprint(i)
		if _, err := w.Open(s, w.doc()).Key(t.Context(), "k1"); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(w.kept); n > maxKept {
		t.Errorf("%d kept", n)
	}
}
