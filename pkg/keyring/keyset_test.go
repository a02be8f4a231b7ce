package keyring

import (
	"fmt"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/httpsig"
)

func TestKeySetDocuments(t *testing.T) {
	t.Parallel()
	many := make([]any, maxKeys+1)
	for i := range many {
		many[i] = map[string]string{"kid": fmt.Sprint("k", i)}
	}
	ok := func(body string) page { return page{status: 200, body: body} }
	redirect := page{status: 302, header: map[string]string{"Location": "/other.json"}}
	cutOff := page{status: 200, body: keySet("k1"), header: map[string]string{"Content-Length": "9999"}}
	plainText := page{status: 200, body: keySet("k1"), header: map[string]string{"Content-Type": "text/plain"}}
	for name, tc := range map[string]struct {
		page page
		want string
	}{
		"no key set":           {page{status: 404}, "503 jwks_unreachable"},
		"HTTP redirect":        {redirect, "503 jwks_unreachable"},
		"no JSON":              {ok("<html>"), "503 jwks_malformed"},
		"two objects":          {ok(keySet("k1") + "{}"), "503 jwks_malformed"},
		"duplicate JSON key":   {ok(`{"keys":[],"keys":[]}`), "503 jwks_malformed"},
		"duplicate key id":     {ok(keySet("k1", "k1")), "503 jwks_malformed"},
		"too long":             {ok(keySet("k1") + strings.Repeat(" ", maxJWKS)), "503 jwks_malformed"},
		"too many keys":        {ok(encoded(map[string]any{"keys": many})), "503 jwks_malformed"},
		"as many as allowed":   {ok(encoded(map[string]any{"keys": many[:maxKeys]})), "k1"},
		"cut off":              {cutOff, "503 jwks_unreachable"},
		"content type of text": {plainText, "k1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t)
			h.put(jwksPath, tc.page)
			h.set("/other.json", keySet("k1"))
			h.wantKey("k1", tc.want)
		})
	}
}

func TestStoredKeyHasOnlyWhatVerificationNeeds(t *testing.T) {
	t.Parallel()
	odd := newKey("odd").JWK
	odd.KeyOps, odd.X, odd.Alg, odd.D = []string{"sign", "verify", "verify"}, strings.Repeat("x", 100), "\u2028", "private"
	got := storableKeys(httpsig.JWKS{"odd": odd, "k\u00e9y": {KID: "k\u00e9y"}, strings.Repeat("k", 257): {}})
	if len(got) != 1 || got[0].D == "private" || got[0].D == "" || got[0].X != "" || got[0].Alg != "" ||
		len(got[0].KeyOps) != 1 {
		t.Errorf("got %+v", got)
	}
}
