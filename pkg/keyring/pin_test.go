package keyring

import (
	"adcp-orchestrator/pkg/httpsig"
	"adcp-orchestrator/pkg/validation"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Contract F55: the address that was found first stays in use until a human confirms another.
func TestChangedAddressIsHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.want("k1", "k1")
	w.set("/new.json", keySet("k2"))
	w.set(brandPath, w.brand(w.origin()+"/new.json"))
	for range 3 {
		w.pass(freshFor)
		w.want("k1", "k1")
	}
	w.wantCount("jwks_uri_changed", 1)
	n := w.asked(jwksPath)
	w.want("k2", "503 jwks_uri_held") // the decision is pending
	w.want("k2", "503 jwks_uri_held")
	w.want("k3", "503 jwks_uri_held")
	if got := w.asked(jwksPath) - n; got != 1 {
		t.Errorf("%d requests within the cooldown", got)
	}
	if w.asked("/new.json") != 0 {
		t.Error("an address that nobody confirmed was asked")
	}
	v, err := w.Show(t.Context(), w.sender)
	if err != nil || v.Held == nil || v.Held.JWKSURI != w.origin()+"/new.json" || !v.Held.Since.Equal(start.Add(freshFor)) || v.JWKSURI != w.origin()+jwksPath {
		t.Fatalf("view %+v, %v", v, err)
	}
	// Not the address that brand.json names.
	var invalid *validation.Error
	if _, err := w.Pin(t.Context(), w.sender, w.origin()+jwksPath); !errors.As(err, &invalid) || invalid.Fields[0].Field != "jwks_uri" ||
		!strings.Contains(invalid.Fields[0].Rule, "/new.json") || invalid.Fields[0].Remedy == "" {
		t.Fatalf("another address: %v", err)
	}
	w.status("/new.json", http.StatusNotFound)
	if _, err := w.Pin(t.Context(), w.sender, w.origin()+"/new.json"); verdict("", err) != "503 jwks_unreachable" {
		t.Fatalf("a key set that isn't there: %v", err)
	}
	w.want("k1", "k1")
	w.set("/new.json", keySet("k2"))
	v, err = w.Pin(t.Context(), w.sender, w.origin()+"/new.json")
	if err != nil || v.Held != nil || v.JWKSURI != w.origin()+"/new.json" || len(v.Keys) != 1 || v.Keys[0].KID != "k2" || v.AnchoredAt.IsZero() {
		t.Fatalf("anchored %+v, %v", v, err)
	}
	n = w.total()
	w.want("k2", "k2")
	if w.total() != n {
		t.Error("a delivery after the anchor asked again")
	}
	w.want("k1", "unknown")
	w.wantCount("anchored", 1)
}

// A change that brand.json takes back is no change, and another spelling of the address is none either.
func TestChangeTakenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.want("k1", "k1")
	w.set(brandPath, w.brand(strings.Replace(w.origin(), "http", "HTTP", 1)+"/x/.."+jwksPath))
	w.pass(freshFor)
	w.want("k1", "k1")
	w.wantCount("jwks_uri_changed", 0)
	w.set(brandPath, w.brand(w.origin()+"/new.json"))
	w.pass(freshFor)
	w.want("k1", "k1")
	w.set(brandPath, w.brand(w.origin()+"/newer.json"))
	w.pass(freshFor)
	w.want("k1", "k1")
	w.wantCount("jwks_uri_changed", 2)
	w.set(brandPath, w.brand(""))
	w.pass(freshFor)
	w.want("k1", "k1")
	if w.state().Held != nil {
		t.Error("still held")
	}
	w.want("k2", "unknown")
}

// An address at which no key set was ever had binds nobody.
func TestPinNeedsKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.set(brandPath, w.brand(w.origin()+"/typo.json"))
	w.want("k1", "503 jwks_unreachable")
	w.set(brandPath, w.brand(""))
	w.pass(failureRest)
	w.want("k1", "k1")
	w.wantCount("jwks_uri_changed", 0)
}

// An agent without any brand.json is known by what a human has said of it.
func TestAnchorAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.status(brandPath, http.StatusNotFound)
	w.want("k1", "503 brand_json_unreachable")
	for _, bad := range []string{"http://sales.example.com/jwks.json", "https://10.0.0.1/jwks.json", "https://u:p@a.example/", "nonsense",
		"https://a.example/\u202e"} {
		var invalid *validation.Error
		if _, err := w.Pin(t.Context(), w.sender, bad); !errors.As(err, &invalid) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	w.set("/keys.json", keySet("k1"))
	v, err := w.Pin(t.Context(), w.sender, w.origin()+"/keys.json")
	if err != nil || v.BrandURL != "" || len(v.Keys) != 1 || v.Revocation.State != "none" {
		t.Fatalf("%+v, %v", v, err)
	}
	for range 3 {
		w.want("k1", "k1")
		w.wantCheck("k1", "good")
		w.pass(freshFor)
	}
	w.status(brandPath, http.StatusBadGateway) // not the same as none
	w.want("k1", "k1")
	if st := w.state(); st.Failure != brandUnreachable {
		t.Errorf("failure %q", st.Failure)
	}
	// Without an anchor, a brand.json that is gone is a failure like any other.
	w = newWorld(t)
	w.want("k1", "k1")
	w.status(brandPath, http.StatusNotFound)
	w.pass(serveFor)
	w.want("k1", "503 brand_json_unreachable")
}

// What a key set may hold, and what is made of it.
func TestKeySets(t *testing.T) {
	t.Parallel()
	many := make([]string, maxKeys+1)
	for i := range many {
		many[i] = fmt.Sprint("k", i)
	}
	short := make([]any, len(many))
	for i, kid := range many {
		short[i] = map[string]string{"kid": kid}
	}
	for name, tc := range map[string]struct {
		page page
		want string
	}{
		"no key set":         {page{status: 404}, "503 jwks_unreachable"},
		"an HTTP redirect":   {page{status: 302, header: map[string]string{"Location": "/other.json"}}, "503 jwks_unreachable"},
		"no JSON":            {page{status: 200, body: "<html>"}, "503 jwks_malformed"},
		"not one object":     {page{status: 200, body: keySet("k1") + "{}"}, "503 jwks_malformed"},
		"a JSON key twice":   {page{status: 200, body: `{"keys":[],"keys":[]}`}, "503 jwks_malformed"},
		"an id twice":        {page{status: 200, body: keySet("k1", "k1")}, "503 jwks_malformed"},
		"too long":           {page{status: 200, body: keySet("k1") + strings.Repeat(" ", maxJWKS)}, "503 jwks_malformed"},
		"too many":           {page{status: 200, body: encoded(map[string]any{"keys": short})}, "503 jwks_malformed"},
		"as many as allowed": {page{status: 200, body: encoded(map[string]any{"keys": short[:maxKeys]})}, "k1"},
		"cut off":            {page{status: 200, body: keySet("k1"), header: map[string]string{"Content-Length": "9999"}}, "503 jwks_unreachable"},
		"as text":            {page{status: 200, body: keySet("k1"), header: map[string]string{"Content-Type": "text/plain"}}, "k1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.put(jwksPath, tc.page)
			w.set("/other.json", keySet("k1"))
			w.want("k1", tc.want)
		})
	}
}

func TestUsable(t *testing.T) {
	t.Parallel()
	odd := newKey("odd").JWK
	odd.KeyOps, odd.X, odd.Alg, odd.D = []string{"sign", "verify", "verify"}, strings.Repeat("x", 100), "\u2028", "private"
	got := usable(httpsig.JWKS{"odd": odd, "k\u00e9y": {KID: "k\u00e9y"}, strings.Repeat("k", 257): {}})
	if len(got) != 1 || got[0].D == "private" || got[0].D == "" || got[0].X != "" || got[0].Alg != "" || len(got[0].KeyOps) != 1 {
		t.Errorf("got %+v", got)
	}
}

// Clocks of different machines differ a little. One that is far ahead must not keep keys fresh for ever.
func TestClocksAhead(t *testing.T) {
	t.Parallel()
	for ahead, want := range map[time.Duration]bool{0: true, clockSkew: true, clockSkew + time.Second: false,
		24 * time.Hour: false, -freshFor + 1: true, -freshFor: false} {
		if got := recent(start.Add(ahead), freshFor, start); got != want {
			t.Errorf("%v ahead: %v", ahead, got)
		}
	}
	if rest(time.Time{}, failureRest, start) != time.Second || rest(start.Add(time.Hour), failureRest, start) != failureRest {
		t.Error("a rest out of bounds")
	}
}
