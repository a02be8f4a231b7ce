package keyring

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"adcp-orchestrator/pkg/store"
)

// Two functions refresh at once: one version wins, and both continue with it.
func TestTwoFunctionsRefresh(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.wantKey("k1", "k1")
	h.advance(freshFor)
	doc, other := h.document(), h.otherFunction()
	h.store.mu.Lock()
	h.store.beforeCommit = func() { // the first function is between its fetch and its write
		if k, err := other.Open(h.sender, doc).Key(t.Context(), "k1"); err != nil || k.KID != "k1" {
			t.Error(k, err)
		}
	}
	h.store.mu.Unlock()
	k, err := h.Open(h.sender, doc).Key(t.Context(), "k1")
	if err != nil || k.KID != "k1" {
		t.Fatal(k, err)
	}
	if d := h.document(); d.Version != doc.Version+1 {
		t.Errorf("version %d after %d", d.Version, doc.Version)
	}
	h.wantCount("refreshed", 2) // the first refresh and the winner's
	h.wantKey("k1", "k1")

	// The other function's document is no evidence for this key: the delivery has to come again.
	h.advance(freshFor)
	doc = h.document()
	h.store.beforeCommit = func() { _, _ = other.Open(h.sender, doc).Key(t.Context(), "k1") }
	if _, err := h.Open(h.sender, doc).Key(t.Context(), "k7"); verdict("", err) != "503 keys_changing" {
		t.Errorf("got %v", err)
	}
	h.wantKey("k7", "unknown")
}

// A pin that meets a refresh is tried again. One that meets a refresh every time fails.
func TestPinMeetsRefresh(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.wantKey("k1", "k1")
	h.store.beforeCommit = func() {
		d := h.document()
		d.Version++
		if err := h.store.PutKeyring(t.Context(), "acme", "sender", d); err != nil {
			t.Error(err)
		}
	}
	if v, err := h.Pin(t.Context(), h.sender, h.agentOrigin()+jwksPath); err != nil || !v.PinnedAt.Equal(start) {
		t.Fatal(v, err)
	}
	if d := h.document(); d.Version != 3 {
		t.Errorf("version %d", d.Version)
	}
	h.Store = alwaysStale{h.store}
	if _, err := h.Pin(t.Context(), h.sender, h.agentOrigin()+jwksPath); !errors.Is(err, store.ErrStale) {
		t.Error(err)
	}
}

// One delivery fetches, and the others of the process wait for its result. No lock is held
// meanwhile.
func TestOneRefreshAtATime(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	gate := make(chan struct{})
	h.put(brandPath, page{status: http.StatusOK, body: h.brandJSON(""), wait: gate})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if k, err := h.delivery().Key(t.Context(), "k1"); err != nil || k.KID != "k1" {
				t.Error(k, err)
			}
		})
	}
	all.Go(func() { // another sender does not wait
		defer close(gate)
		other := h.sender
		other.ID, other.BrandURL = "other", h.agentOrigin()+"/brand.json"
		h.set("/brand.json", h.brandJSON(""))
		if k, err := h.Open(other, store.Document{}).Key(t.Context(), "k1"); err != nil || k.KID != "k1" {
			t.Error(k, err)
		}
	})
	all.Wait()
	h.wantRequests(map[string]int{brandPath: 1, jwksPath: 2, listPath: 2, "/brand.json": 1})
}

// A caller that goes while it waits for another's turn, or for an answer, says nothing about the
// sender.
func TestCanceledRefreshIsNotTheSendersFailure(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.wantKey("k1", "k1")
	arrived := make(chan struct{})
	h.put(brandPath, page{status: http.StatusOK, wait: make(chan struct{}), arrived: arrived})
	h.advance(freshFor)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			if _, err := h.delivery().Key(ctx, "k1"); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	<-arrived
	cancel()
	all.Wait()
	if h.state().Failure != "" {
		t.Error("stored as the sender's failure")
	}
	if len(h.turns) != 0 {
		t.Errorf("%d turns are left", len(h.turns))
	}
}

// A host that never answers costs the time that the caller has, less what storing that takes.
func TestSlowHostLeavesTimeToStore(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.wantKey("k1", "k1")
	h.put(jwksPath, page{status: http.StatusOK, wait: make(chan struct{})})
	h.advance(freshFor)
	ctx, cancel := context.WithTimeout(t.Context(), storeReserve+50*time.Millisecond)
	defer cancel()
	d := h.Open(h.sender, h.document())
	if k, err := d.Key(ctx, "k1"); err != nil || k.KID != "k1" {
		t.Fatal(k, err)
	}
	if st := h.state(); st.Failure != jwksUnreachable {
		t.Errorf("failure %q", st.Failure)
	}
	if d.waited == 0 {
		t.Error("the waiting was not counted")
	}
	if got := fetchBudget(t.Context(), -time.Second); got != 0 {
		t.Errorf("budget %v", got)
	}
}
