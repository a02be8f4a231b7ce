package storetest

import (
	"fmt"
	"testing"

	"adcp-orchestrator/pkg/store"
)

func keyringsAreVersioned(t *testing.T, s *suite) {
	put := func(version int64, body string) error {
		return s.PutKeyring(background, s.tenant, sender, store.Document{Version: version, Body: []byte(body)})
	}
	want(t, put(2, "too early"), store.ErrStale)
	if stored := race(t, 8, func(i int) error { return put(1, fmt.Sprint(i)) }, isStale); stored != 1 {
		t.Fatalf("%d first versions", stored)
	}
	must(t, put(2, "second"))
	want(t, put(2, "again"), store.ErrStale)
	want(t, put(1, "again"), store.ErrStale)
	got, err := s.Keyring(t.Context(), s.tenant, sender)
	must(t, err)
	if got.Version != 2 || string(got.Body) != "second" {
		t.Errorf("got %+v", got)
	}
	got.Body[0] = 'X' // must not reach the store
	if back := s.load(t, "op_1", s.nonce("n1"), 0).Keyring; back.Version != 2 || string(back.Body) != "second" {
		t.Errorf("got %+v", back)
	}
	must(t, put(3, ""))
	if got, err = s.Keyring(t.Context(), s.tenant, sender); err != nil || got.Version != 3 || len(got.Body) != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
	_, err = s.Keyring(t.Context(), s.tenant+"x", sender)
	want(t, err, store.ErrNotFound)
	_, err = s.Keyring(t.Context(), s.tenant, otherSender)
	want(t, err, store.ErrNotFound)
}
