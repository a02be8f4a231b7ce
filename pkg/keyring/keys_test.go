package keyring

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/httpsig"
)

// The first delivery fetches everything once. The next ones use neither the sender nor the store,
// in any function.
func TestOnlyTheFirstDeliveryFetches(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	d := h.delivery()
	k, err := d.Key(t.Context(), "k1")
	if err != nil || k.KID != "k1" || k.X != newKey("k1").X {
		t.Fatalf("got %+v, %v", k, err)
	}
	if err := d.Check(t.Context(), "k1"); err != nil {
		t.Fatal(err)
	}
	once := map[string]int{brandPath: 1, jwksPath: 1, listPath: 1}
	h.wantRequests(once)
	puts := h.store.puts
	h.advance(freshFor - time.Second)
	for _, s := range []*Source{h.Source, h.otherFunction()} {
		d := s.Open(h.sender, h.document())
		if k, err := d.Key(t.Context(), "k1"); err != nil || k.KID != "k1" {
			t.Fatal(k, err)
		}
		if err := d.Check(t.Context(), "k1"); err != nil {
			t.Fatal(err)
		}
	}
	h.wantRequests(once)
	if h.store.reads != 0 || h.store.puts != puts || puts != 1 {
		t.Errorf("%d reads and %d writes of the store, want none and 1", h.store.reads, h.store.puts)
	}
	h.advance(time.Second)
	h.wantKey("k1", "k1")
	h.wantRequests(map[string]int{brandPath: 2, jwksPath: 2, listPath: 1})
}

// The whole of contract F.5 with discovered keys.
func TestVerifierWithDiscoveredKeys(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	id := newKey("k1")
	verify := func() string { // a delivery that is signed now
		m := httpsig.Message{
			Method: http.MethodPost,
			URL:    "https://hooks.buyer.example/v1/webhooks/x",
			Host:   "hooks.buyer.example",
			Header: http.Header{"Content-Type": {"application/json"}},
			Body:   []byte(`{"a":1}`),
		}
		signed, err := httpsig.Sign(t.Context(), httpsig.WebhookProfile(), httpsig.Identity{Key: id.JWK, Signer: id}, m,
			httpsig.Stamp{Created: h.now(), Nonce: "KXYnfEfJ0PBRZXQyVXfVQA"})
		if err != nil {
			t.Fatal(err)
		}
		for name := range signed {
			m.Header.Set(name, signed.Get(name))
		}
		d := h.delivery()
		v := httpsig.Verifier{Profile: httpsig.WebhookProfile(), Keys: d, Revocation: d, Replay: noReplays{}}
		_, err = v.Verify(t.Context(), m, h.now())
		return verdict("verified", err)
	}
	if got := verify(); got != "verified" {
		t.Fatal(got)
	}
	// Anybody can sign with a key that is published with its private part. We must not store that
	// part.
	leaked := id.JWK
	leaked.D = "c2VjcmV0LXNlY3JldC1zZWNyZXQ"
	h.set(jwksPath, encoded(map[string]any{"keys": []any{leaked}}))
	h.advance(freshFor)
	if got := verify(); got != "webhook_signature_key_purpose_invalid" {
		t.Errorf("a leaked key gave %s", got)
	}
	if strings.Contains(string(h.document().Body), leaked.D) {
		t.Error("the private part is stored")
	}
	h.set(jwksPath, keySet("k2"))
	h.advance(freshFor)
	if got := verify(); got != "webhook_signature_key_unknown" {
		t.Errorf("a key that is gone gave %s", got)
	}
}

// noReplays is a memory of nonces that is always empty.
type noReplays struct{}

func (noReplays) Seen(context.Context, string, string) (bool, bool, error) { return false, false, nil }
func (noReplays) Claim(context.Context, string, string, time.Time) error   { return nil }

// Contract F.5 step 7: one refetch, with a cooldown for all functions. The terminal verdict needs
// evidence (contract F86).
func TestUnknownKeyIsRefetchedOncePerCooldown(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.wantKey("k1", "k1")
	h.advance(time.Second)
	h.wantKey("k2", "unknown") // no cooldown before the first refetch
	h.wantRequests(map[string]int{brandPath: 2, jwksPath: 2, listPath: 1})
	h.wantKey("k2", "unknown") // stored as missing
	_, err := h.otherFunction().Open(h.sender, h.document()).Key(t.Context(), "k2")
	if !errors.Is(err, httpsig.ErrKeyUnknown) {
		t.Fatal(err)
	}
	h.set(jwksPath, keySet("k1", "k2", "k3"))
	h.advance(10 * time.Second)
	_, err = h.delivery().Key(t.Context(), "k3")
	var u *UnavailableError
	if !errors.As(err, &u) || u.Code != codeCooldown || u.RetryAfter != 20*time.Second {
		t.Fatalf("another key in the cooldown: %#v", err)
	}
	h.wantRequests(map[string]int{brandPath: 2, jwksPath: 2, listPath: 1})
	h.wantKey("k1", "k1")
	h.advance(20 * time.Second)
	h.wantKey("k3", "k3")
	h.wantKey("k2", "k2")
	h.wantRequests(map[string]int{brandPath: 3, jwksPath: 3, listPath: 1})
	h.wantCount("key_admitted", 2)

	h.advance(missCooldown)
	h.status(jwksPath, http.StatusInternalServerError)
	h.wantKey("k4", "503 jwks_unreachable") // the refetch failed: no evidence
	h.wantKey("k4", "503 jwks_unreachable")
	h.wantKey("k1", "k1")
	h.wantRequests(map[string]int{brandPath: 4, jwksPath: 4, listPath: 1})
}

// A refresh that was due anyway is evidence too: the first delivery with an unknown key fetches
// once.
func TestDueRefreshIsEvidenceForAnUnknownKey(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.wantKey("k9", "unknown")
	h.wantKey("k9", "unknown")
	h.wantRequests(map[string]int{brandPath: 1, jwksPath: 1, listPath: 1})
	h.wantKey("k8", "unknown") // no refetch for an unknown key has happened yet
	h.wantRequests(map[string]int{brandPath: 2, jwksPath: 2, listPath: 1})
}

// Anybody who can send a delivery can name any key. The document stays small, and an invalid id
// causes no fetch.
func TestUnknownKeysAreBounded(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.wantKey("k1", "k1")
	for i := range 50 {
		h.advance(missCooldown / 2)
		h.keyVerdict(fmt.Sprintf("%d-%s", i, strings.Repeat("x", 250)))
	}
	if st := h.state(); len(st.Missing) > maxMissing || len(h.document().Body) > 4<<10 {
		t.Errorf("%d missing keys in %d bytes", len(st.Missing), len(h.document().Body))
	}
	n := h.totalRequests()
	for _, kid := range []string{"", strings.Repeat("x", maxKeyID+1), "k\u00e9y", "k\n"} {
		h.advance(time.Hour)
		h.wantKey(kid, "unknown")
	}
	if h.totalRequests() != n {
		t.Error("an invalid key id caused a request")
	}
}
