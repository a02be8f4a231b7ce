package keyring

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/httpsig"
	"adcp-orchestrator/pkg/store"
)

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.wantKey("k1", "k1")
	for i := range 3 * maxCached {
		s := h.sender
		s.ID = fmt.Sprint(i)
		if _, err := h.Open(s, h.document()).Key(t.Context(), "k1"); err != nil {
			t.Fatal(err)
		}
	}
	if n, _ := h.cache.Size(); n != maxCached || len(h.turns) != 0 {
		t.Errorf("%d cached, %d turns", n, len(h.turns))
	}
}

// largest returns the largest document that a sender can make us store.
func largest(tb testing.TB, sender int) store.Document {
	tb.Helper()
	st := state{FetchedAt: start, Since: start, List: list{Updated: start, NextUpdate: start}}
	id := func(kind string, n int) string { return fmt.Sprintf("%s-%06d-%06d", kind, sender, n) }
	for n := range maxKeys {
		member := strings.Repeat("m", maxMember)
		st.Keys = append(st.Keys, httpsig.JWK{KID: id(strings.Repeat("k", maxKeyID-14), n), KeyType: member, Curve: member,
			Alg: member, Use: member, KeyOps: []string{"verify"}, AdCPUse: member, X: member, Y: member})
	}
	for n := range maxSeen {
		st.Seen = append(st.Seen, admission{KID: id("ad", n), At: start.Unix()})
	}
	for n := range maxList / 16 {
		st.List.Revoked = append(st.List.Revoked, id("", n))
	}
	body, err := st.encode()
	if err != nil {
		tb.Fatal(err)
	}
	return store.Document{Version: 1, Body: body}
}

// The key sets of one tenant's senders would fill the memory that the webhook function shares among
// tenants.
func TestKeySetsOfOneTenantDoNotFillTheMemory(t *testing.T) { // not parallel: it measures the heap
	heap := func() int {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc) //nolint:gosec // far below
	}
	s := &Source{Now: func() time.Time { return start }}
	other := Sender{Tenant: "other", ID: "sender"}
	st := state{Keys: []httpsig.JWK{{KID: "k1"}}, FetchedAt: start}
	body, err := st.encode()
	if err != nil {
		t.Fatal(err)
	}
	s.Open(other, store.Document{Version: 1, Body: body})
	before := heap()
	for n := range 60 {
		k := s.Open(Sender{Tenant: "acme", ID: fmt.Sprint(n)}, largest(t, n))
		if k.readErr != nil {
			t.Fatal(k.readErr)
		}
	}
	grown := heap() - before
	if n, bytes := s.cache.Size(); grown > 3*maxCachedBytes/2 || n < 2 {
		t.Errorf("%d senders are cached: %d bytes counted, %d on the heap", n, bytes, grown)
	}
	t.Logf("%d MB on the heap", grown>>20)
	if s.cached(other) == nil {
		t.Error("the other tenant's keys are gone")
	}
}

// A store that fails and a malformed document are our own faults, and no reason to begin again.
func TestStoreFails(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	broken := errors.New("throttled")
	h.store.fail = broken
	if _, err := h.delivery().Key(t.Context(), "k1"); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	if _, err := h.Show(t.Context(), h.sender); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	if _, err := h.Pin(t.Context(), h.sender, h.agentOrigin()+jwksPath); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	h.wantCount("refreshed", 0) // what is not stored is not reported
	h.store.fail = nil
	d := h.Open(h.sender, store.Document{Version: 3, Body: []byte(`{"keys":`)})
	if _, err := d.Key(t.Context(), "k1"); err == nil || verdict("", err) != err.Error() {
		t.Errorf("got %v", err)
	}
	if err := d.Check(t.Context(), "k1"); err == nil || verdict("", err) != err.Error() {
		t.Errorf("got %v", err)
	}
	v, err := h.Show(t.Context(), h.sender)
	if b, _ := json.Marshal(v); err != nil || string(b) != `{"keys":[],"revocation":{"state":"unknown","revoked":0}}` {
		t.Errorf("view of an unknown sender: %s, %v", b, err)
	}
}

// Somebody who deletes the document begins again, at the next refresh at the latest.
func TestDeletedDocumentBeginsAgain(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.wantKey("k1", "k1")
	h.store.mu.Lock()
	clear(h.store.docs)
	h.store.mu.Unlock()
	h.advance(freshFor)
	h.keyVerdict("k1")
	h.wantKey("k1", "k1")
	if h.document().Version != 1 {
		t.Errorf("version %d", h.document().Version)
	}
}
