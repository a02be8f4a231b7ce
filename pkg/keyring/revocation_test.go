package keyring

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// listPayload returns the agent's own list, updated now and announcing the next one after interval.
func (h *harness) listPayload(interval time.Duration, kids ...string) map[string]any {
	if kids == nil {
		kids = []string{}
	}
	return map[string]any{
		"version":      1,
		"issuer":       h.agentOrigin(),
		"updated":      h.now().Format(time.RFC3339),
		"next_update":  h.now().Add(interval).Format(time.RFC3339),
		"revoked_jtis": []string{},
		"revoked_kids": kids,
	}
}

// publishList publishes a list that k1 signed.
func (h *harness) publishList(interval time.Duration, kids ...string) {
	h.set(listPath, edSigner("k1").compact(encoded(h.listPayload(interval, kids...))))
}

// A revoked key is refused from the next poll on, and reported if it was in use. Only a newer list
// gives it back.
func TestRevokedKeyIsRefused(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.set(jwksPath, keySet("k1", "k2"))
	h.publishList(10 * time.Minute)
	old := h.pages[listPath]
	h.wantKey("k2", "k2")
	h.wantRevocation("k2", "good")
	if n := h.requests(listPath); n != 1 {
		t.Fatalf("%d requests: the keys and the list are fetched in one refresh", n)
	}
	h.advance(10*time.Minute - time.Second)
	h.publishList(10*time.Minute, "k2", "unheard-of")
	h.wantRevocation("k2", "good") // not due yet
	h.advance(time.Second)
	h.wantRevocation("k2", "revoked")
	h.wantRevocation("k1", "good")
	h.wantCount("key_revoked", 1)
	if n := h.requests(listPath); n != 2 {
		t.Fatalf("%d requests", n)
	}
	if v, err := h.Show(t.Context(), h.sender); err != nil || v.Revocation.State != "current" ||
		v.Revocation.Revoked != 2 || !v.Keys[1].Revoked || v.Keys[0].Revoked {
		t.Errorf("view %+v, %v", v, err)
	}
	h.put(listPath, old) // a replay
	h.advance(10 * time.Minute)
	h.wantRevocation("k2", "revoked")
	h.wantCount("revocation_failed", 1)
	if l := h.state().List; l.Failure != listMalformed || !l.Updated.Equal(start.Add(10*time.Minute-time.Second)) {
		t.Errorf("after a replay: %+v", l)
	}
	h.publishList(time.Minute, "k2")
	h.advance(time.Minute)
	h.wantRevocation("k2", "revoked")
	h.wantCount("key_revoked", 1) // reported once
	h.publishList(10 * time.Minute)
	h.advance(time.Minute)
	h.wantRevocation("k2", "good")
}

// If the keys can't be read, the same refresh does not wait for the list too: the check fetches it.
func TestFailedKeysSkipTheList(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.publishList(10 * time.Minute)
	h.wantKey("k1", "k1")
	h.status(jwksPath, http.StatusBadGateway)
	h.advance(10 * time.Minute)
	h.wantKey("k1", "k1")
	if h.requests(jwksPath) != 2 || h.requests(listPath) != 1 {
		t.Error("both were fetched")
	}
	h.wantRevocation("k1", "good")
	if h.requests(listPath) != 2 {
		t.Error("the list was not fetched")
	}
}

// A key that the list revokes can't sign the next list: it would give itself back.
func TestRevokedKeySignsNoList(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.set(jwksPath, keySet("k1", "k2"))
	h.publishList(time.Minute, "k1")
	h.wantRevocation("k1", "revoked")
	h.advance(time.Minute)
	h.publishList(time.Minute)
	h.wantRevocation("k1", "revoked")
	h.advance(time.Minute)
	h.set(listPath, edSigner("k2").compact(encoded(h.listPayload(time.Minute))))
	h.wantRevocation("k1", "good")
}

// The list is on the origin of brand.json after its redirect, or of the key set if there is no
// brand.json. When it moves, no key is good before the new address has answered, and revoked keys
// stay revoked.
func TestListMovesWithBrandJSON(t *testing.T) {
	t.Parallel()
	h := newNetworkHarness(t)
	h.set(operatorBrand, `{"authoritative_location":"https://cdn.example/b.json"}`)
	h.set("cdn.example/b.json", h.brandJSON(""))
	h.set(ownKeys, keySet("k1"))
	h.wantKey("k1", "k1")
	h.wantRevocation("k1", "good")
	if h.requests("cdn.example"+listPath) != 1 || h.requests("example.co.uk"+listPath) != 0 {
		t.Fatal("a request to another address")
	}
	h.set(operatorBrand, h.brandJSON(""))
	h.status("example.co.uk"+listPath, http.StatusBadGateway)
	h.advance(freshFor)
	h.wantKey("k1", "k1")
	h.wantRevocation("k1", "503 revocation_unreachable") // the old address had no list: the new one may
	p := h.listPayload(10*time.Minute, "k1")
	p["issuer"] = "https://example.co.uk"
	h.set("example.co.uk"+listPath, edSigner("k1").compact(encoded(p)))
	h.advance(failureCooldown)
	h.wantRevocation("k1", "revoked")
	h.set(operatorBrand, `{"authoritative_location":"https://cdn.example/b.json"}`)
	h.advance(freshFor)
	h.wantKey("k1", "k1")
	h.wantRevocation("k1", "revoked")
	h.advance(time.Hour)
	h.wantKey("k1", "k1")
	h.wantRevocation("k2", "stale")
	// A pin begins again at the new address.
	v, err := h.Pin(t.Context(), h.sender, "https://"+ownKeys)
	if err != nil || v.Revocation.State != "none" {
		t.Fatalf("%+v, %v", v.Revocation, err)
	}
	h.wantRevocation("k1", "good")
	// And without brand.json.
	h.status(operatorBrand, 404)
	h.advance(freshFor)
	h.wantKey("k1", "k1")
	h.wantRevocation("k1", "good")
	if h.requests("sales.example.co.uk"+listPath) != 1 {
		t.Error("no request to the origin of the pin")
	}
}

// A check that comes before any key lookup discovers the sender, too. An error of the store is
// returned as it is.
func TestCheckDiscoversTheSender(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.publishList(time.Hour)
	h.wantRevocation("k1", "good")
	h.wantRequests(map[string]int{brandPath: 1, jwksPath: 1, listPath: 1})
	h.store.fail = errors.New("throttled")
	h.advance(30 * time.Minute)
	if err := h.delivery().Check(t.Context(), "k1"); !errors.Is(err, h.store.fail) {
		t.Error(err)
	}
}

// A list that never arrives costs the delivery the rest of its time. The keys that arrived are
// stored.
func TestSlowListKeepsTheKeys(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.put(listPath, page{status: 200, wait: make(chan struct{})})
	ctx, cancel := context.WithTimeout(t.Context(), storeReserve+50*time.Millisecond)
	defer cancel()
	d := h.delivery()
	if k, err := d.Key(ctx, "k1"); err != nil || k.KID != "k1" {
		t.Fatal(k, err)
	}
	if err := d.Check(ctx, "k1"); verdict("", err) != "503 revocation_unreachable" {
		t.Error(err)
	}
	h.wantRequests(map[string]int{brandPath: 1, jwksPath: 1, listPath: 1})
}

// A sender can't make us store nearly as much as a DynamoDB item may hold.
func TestDocumentIsBounded(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	kids, revoked := make([]string, 150), make([]string, 3000)
	for i := range revoked {
		revoked[i] = fmt.Sprintf("%04d<&>", i)
	}
	for round := range 10 {
		for i := range kids {
			kids[i] = fmt.Sprintf("%d-%03d%s", round, i, strings.Repeat("<", 160))
		}
		h.set(jwksPath, keySet(append(kids, "k1")...))
		h.publishList(time.Minute, revoked...)
		h.advance(10 * time.Minute)
		h.wantKey("k1", "k1")
		h.wantRevocation(revoked[0], "revoked")
	}
	if n := len(h.document().Body); n > 200<<10 {
		t.Errorf("%d bytes", n)
	}
	if n := len(h.state().Seen); n > maxSeen+maxKeys {
		t.Errorf("%d admissions", n)
	}
}
