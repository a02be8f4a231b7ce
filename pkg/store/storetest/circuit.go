package storetest

import (
	"adcp-orchestrator/pkg/store"
	"errors"
	"strconv"
	"testing"
)

func isStale(err error) bool { return errors.Is(err, store.ErrStale) }

func circuitsAreVersioned(t *testing.T, s *suite) {
	put := func(version int64, body string) error {
		return s.PutCircuit(background, s.tenant, "seller", store.Document{Version: version, Body: []byte(body)})
	}
	_, err := s.Circuit(t.Context(), s.tenant, "seller")
	want(t, err, store.ErrNotFound)
	want(t, put(2, "too early"), store.ErrStale)
	if won := race(t, 8, func(int) error { return put(1, "0") }, isStale); won != 1 {
		t.Fatalf("%d first versions", won)
	}
	want(t, put(1, "again"), store.ErrStale)
	// Many take from one number at once, each by reading, counting and writing again until it is not stale: nothing is counted twice or lost.
	const writers, times = 8, 4
	won := race(t, writers, func(int) error {
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
	}, func(error) bool { return false })
	got, err := s.Circuit(t.Context(), s.tenant, "seller")
	must(t, err)
	if won != writers || got.Version != 1+writers*times || string(got.Body) != strconv.Itoa(writers*times) {
		t.Errorf("%d writers made %+v", won, got)
	}
	got.Body[0] = 'X'
	if back, err := s.Circuit(t.Context(), s.tenant, "seller"); err != nil || string(back.Body) != strconv.Itoa(writers*times) {
		t.Errorf("got %+v, %v", back, err)
	}
	_, err = s.Circuit(t.Context(), s.tenant+"x", "seller")
	want(t, err, store.ErrNotFound)
	_, err = s.Circuit(t.Context(), s.tenant, "another")
	want(t, err, store.ErrNotFound)
	// It stands beside the agent's own documents and is none of them.
	_, err = s.Agent(t.Context(), s.tenant, "seller")
	want(t, err, store.ErrNotFound)
	_, err = s.Profile(t.Context(), s.tenant, "seller")
	want(t, err, store.ErrNotFound)
}
