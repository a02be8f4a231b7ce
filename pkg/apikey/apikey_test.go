package apikey_test

import (
	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/store/memory"
	"adcp-orchestrator/pkg/validation"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

func fields(t *testing.T, err error) []string {
	t.Helper()
	var invalid *validation.Error
	if err != nil && !errors.As(err, &invalid) {
		t.Fatal(err)
	}
	var names []string
	if invalid != nil {
		for _, f := range invalid.Fields {
			names = append(names, f.Field)
		}
	}
	slices.Sort(names)
	return names
}

func TestKeys(t *testing.T) {
	t.Parallel()
	s := memory.New(clock)
	random := bytes.NewReader(bytes.Repeat([]byte("x"), 64))
	key, err := apikey.Issue(t.Context(), s, random, now, "acme", "test", []string{apikey.ScopeOperationsRead})
	if err != nil {
		t.Fatal(err)
	}
	p, err := apikey.Authorize(t.Context(), s, key, now)
	if err != nil || p.Tenant != "acme" || !p.May(apikey.ScopeOperationsRead) || p.May(apikey.ScopeOperationsWrite) {
		t.Errorf("got %+v, %v", p, err)
	}
	stored, err := s.Key(t.Context(), "acme", keyHash(t, key))
	if err != nil || strings.Contains(stored.Hash, key) {
		t.Errorf("got %+v, %v", stored, err)
	}
	expired := stored
	expired.ExpiresAt = now
	if err := s.PutKey(t.Context(), expired); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "x", key + "x", "adcp_other" + key[len("adcp_acme"):], key} {
		if _, err := apikey.Authorize(t.Context(), s, bad, now); !errors.Is(err, apikey.ErrUnauthorized) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	_, err = apikey.Issue(t.Context(), s, random, now, "Acme Inc", "test", []string{"everything"})
	if got := fields(t, err); !slices.Equal(got, []string{"scopes", "tenant"}) {
		t.Errorf("got %v", got)
	}
}

// keyHash is what the store keeps of a key, computed here a second time.
func keyHash(t *testing.T, key string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}
