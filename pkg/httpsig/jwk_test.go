package httpsig

import (
	"context"
	"testing"
)

// failingKeys can't find any key.
type failingKeys struct{ err error }

func (f failingKeys) Key(context.Context, string) (JWK, error) { return JWK{}, f.err }

// Steps 7 and 8 (contract F39, B55).
func TestVerifyChecksTheKey(t *testing.T) {
	t.Parallel()
	id, es := ed25519Identity("seller-2026"), ecdsaIdentity(t, "seller-es")
	const unknown, purpose = "webhook_signature_key_unknown", "webhook_signature_key_purpose_invalid"
	for name, tc := range map[string]struct {
		id     Identity
		change func(k *JWK)
		code   string
	}{
		"as published":                    {id, func(*JWK) {}, ""},
		"ES256":                           {es, func(*JWK) {}, ""},
		"the deprecated purpose":          {id, func(k *JWK) { k.AdCPUse = UseWebhookSigning }, ""},
		"another key under the id":        {id, func(k *JWK) { k.KID = "x" }, unknown},
		"no purpose":                      {id, func(k *JWK) { k.AdCPUse = "" }, purpose},
		"use is encryption":               {id, func(k *JWK) { k.Use = "enc" }, purpose},
		"only for signing":                {id, func(k *JWK) { k.KeyOps = []string{"sign"} }, purpose},
		"without alg":                     {id, func(k *JWK) { k.Alg = "" }, purpose},
		"Ed448":                           {id, func(k *JWK) { k.Curve = "Ed448" }, purpose},
		"an EC key that says EdDSA":       {id, func(k *JWK) { k.KeyType, k.Curve = "EC", "P-256" }, purpose},
		"x too short":                     {id, func(k *JWK) { k.X = k.X[:40] }, purpose},
		"x no base64":                     {id, func(k *JWK) { k.X = "!" }, purpose},
		"y missing":                       {es, func(k *JWK) { k.Y = "" }, purpose},
		"a point off the curve":           {es, func(k *JWK) { k.Y = k.X }, purpose},
		"published with its private part": {id, func(k *JWK) { k.D = "AA" }, purpose},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := signedWebhook(t, tc.id, `{}`, stamp)
			v, _ := newVerifier(tc.id)
			k := tc.id.Key
			tc.change(&k)
			v.Keys = JWKS{tc.id.Key.KID: k}
			if code, step := refusal(v.Verify(t.Context(), m, now)); code != tc.code {
				t.Errorf("got %s at step %s", code, step)
			}
		})
	}
}

// Contract L23: a test key is denied under its own id, under another id, and in another spelling of
// the same bytes.
func TestTestKeysAreDenied(t *testing.T) {
	t.Parallel()
	for kid, x := range testKeys {
		spelled := []byte(x)
		if last := spelled[len(spelled)-1]; last == 'I' || last == 'A' {
			spelled[len(spelled)-1]++ // changes the two spare bits of 32 bytes only
		}
		for _, k := range []JWK{{KID: kid, X: "other"}, {KID: "other", X: x}, {KID: "other", X: string(spelled)}} {
			if !IsTestKey(k) {
				t.Errorf("%+v is trusted", k)
			}
		}
	}
	id := ed25519Identity("test-ed25519-2026")
	m := signedWebhook(t, id, `{}`, stamp)
	v, _ := newVerifier(id)
	if code, _ := refusal(v.Verify(t.Context(), m, now)); code != "webhook_signature_key_unknown" {
		t.Errorf("got %s", code)
	}
	v.AllowTestKeys = true
	if code, _ := refusal(v.Verify(t.Context(), m, now)); code != "" {
		t.Errorf("got %s where they are allowed", code)
	}
}

func TestParseJWKS(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		file string
		keys int // -1 if the file is refused
	}{
		"no keys":                    {`{"keys":[]}`, 0},
		"one, and two unknown forms": {`{"keys":[{"kid":"a"},{"kid":7},{"kty":"AKP"}]}`, 1},
		"two keys with one id (F55)": {`{"keys":[{"kid":"a"},{"kid":"a"}]}`, -1},
		"a duplicate JSON key":       {`{"keys":[],"keys":[{"kid":"a"}]}`, -1},
		"not an object":              {`[]`, -1},
		"keys is not a list":         {`{"keys":{}}`, -1},
	} {
		got, err := ParseJWKS([]byte(tc.file))
		if (err != nil) != (tc.keys < 0) || err == nil && len(got) != tc.keys {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}
