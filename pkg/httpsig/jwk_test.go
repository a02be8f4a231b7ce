package httpsig

import (
	"context"

	"testing"
)

type failing struct{ err error }

func (f failing) Key(context.Context, string) (JWK, error) { return JWK{}, f.err }

// Steps 7 and 8 (contract F39, B55).
func TestKeyIsFit(t *testing.T) {
	t.Parallel()
	id, es := sender("seller-2026"), kmsSender(t, "seller-es")
	const unknown, purpose = "webhook_signature_key_unknown", "webhook_signature_key_purpose_invalid"
	for name, tc := range map[string]struct {
		id     Identity
		change func(k *JWK)
		code   string
	}{
		"as published":               {id, func(*JWK) {}, ""},
		"ES256":                      {es, func(*JWK) {}, ""},
		"the deprecated purpose":     {id, func(k *JWK) { k.AdCPUse = UseWebhookSigning }, ""},
		"another key under the id":   {id, func(k *JWK) { k.KID = "x" }, unknown},
		"no purpose":                 {id, func(k *JWK) { k.AdCPUse = "" }, purpose},
		"for encryption":             {id, func(k *JWK) { k.Use = "enc" }, purpose},
		"for signing only":           {id, func(k *JWK) { k.KeyOps = []string{"sign"} }, purpose},
		"without alg":                {id, func(k *JWK) { k.Alg = "" }, purpose},
		"Ed448":                      {id, func(k *JWK) { k.Curve = "Ed448" }, purpose},
		"an EC key that says EdDSA":  {id, func(k *JWK) { k.KeyType, k.Curve = "EC", "P-256" }, purpose},
		"x too short":                {id, func(k *JWK) { k.X = k.X[:40] }, purpose},
		"x no base64":                {id, func(k *JWK) { k.X = "!" }, purpose},
		"y missing":                  {es, func(k *JWK) { k.Y = "" }, purpose},
		"a point off the curve":      {es, func(k *JWK) { k.Y = k.X }, purpose},
		"its private part published": {id, func(k *JWK) { k.D = "AA" }, purpose},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := delivery(t, tc.id, `{}`, stamp)
			v, _ := desk(tc.id)
			k := tc.id.Key
			tc.change(&k)
			v.Keys = JWKS{tc.id.Key.KID: k}
			if code, step := verdict(v.Verify(t.Context(), m, now)); code != tc.code {
				t.Errorf("got %s at step %s", code, step)
			}
		})
	}
}

// contract L23: neither under its own id nor under another, nor in another spelling of the same bytes.
func TestTestKeysAreDenied(t *testing.T) {
	t.Parallel()
	for kid, x := range testKeys {
		spelled := []byte(x)
		if last := spelled[len(spelled)-1]; last == 'I' || last == 'A' {
			spelled[len(spelled)-1]++ // the two spare bits of 32 bytes
		}
		for _, k := range []JWK{{KID: kid, X: "other"}, {KID: "other", X: x}, {KID: "other", X: string(spelled)}} {
			if !IsTestKey(k) {
				t.Errorf("%+v is trusted", k)
			}
		}
	}
	id := sender("test-ed25519-2026")
	m := delivery(t, id, `{}`, stamp)
	v, _ := desk(id)
	if code, _ := verdict(v.Verify(t.Context(), m, now)); code != "webhook_signature_key_unknown" {
		t.Errorf("got %s", code)
	}
	v.AllowTestKeys = true
	if code, _ := verdict(v.Verify(t.Context(), m, now)); code != "" {
		t.Errorf("got %s where they are allowed", code)
	}
}

func TestParseJWKS(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		file string
		keys int // -1: refused
	}{
		"none":                      {`{"keys":[]}`, 0},
		"one, and one of new forms": {`{"keys":[{"kid":"a"},{"kid":7},{"kty":"AKP"}]}`, 1},
		"one id twice (F55)":        {`{"keys":[{"kid":"a"},{"kid":"a"}]}`, -1},
		"a JSON key twice":          {`{"keys":[],"keys":[{"kid":"a"}]}`, -1},
		"no object":                 {`[]`, -1},
		"keys no list":              {`{"keys":{}}`, -1},
	} {
		got, err := ParseJWKS([]byte(tc.file))
		if (err != nil) != (tc.keys < 0) || err == nil && len(got) != tc.keys {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}
