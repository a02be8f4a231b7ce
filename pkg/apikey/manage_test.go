package apikey_test

import (
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/memory"
	"adcp-orchestrator/pkg/validation"
)

// world is a tenant acme with a key that has every scope, at a time that the test moves.
type world struct {
	*testing.T
	store *memory.Store
	keys  apikey.Manager
	at    time.Time
	first string // the key
	admin apikey.Principal
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, at: now}
	w.store = memory.New(func() time.Time { return w.at })
	w.keys = apikey.Manager{Store: w.store, Now: func() time.Time { return w.at }, Random: rand.Reader}
	var err error
	if w.first, err = apikey.Issue(t.Context(), w.store, rand.Reader, now, "acme", "first", apikey.Scopes()); err != nil {
		t.Fatal(err)
	}
	w.admin = w.principal(w.first)
	return w
}

func (w *world) principal(key string) apikey.Principal {
	w.Helper()
	k, err := apikey.Authorize(w.Context(), w.store, key, w.at)
	if err != nil {
		w.Fatal(err)
	}
	return k.Principal()
}

func (w *world) works(key string) bool {
	_, err := apikey.Authorize(w.Context(), w.store, key, w.at)
	return err == nil
}

func (w *world) create(scopes ...string) apikey.Issued {
	w.Helper()
	issued, err := w.keys.Create(w.Context(), w.admin, operation.Actor{ID: w.admin.KeyID}, "",
		apikey.NewKey{Name: "n", Scopes: scopes})
	if err != nil {
		w.Fatal(err)
	}
	return issued
}

func always(apikey.Record) error { return nil }

func TestAKeyMakesNoKeyWithMoreScopesThanItHas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	weak := w.principal(w.create(apikey.ScopeKeysWrite, apikey.ScopeOperationsRead).Secret)
	strong := w.create(apikey.ScopeOperationsWrite)
	var missing *apikey.ScopesError
	_, err := w.keys.Create(t.Context(), weak, operation.Actor{}, "", apikey.NewKey{Name: "n",
		Scopes: []string{apikey.ScopeOperationsRead, apikey.ScopeOperationsWrite}})
	if !errors.As(err, &missing) || !slices.Equal(missing.Missing, []string{apikey.ScopeOperationsWrite}) {
		t.Errorf("made a stronger key: %v", err)
	}
	if _, err := w.keys.Roll(t.Context(), weak, "", strong.Record.ID, 0, always); !errors.As(err, &missing) {
		t.Errorf("got the secret of a stronger key: %v", err)
	}
	if !w.works(strong.Secret) {
		t.Error("a refused roll has changed the key")
	}
}

func TestAKeyThatEndsMakesNoKeyThatOutlivesIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	by := w.admin
	by.KeyExpiresAt = now.Add(time.Hour)
	for _, ends := range []time.Time{{}, now.Add(2 * time.Hour), now} {
		_, err := w.keys.Create(t.Context(), by, operation.Actor{}, "", apikey.NewKey{Name: "n",
			Scopes: apikey.DefaultScopes(), ExpiresAt: ends})
		var invalid *validation.Error
		if !errors.As(err, &invalid) || invalid.Fields[0].Field != "expires_at" {
			t.Errorf("%v: %v", ends, err)
		}
	}
	_, err := w.keys.Create(t.Context(), by, operation.Actor{}, "", apikey.NewKey{Name: "n",
		Scopes: apikey.DefaultScopes(), ExpiresAt: now.Add(time.Hour)})
	if err != nil {
		t.Error(err)
	}
}

func TestRollKeepsTheOldSecretForTheOverlap(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.create(apikey.ScopeAgentsRead)
	id := a.Record.ID
	b, err := w.keys.Roll(t.Context(), w.admin, "", id, time.Hour, always)
	if err != nil || b.Record.ID != id || b.Secret == a.Secret || b.Secret == "" {
		t.Fatalf("got %+v, %v", b, err)
	}
	if p := w.principal(b.Secret); p.KeyID != id || !p.May(apikey.ScopeAgentsRead) || p.May(apikey.ScopeAgentsWrite) {
		t.Errorf("the new secret is %+v", p)
	}
	// The answer was lost, and the client rolls again: the secret in use keeps its overlap.
	w.at = now.Add(time.Minute)
	c, err := w.keys.Roll(t.Context(), w.admin, "", id, time.Hour, always)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		at      time.Duration
		a, b, c bool
	}{
		{time.Minute, true, true, true}, {time.Hour - 1, true, true, true}, {time.Hour, false, true, true},
		{61 * time.Minute, false, false, true}, {1000 * time.Hour, false, false, true},
	} {
		w.at = now.Add(step.at)
		if w.works(a.Secret) != step.a || w.works(b.Secret) != step.b || w.works(c.Secret) != step.c {
			t.Errorf("after %v: %v, %v, %v", step.at, w.works(a.Secret), w.works(b.Secret), w.works(c.Secret))
		}
	}
	d, err := w.keys.Roll(t.Context(), w.admin, "", id, 0, always)
	if err != nil || w.works(c.Secret) || !w.works(d.Secret) {
		t.Errorf("a roll without overlap: %v", err)
	}
	if _, err := w.keys.Roll(t.Context(), w.admin, "", "key_none", 0, always); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestSecretsInForceAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.create(apikey.ScopeAgentsRead).Record.ID
	rolls := 0
	var err error
	for ; err == nil && rolls < 100; rolls++ {
		_, err = w.keys.Roll(t.Context(), w.admin, "", id, time.Hour, always)
	}
	if !errors.Is(err, apikey.ErrTooManySecrets) {
		t.Fatalf("after %d rolls: %v", rolls, err)
	}
	w.at = now.Add(2 * time.Hour)
	if _, err := w.keys.Roll(t.Context(), w.admin, "", id, 0, always); err != nil {
		t.Errorf("after the overlaps: %v", err)
	}
}

func TestRevokedKeyEndsWithAllItsSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.create(apikey.ScopeAgentsRead)
	b, err := w.keys.Roll(t.Context(), w.admin, "", a.Record.ID, time.Hour, always)
	if err != nil {
		t.Fatal(err)
	}
	first, err := w.keys.Revoke(t.Context(), "acme", operation.Actor{ID: "me"}, a.Record.ID, always)
	if err != nil || w.works(a.Secret) || w.works(b.Secret) || first.State(w.at) != apikey.Revoked {
		t.Errorf("got %+v, %v", first, err)
	}
	w.at = now.Add(time.Hour)
	again, err := w.keys.Revoke(t.Context(), "acme", operation.Actor{ID: "another"}, a.Record.ID, always)
	if err != nil || !again.RevokedAt.Equal(now) || again.RevokedBy.ID != "me" {
		t.Errorf("a repetition: %+v, %v", again, err)
	}
	var ended *apikey.EndedError
	if _, err := w.keys.Roll(t.Context(), w.admin, "", a.Record.ID, 0, always); !errors.As(err, &ended) {
		t.Errorf("a revoked key was rolled: %v", err)
	}
	_, err = w.keys.Revoke(t.Context(), "other", operation.Actor{}, a.Record.ID, always)
	if !errors.Is(err, store.ErrNotFound) {
		t.Errorf("another tenant: %v", err)
	}
}

// Whoever is left can make keys: of two who delete each other's at once, one is refused.
func TestLastAdminKeyStays(t *testing.T) {
	t.Parallel()
	for range 50 {
		w := newWorld(t)
		ids := []string{w.admin.KeyID, w.create(apikey.ScopeKeysWrite).Record.ID}
		w.create(apikey.ScopeOperationsRead)
		var wg sync.WaitGroup
		errs := make([]error, 2)
		for i := range 2 {
			wg.Go(func() { _, errs[i] = w.keys.Revoke(t.Context(), "acme", operation.Actor{}, ids[i], always) })
		}
		wg.Wait()
		refused := 0
		for _, err := range errs {
			if errors.Is(err, apikey.ErrLastAdmin) {
				refused++
			} else if err != nil {
				t.Error(err)
			}
		}
		if refused != 1 {
			t.Fatalf("%d of two deletions were refused: %v", refused, errs)
		}
	}
}

// A key that has expired makes no keys, so it does not count; itself it can be deleted.
func TestExpiredAdminKeyDoesNotCount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ends, err := w.keys.Create(t.Context(), w.admin, operation.Actor{}, "",
		apikey.NewKey{Name: "n", Scopes: []string{apikey.ScopeKeysWrite}, ExpiresAt: now.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	w.at = now.Add(time.Hour)
	_, err = w.keys.Revoke(t.Context(), "acme", operation.Actor{}, w.admin.KeyID, always)
	if !errors.Is(err, apikey.ErrLastAdmin) {
		t.Errorf("only an expired key is left: %v", err)
	}
	if _, err := w.keys.Revoke(t.Context(), "acme", operation.Actor{}, ends.Record.ID, always); err != nil {
		t.Errorf("the expired key: %v", err)
	}
}

// One Idempotency-Key makes one key, whose secret is shown once; at once and later.
func TestRepetitionShowsTheKeyWithoutItsSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := apikey.NewKey{Name: "n", Scopes: apikey.DefaultScopes()}
	var wg sync.WaitGroup
	all := make([]apikey.Issued, 8)
	for i := range all {
		wg.Go(func() {
			var err error
			if all[i], err = w.keys.Create(t.Context(), w.admin, operation.Actor{}, "r", n); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	shown := 0
	for _, i := range all {
		if i.Secret != "" {
			shown++
		}
		if i.Record.ID == "" || i.Record.ID != all[0].Record.ID {
			t.Errorf("got %+v", i.Record)
		}
	}
	if shown != 1 {
		t.Errorf("%d secrets were shown", shown)
	}
	n.Name = "another"
	_, err := w.keys.Create(t.Context(), w.admin, operation.Actor{}, "r", n)
	if !errors.Is(err, apikey.ErrRequestDiffers) {
		t.Errorf("got %v", err)
	}
	_, err = w.keys.Roll(t.Context(), w.admin, "r", all[0].Record.ID, 0, always)
	if !errors.Is(err, apikey.ErrRequestDiffers) {
		t.Errorf("got %v", err)
	}
	w.at = now.Add(apikey.RequestsFor + time.Minute)
	late, err := w.keys.Create(t.Context(), w.admin, operation.Actor{}, "r", n)
	if err != nil || late.Record.ID == all[0].Record.ID {
		t.Errorf("after a day: %+v, %v", late, err)
	}
}

func TestNewKeysAreChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.keys.Create(t.Context(), w.admin, operation.Actor{}, "", apikey.NewKey{Name: "a\u202eb",
		Scopes: []string{"operations:raed", "keys:write", "keys:write"}, ExpiresAt: now})
	var invalid *validation.Error
	if !errors.As(err, &invalid) {
		t.Fatal(err)
	}
	var got []string
	for _, f := range invalid.Fields {
		got = append(got, f.Field)
	}
	if !slices.Equal(got, []string{"name", "scopes[0]", "scopes[2]", "expires_at"}) ||
		!strings.Contains(invalid.Fields[1].Remedy, "write operations:read,") {
		t.Errorf("got %+v", invalid.Fields)
	}
}
