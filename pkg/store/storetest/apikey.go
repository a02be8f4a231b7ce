package storetest

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
)

// newKey is the change that makes a key with a secret and an Idempotency-Key of its own.
func (s *suite) newKey(id string, at time.Time) apikey.Change {
	r := apikey.Record{Tenant: s.tenant, ID: id, Name: "ci", Scopes: []string{"a", "b"}, CreatedAt: at,
		CreatedBy: operation.Actor{Type: operation.ActorAPIKey, ID: "key_0"}, ExpiresAt: at.Add(time.Hour),
		Secrets: []apikey.Secret{{Hash: "h-" + id, CreatedAt: at}}, Version: 1}
	k := apikey.Key{Tenant: s.tenant, Hash: "h-" + id, ID: id, Name: "ci", Scopes: r.Scopes, CreatedAt: at,
		ExpiresAt: r.ExpiresAt}
	return apikey.Change{Tenant: s.tenant, Record: r, Secrets: []apikey.Key{k},
		Admins:  apikey.Admins{Keys: []apikey.Admin{{ID: id}}, Version: 1},
		Request: apikey.Request{Hash: "r-" + id, KeyID: id, Fingerprint: "f", ExpiresAt: at.Add(time.Hour)}}
}

func apiKeysSurvive(t *testing.T, s *suite) {
	c := s.newKey("key_1", Start)
	must(t, s.ChangeKeys(t.Context(), c))
	k, err := s.Key(t.Context(), s.tenant, "h-key_1")
	must(t, err)
	if !reflect.DeepEqual(k, c.Secrets[0]) {
		t.Errorf("got %+v, want %+v", k, c.Secrets[0])
	}
	r, err := s.KeyRecord(t.Context(), s.tenant, "key_1")
	must(t, err)
	if !reflect.DeepEqual(r, c.Record) {
		t.Errorf("got %+v, want %+v", r, c.Record)
	}
	a, err := s.KeyAdmins(t.Context(), s.tenant)
	must(t, err)
	if !reflect.DeepEqual(a, c.Admins) {
		t.Errorf("got %+v, want %+v", a, c.Admins)
	}
	q, err := s.KeyRequest(t.Context(), s.tenant, "r-key_1")
	must(t, err)
	if q.KeyID != "key_1" || q.Fingerprint != "f" {
		t.Errorf("got %+v", q)
	}
	for _, tenant := range []string{s.tenant + "x", ""} {
		_, err = s.Key(t.Context(), tenant, "h-key_1")
		want(t, err, store.ErrNotFound)
		_, err = s.KeyRecord(t.Context(), tenant, "key_1")
		want(t, err, store.ErrNotFound)
		_, err = s.KeyRequest(t.Context(), tenant, "r-key_1")
		want(t, err, store.ErrNotFound)
	}
	if a, err := s.KeyAdmins(t.Context(), s.tenant+"x"); err != nil || len(a.Keys) != 0 || a.Version != 0 {
		t.Errorf("a tenant without keys has %+v, %v", a, err)
	}
}

func isStaleOrTaken(err error) bool { return isStale(err) || isKeyTaken(err) }

// Of two changes that were decided on the same state, one is stored and nothing of the other.
func apiKeysChangeAsAWhole(t *testing.T, s *suite) {
	for i := range 2 {
		c := s.newKey(fmt.Sprint("key_", i), Start)
		c.Admins = apikey.Admins{Keys: []apikey.Admin{{ID: "key_0"}, {ID: "key_1"}}, Version: int64(i + 1)}
		must(t, s.ChangeKeys(t.Context(), c))
	}
	// Each of them makes its own key the last one.
	stored := race(t, 2, func(i int) error {
		c := s.newKey(fmt.Sprint("key_", i), Start)
		c.Record.Version, c.Record.RevokedAt, c.Secrets[0].RevokedAt = 2, Start, Start
		c.Admins = apikey.Admins{Keys: []apikey.Admin{{ID: fmt.Sprint("key_", 1-i)}}, Version: 3}
		c.Request = apikey.Request{}
		return s.ChangeKeys(background, c)
	}, isStale)
	if stored != 1 {
		t.Fatalf("%d changes of one state", stored)
	}
	revoked := 0
	for i := range 2 {
		r, err := s.KeyRecord(t.Context(), s.tenant, fmt.Sprint("key_", i))
		must(t, err)
		k, err := s.Key(t.Context(), s.tenant, fmt.Sprint("h-key_", i))
		must(t, err)
		if r.RevokedAt.IsZero() != k.RevokedAt.IsZero() {
			t.Errorf("half of a change is stored: %+v, %+v", r, k)
		}
		if !r.RevokedAt.IsZero() {
			revoked++
		}
	}
	if revoked != 1 {
		t.Errorf("%d keys are revoked", revoked)
	}
	// One Idempotency-Key makes one key.
	stored = race(t, 8, func(i int) error {
		c := s.newKey(fmt.Sprint("key_n", i), Start)
		c.Admins, c.Request.Hash = apikey.Admins{}, "same"
		return s.ChangeKeys(background, c)
	}, isStaleOrTaken)
	if stored != 1 {
		t.Errorf("%d keys of one request", stored)
	}
}

func apiKeysAreListed(t *testing.T, s *suite) {
	for i := range 7 {
		c := s.newKey(fmt.Sprint("key_", i), Start.Add(time.Duration(i)*time.Second))
		c.Admins = apikey.Admins{}
		must(t, s.ChangeKeys(t.Context(), c))
	}
	var seen []string
	for after, pages := "", 0; ; pages++ {
		page, next, err := s.KeyRecords(t.Context(), s.tenant, after, 3)
		must(t, err)
		if len(page) > 3 || pages > 3 {
			t.Fatalf("page %d has %d keys", pages, len(page))
		}
		for _, r := range page {
			seen = append(seen, r.ID)
		}
		if after = next; next == "" {
			break
		}
	}
	if fmt.Sprint(seen) != "[key_6 key_5 key_4 key_3 key_2 key_1 key_0]" {
		t.Errorf("listed %v", seen)
	}
	if page, next, err := s.KeyRecords(t.Context(), s.tenant+"x", "", 3); err != nil || len(page) > 0 || next != "" {
		t.Errorf("another tenant sees %v, %q, %v", page, next, err)
	}
}

// The use of a secret is noted to the hour, and a change of the key leaves it.
func useOfAPIKeysIsNoted(t *testing.T, s *suite) {
	c := s.newKey("key_1", Start)
	must(t, s.ChangeKeys(t.Context(), c))
	used := func() time.Time {
		r, err := s.KeyRecord(t.Context(), s.tenant, "key_1")
		must(t, err)
		k, err := s.Key(t.Context(), s.tenant, "h-key_1")
		must(t, err)
		if !k.UsedAt.Equal(r.LastUsedAt) {
			t.Errorf("the record has %v, the secret %v", r.LastUsedAt, k.UsedAt)
		}
		return r.LastUsedAt
	}
	for _, step := range []struct{ at, want time.Duration }{
		{time.Minute, time.Minute}, {time.Hour, time.Minute}, {61 * time.Minute, 61 * time.Minute}, {0, 61 * time.Minute},
	} {
		must(t, s.Touch(t.Context(), s.tenant, "h-key_1", Start.Add(step.at)))
		if got := used(); !got.Equal(Start.Add(step.want)) {
			t.Errorf("touched after %v: last used %v", step.at, got)
		}
	}
	c.Record.Version, c.Admins, c.Request = 2, apikey.Admins{}, apikey.Request{}
	must(t, s.ChangeKeys(t.Context(), c))
	if got := used(); !got.Equal(Start.Add(61 * time.Minute)) {
		t.Errorf("after a change: last used %v", got)
	}
	must(t, s.Touch(t.Context(), s.tenant, "nobody's", Start))
	if _, err := s.Key(t.Context(), s.tenant, "nobody's"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a touch has made a key: %v", err)
	}
}

func keyRequestsExpire(t *testing.T, s *suite) {
	must(t, s.ChangeKeys(t.Context(), s.newKey("key_1", Start)))
	s.at.Store(Start.Add(2 * time.Hour).UnixNano())
	_, err := s.KeyRequest(t.Context(), s.tenant, "r-key_1")
	want(t, err, store.ErrNotFound)
	c := s.newKey("key_2", Start.Add(2*time.Hour))
	c.Admins, c.Request.Hash = apikey.Admins{}, "r-key_1"
	must(t, s.ChangeKeys(t.Context(), c))
}
