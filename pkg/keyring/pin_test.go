package keyring

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/validation"
)

// Contract F55: the address that was found first stays in use until a person confirms another.
func TestChangedAddressIsPending(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.wantKey("k1", "k1")
	newAddress := h.agentOrigin() + "/new.json"
	h.set("/new.json", keySet("k2"))
	h.set(brandPath, h.brandJSON(newAddress))
	for range 3 {
		h.advance(freshFor)
		h.wantKey("k1", "k1")
	}
	h.wantCount("jwks_uri_changed", 1)
	n := h.requests(jwksPath)
	h.wantKey("k2", "503 jwks_uri_held") // nobody has decided yet
	h.wantKey("k2", "503 jwks_uri_held")
	h.wantKey("k3", "503 jwks_uri_held")
	if got := h.requests(jwksPath) - n; got != 1 {
		t.Errorf("%d requests within the cooldown", got)
	}
	if h.requests("/new.json") != 0 {
		t.Error("a request to an address that nobody confirmed")
	}
	v, err := h.Show(t.Context(), h.sender)
	if err != nil || v.PendingChange == nil || v.PendingChange.JWKSURI != newAddress ||
		!v.PendingChange.Since.Equal(start.Add(freshFor)) || v.JWKSURI != h.agentOrigin()+jwksPath {
		t.Fatalf("view %+v, %v", v, err)
	}
	_, err = h.Pin(t.Context(), h.sender, h.agentOrigin()+jwksPath)
	var invalid *validation.Error
	want := validation.FieldError{
		Field:  "jwks_uri",
		Code:   validation.InvalidValue,
		Rule:   "must be the address that the agent's brand.json names: " + newAddress,
		Remedy: "send that address, or have the agent's operator correct brand.json",
	}
	if !errors.As(err, &invalid) || len(invalid.Fields) != 1 || invalid.Fields[0] != want {
		t.Fatalf("not the address in brand.json: %v", err)
	}
	h.status("/new.json", http.StatusNotFound)
	if _, err := h.Pin(t.Context(), h.sender, newAddress); verdict("", err) != "503 jwks_unreachable" {
		t.Fatalf("no key set at the address: %v", err)
	}
	h.wantKey("k1", "k1")
	h.set("/new.json", keySet("k2"))
	v, err = h.Pin(t.Context(), h.sender, newAddress)
	if err != nil || v.PendingChange != nil || v.JWKSURI != newAddress || len(v.Keys) != 1 ||
		v.Keys[0].KID != "k2" || v.PinnedAt.IsZero() {
		t.Fatalf("pinned %+v, %v", v, err)
	}
	n = h.totalRequests()
	h.wantKey("k2", "k2")
	if h.totalRequests() != n {
		t.Error("a delivery after the pin fetched again")
	}
	h.wantKey("k1", "unknown")
	h.wantCount("pinned", 1)
}

// A change that brand.json takes back ends, and another spelling of the address is no change.
func TestChangeTakenBackIsNotPending(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.wantKey("k1", "k1")
	h.set(brandPath, h.brandJSON(strings.Replace(h.agentOrigin(), "http", "HTTP", 1)+"/x/.."+jwksPath))
	h.advance(freshFor)
	h.wantKey("k1", "k1")
	h.wantCount("jwks_uri_changed", 0)
	h.set(brandPath, h.brandJSON(h.agentOrigin()+"/new.json"))
	h.advance(freshFor)
	h.wantKey("k1", "k1")
	h.set(brandPath, h.brandJSON(h.agentOrigin()+"/newer.json"))
	h.advance(freshFor)
	h.wantKey("k1", "k1")
	h.wantCount("jwks_uri_changed", 2)
	h.set(brandPath, h.brandJSON(""))
	h.advance(freshFor)
	h.wantKey("k1", "k1")
	if h.state().PendingChange != nil {
		t.Error("the change is still pending")
	}
	h.wantKey("k2", "unknown")
}

// An address that never had a key set does not become the pin.
func TestFirstPinNeedsKeys(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.set(brandPath, h.brandJSON(h.agentOrigin()+"/typo.json"))
	h.wantKey("k1", "503 jwks_unreachable")
	h.set(brandPath, h.brandJSON(""))
	h.advance(failureCooldown)
	h.wantKey("k1", "k1")
	h.wantCount("jwks_uri_changed", 0)
}

// An agent without a brand.json has the key set that a person pinned.
func TestPinWithoutBrandJSON(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.status(brandPath, http.StatusNotFound)
	h.wantKey("k1", "503 brand_json_unreachable")
	for _, bad := range []string{
		"http://sales.example.com/jwks.json",
		"https://10.0.0.1/jwks.json",
		"https://u:p@a.example/",
		"nonsense",
		"https://a.example/\u202e",
	} {
		_, err := h.Pin(t.Context(), h.sender, bad)
		var invalid *validation.Error
		if !errors.As(err, &invalid) || len(invalid.Fields) != 1 {
			t.Fatalf("%s: %v", bad, err)
		}
		f := invalid.Fields[0]
		if f.Field != "jwks_uri" || f.Code != validation.InvalidValue ||
			f.Rule != "must be the https address of the agent's key set" ||
			!strings.HasPrefix(f.Remedy, "send another address: this one was ") {
			t.Errorf("%s: %+v", bad, f)
		}
	}
	h.set("/keys.json", keySet("k1"))
	v, err := h.Pin(t.Context(), h.sender, h.agentOrigin()+"/keys.json")
	if err != nil || v.BrandURL != "" || len(v.Keys) != 1 || v.Revocation.State != "none" {
		t.Fatalf("%+v, %v", v, err)
	}
	for range 3 {
		h.wantKey("k1", "k1")
		h.wantRevocation("k1", "good")
		h.advance(freshFor)
	}
	h.status(brandPath, http.StatusBadGateway) // not the same as no brand.json
	h.wantKey("k1", "k1")
	if st := h.state(); st.Failure != brandUnreachable {
		t.Errorf("failure %q", st.Failure)
	}
	// Without a person's pin, a brand.json that is gone is a failure like any other.
	h = newHarness(t)
	h.wantKey("k1", "k1")
	h.status(brandPath, http.StatusNotFound)
	h.advance(usableFor)
	h.wantKey("k1", "503 brand_json_unreachable")
}
