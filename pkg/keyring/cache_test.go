package keyring

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

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
	if n := len(h.cache); n > maxCached {
		t.Errorf("%d cached", n)
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
