package keyring

import (
	"net/http"
	"testing"
	"time"

	"adcp-orchestrator/pkg/httpsig"
)

// A list may be signed by a key of the sender's own set, or by one of the issuer's set. The latter
// is fetched only for a key id that the former lacks.
func TestListIsVerifiedByTheOwnSetFirst(t *testing.T) {
	t.Parallel()
	h := newNetworkHarness(t)
	h.set(operatorBrand, h.brandJSON("")) // brand.json is at example.co.uk, the keys at sales.example.co.uk
	h.set(ownKeys, keySet("k1"))
	issue := func(s listSigner) {
		p := h.listPayload(10*time.Minute, "k9")
		p["issuer"] = "https://example.co.uk"
		h.set("example.co.uk"+listPath, s.compact(encoded(p)))
	}
	const issuerKeys = "example.co.uk" + jwksPath
	issue(edSigner("gov"))
	h.wantKey("k1", "k1")
	h.wantRevocation("k9", "503 revocation_malformed") // the issuer has no key set, so no key that verifies this
	h.advance(failureCooldown)
	h.status(issuerKeys, http.StatusBadGateway)
	h.wantRevocation("k9", "503 revocation_unreachable")
	h.advance(failureCooldown)
	h.set(issuerKeys, keySet("gov", "k1"))
	h.wantRevocation("k9", "revoked")
	n := h.requests(issuerKeys)
	issue(edSigner("k1"))
	h.advance(10 * time.Minute)
	h.wantRevocation("k9", "revoked")
	if h.requests(issuerKeys) != n {
		t.Error("the issuer's keys were fetched without need")
	}
	// If both sets have the id, the sender's key counts.
	fake := newKey("fake").JWK
	fake.KID = "gov"
	h.set(ownKeys, encoded(map[string]any{"keys": []any{newKey("k1").JWK, fake}}))
	h.advance(10 * time.Minute)
	h.wantKey("gov", "gov")
	issue(edSigner("gov"))
	h.advance(10 * time.Minute)
	h.wantRevocation("k9", "revoked")
	if l := h.state().List; l.Failure != listMalformed {
		t.Errorf("failure %q", l.Failure)
	}
}

// The protocol's test keys sign nothing outside a local stack (contract L23).
func TestTestKeySignsNoList(t *testing.T) {
	t.Parallel()
	if !httpsig.IsTestKey(httpsig.JWK{KID: "test-gov-2026"}) {
		t.Fatal("no test key")
	}
	for loopback, want := range map[bool]string{true: "good", false: "503 revocation_malformed"} {
		h := newNetworkHarness(t)
		h.Loopback = loopback
		h.set(ownBrand, h.brandJSON(""))
		h.set(ownKeys, keySet("test-gov-2026"))
		h.set("sales.example.co.uk"+listPath, edSigner("test-gov-2026").compact(encoded(h.listPayload(time.Hour))))
		h.wantRevocation("k1", want)
	}
}
