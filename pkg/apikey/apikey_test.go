package apikey_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/store/memory"
	"adcp-orchestrator/pkg/validation"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

// random yields enough bytes for several keys.
func random() io.Reader { return bytes.NewReader(bytes.Repeat([]byte("x"), 64)) }

func TestIssuedKeyAuthorizesItsTenant(t *testing.T) {
	t.Parallel()
	s := memory.New(clock)
	scopes := []string{apikey.ScopeOperationsRead}
	key, err := apikey.Issue(t.Context(), s, random(), now, "acme", "test", scopes)
	if err != nil {
		t.Fatal(err)
	}
	k, err := apikey.Authorize(t.Context(), s, key, now)
	p := k.Principal()
	if err != nil || p.Tenant != "acme" || !p.May(apikey.ScopeOperationsRead) || p.May(apikey.ScopeOperationsWrite) {
		t.Errorf("got %+v, %v", p, err)
	}
	stored, err := s.Key(t.Context(), "acme", hash(key))
	derived := strings.HasPrefix(stored.Hash, strings.TrimPrefix(p.KeyID, "key_"))
	if err != nil || strings.Contains(stored.Hash, key) || derived {
		t.Errorf("got %+v, %v", stored, err)
	}
	expired := stored
	expired.ExpiresAt = now
	if err := s.ChangeKeys(t.Context(), apikey.Change{Tenant: "acme", Secrets: []apikey.Key{expired}}); err != nil {
		t.Fatal(err)
	}
	otherTenant := "adcp_other" + key[len("adcp_acme"):]
	for _, bad := range []string{"", "x", key + "x", otherTenant, key} {
		if _, err := apikey.Authorize(t.Context(), s, bad, now); !errors.Is(err, apikey.ErrUnauthorized) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// A key that was stored before keys had ids is one item, which has no id.
func TestKeyOfBeforeIDsGoesOnWorking(t *testing.T) {
	t.Parallel()
	s := memory.New(clock)
	key := "adcp_acme_" + strings.Repeat("k", 43)
	old := apikey.Key{Tenant: "acme", Hash: hash(key), Name: "ci", Scopes: []string{apikey.ScopeOperationsWrite},
		CreatedAt: now}
	if err := s.ChangeKeys(t.Context(), apikey.Change{Tenant: "acme", Secrets: []apikey.Key{old}}); err != nil {
		t.Fatal(err)
	}
	k, err := apikey.Authorize(t.Context(), s, key, now)
	if p := k.Principal(); err != nil || p.KeyID != hash(key)[:12] || p.KeyName != "ci" ||
		!p.May(apikey.ScopeOperationsWrite) {
		t.Errorf("got %+v, %v", p, err)
	}
}

func TestIssueNamesEveryWrongArgument(t *testing.T) {
	t.Parallel()
	name := strings.Repeat("x", 129)
	_, err := apikey.Issue(t.Context(), memory.New(clock), random(), now, "Acme Inc", name, []string{"everything"})
	var invalid *validation.Error
	if !errors.As(err, &invalid) {
		t.Fatal(err)
	}
	var names []string
	for _, f := range invalid.Fields {
		names = append(names, f.Field)
		if f.Code != validation.InvalidValue || !strings.HasPrefix(f.Rule, "must ") || f.Remedy == "" {
			t.Errorf("got %+v", f)
		}
	}
	slices.Sort(names)
	if !slices.Equal(names, []string{"name", "scopes[0]", "tenant"}) {
		t.Errorf("got %v", names)
	}
}

// hash is what the store keeps of a key, computed here a second time.
func hash(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}
