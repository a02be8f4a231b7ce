package storetest

import (
	"strconv"
	"testing"

	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
)

func circuitsAreVersioned(t *testing.T, s *suite) {
	put := func(version int64, body string) error {
		return s.PutCircuit(background, s.tenant, "seller", store.Document{Version: version, Body: []byte(body)})
	}
	_, err := s.Circuit(t.Context(), s.tenant, "seller")
	want(t, err, store.ErrNotFound)
	want(t, put(2, "too early"), store.ErrStale)
	if stored := race(t, 8, func(int) error { return put(1, "0") }, isStale); stored != 1 {
		t.Fatalf("%d first versions", stored)
	}
	want(t, put(1, "again"), store.ErrStale)
	// Many writers increment one number concurrently, each until its write is not stale: no increment
	// is lost or counted twice.
	const writers, times = 8, 4
	succeeded := race(t, writers, func(int) error {
		for done := 0; done < times; {
			d, err := s.Circuit(background, s.tenant, "seller")
			if err != nil {
				return err
			}
			n, err := strconv.Atoi(string(d.Body))
			if err != nil {
				return err
			}
			switch err := put(d.Version+1, strconv.Itoa(n+1)); {
			case err == nil:
				done++
			case !isStale(err):
				return err
			}
		}
		return nil
	}, noError)
	got, err := s.Circuit(t.Context(), s.tenant, "seller")
	must(t, err)
	if succeeded != writers || got.Version != 1+writers*times || string(got.Body) != strconv.Itoa(writers*times) {
		t.Errorf("%d writers made %+v", succeeded, got)
	}
	got.Body[0] = 'X' // must not reach the store
	back, err := s.Circuit(t.Context(), s.tenant, "seller")
	if err != nil || string(back.Body) != strconv.Itoa(writers*times) {
		t.Errorf("got %+v, %v", back, err)
	}
	_, err = s.Circuit(t.Context(), s.tenant+"x", "seller")
	want(t, err, store.ErrNotFound)
	_, err = s.Circuit(t.Context(), s.tenant, "another")
	want(t, err, store.ErrNotFound)
	// The agent's entry and profile are other records.
	_, err = s.Agent(t.Context(), s.tenant, "seller")
	want(t, err, store.ErrNotFound)
	_, err = s.Profile(t.Context(), s.tenant, "seller", registry.Endpoint{})
	want(t, err, store.ErrNotFound)
}
