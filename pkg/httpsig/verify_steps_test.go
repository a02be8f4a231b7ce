package httpsig

import (
	"encoding/base64"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The codes that the tables below expect.
const (
	malformed       = "webhook_signature_header_malformed"
	incomplete      = "webhook_signature_params_incomplete"
	wrongWindow     = "webhook_signature_window_invalid"
	targetMismatch  = "webhook_target_uri_malformed"
	wrongSignature  = "webhook_signature_invalid"
	wrongKeyPurpose = "webhook_signature_key_purpose_invalid"
)

// change modifies a signed delivery.
type change func(t *testing.T, m *Message)

// verifyCase is a change and what Verify makes of the delivery: code and step are empty if it
// accepts.
type verifyCase struct {
	change     change
	code, step string
}

// stepSender has the key that signs the deliveries of the tables.
var stepSender = ed25519Identity("seller-2026")

// Step 1 (contract F.5, P2): the cases that the official vectors do not cover.
func TestVerifyHeaders(t *testing.T) {
	t.Parallel()
	runVerifyCases(t, map[string]verifyCase{
		"as signed":                     {func(*testing.T, *Message) {}, "", ""},
		"no signature headers (F34)":    {deleteHeaders(HeaderInput, HeaderSignature), malformed, "1"},
		"an empty signature":            {setHeader(HeaderSignature, ""), malformed, "1"},
		"only another label":            {resignedInput("sig1=", "sig2="), malformed, "1"},
		"signature under another label": {edited(HeaderSignature, "sig1", "sig2"), malformed, "1"},
		"a second line with sig1": {func(_ *testing.T, m *Message) {
			m.Header.Add(HeaderInput, m.Header.Get(HeaderInput))
		}, malformed, "1"},
		"a second line with a relay's signature": {addHeader(HeaderSignature, "relay=:AAAA:"), "", ""},
		"tag twice":                              {resignedInput(`;tag=`, `;tag="x";tag=`), malformed, "1"},
		"an unquoted tag": {
			resignedInput(`"adcp/webhook-signing/v1"`, `adcp/webhook-signing/v1`), malformed, "1",
		},
		"created in quotes": {
			resignedInput(`created=1795435200`, `created="1795435200"`), malformed, "1",
		},
		"created as a decimal": {
			resignedInput(`created=1795435200`, `created=1795435200.0`), malformed, "1",
		},
		"a component twice":         {resignedInput(`"@method"`, `"@method" "@method"`), malformed, "1"},
		"a component in upper case": {resignedInput(`"content-type"`, `"Content-Type"`), malformed, "1"},
		"a nonce of 15 bytes (F38)": {resignedInput(stamp.Nonce, "AAAAAAAAAAAAAAAAAAAA"), malformed, "1"},
		"a padded nonce (F38)":      {resignedInput(stamp.Nonce, "KXYnfEfJ0PBRZXQyVXfVQA=="), malformed, "1"},
		"a nonce in standard base64": {
			resignedInput(stamp.Nonce, "KXYnfEfJ0PBRZXQyVXf+QA"), malformed, "1",
		},
		"an empty keyid":    {resignedInput("seller-2026", ""), malformed, "1"},
		"a trailing comma":  {resignedInput(`v1"`, `v1",`), malformed, "1"},
		"two content types": {addHeader(headerType, "text/plain"), malformed, "1"},
		"a forged line in the content type": {
			setHeader(headerType, "application/json\n\"@method\": GET"), malformed, "1",
		},
		"two digests":                       {addHeader(HeaderDigest, "sha-512=:AAAA:"), malformed, "1"},
		"a digest that mixes two alphabets": {setHeader(HeaderDigest, "sha-256=:+-AA:"), malformed, "1"},
		"an unknown parameter":              {resignedInput(";tag=", ";x=1;tag="), "", ""},
	})
}

// Steps 2 to 8 (contract F.5, P2).
func TestVerifyParameters(t *testing.T) {
	t.Parallel()
	runVerifyCases(t, map[string]verifyCase{
		"no alg":                 {resignedInput(`;alg="ed25519"`, ""), incomplete, "2"},
		"another tag and no alg": {resignedInput(`;alg="ed25519";tag="adcp/`, `;tag="acdp/`), incomplete, "2"},
		"the tag in another case and a foreign alg": {
			resignedInput(`ed25519";tag="adcp`, `hmac-sha256";tag="ADCP`), "webhook_signature_tag_invalid", "3",
		},
		"created 60 s ahead": {window(60, 300), "", ""},
		"created 61 s ahead": {window(61, 300), wrongWindow, "5"},
		"expired 60 s ago":   {window(-100, -60), "", ""},
		"expired 61 s ago":   {window(-100, -61), wrongWindow, "5"},
		"a window of 301 s":  {window(0, 301), wrongWindow, "5"},
		"content-type with a parameter": {
			edited(HeaderInput, `"content-type"`, `"content-type";bs`), "webhook_signature_components_incomplete", "6",
		},
		"another header covered too": {func(t *testing.T, m *Message) {
			m.Header.Set("X-Trace", "a")
			resignedInput(`"content-type"`, `"content-type" "x-trace"`)(t, m)
		}, "", ""},
		"the other algorithm": {resignedInput(`alg="ed25519"`, `alg="ecdsa-p256-sha256"`), wrongKeyPurpose, "8"},
	})
}

// Step 10 (contract F.5, F42, P2): the target, and what the signature covers.
func TestVerifySignature(t *testing.T) {
	t.Parallel()
	const (
		ordered   = `;alg="ed25519";tag="adcp/webhook-signing/v1"`
		reordered = `;tag="adcp/webhook-signing/v1";alg="ed25519"`
	)
	runVerifyCases(t, map[string]verifyCase{
		"another host (F42)": {setHost("other.example"), targetMismatch, "10"},
		"authority and host differ": {func(_ *testing.T, m *Message) {
			m.Authority = "other.example"
		}, targetMismatch, "10"},
		"authority without host": {func(_ *testing.T, m *Message) {
			m.Authority, m.Host = "hooks.buyer.example", ""
		}, "", ""},
		"no host":                           {setHost(""), targetMismatch, "10"},
		"default port and capitals in host": {setHost("Hooks.Buyer.example:443"), "", ""},
		"userinfo in the host":              {setHost("x@hooks.buyer.example"), targetMismatch, "10"},
		"a malformed URL": {func(_ *testing.T, m *Message) {
			m.URL = "https://user@/p"
		}, targetMismatch, "10"},
		"another path":   {func(_ *testing.T, m *Message) { m.URL += "x" }, wrongSignature, "10"},
		"another method": {func(_ *testing.T, m *Message) { m.Method = "PUT" }, wrongSignature, "10"},
		"another content type": {
			setHeader(headerType, "application/json; charset=utf-8"), wrongSignature, "10",
		},
		"no content type":                    {deleteHeaders(headerType), wrongSignature, "10"},
		"no digest":                          {deleteHeaders(HeaderDigest), wrongSignature, "10"},
		"parameters in another order":        {resignedInput(ordered, reordered), "", ""},
		"parameters reordered after signing": {edited(HeaderInput, ordered, reordered), wrongSignature, "10"},
		"a signature of 63 bytes": {
			setHeader(HeaderSignature, "sig1=:"+strings.Repeat("A", 84)+":"), wrongSignature, "10",
		},
		"a signature in standard base64 (F40)": {func(t *testing.T, m *Message) {
			m.Header.Set(HeaderSignature, "sig1=:"+standardBase64(t, m)+":")
		}, "", ""},
		"standard base64 without padding": {func(t *testing.T, m *Message) {
			m.Header.Set(HeaderSignature, "sig1=:"+strings.TrimRight(standardBase64(t, m), "=")+":")
		}, "", ""},
	})
}

// Steps 11 and 14 (contract F.5, F43, F45, P2): the body.
func TestVerifyBody(t *testing.T) {
	t.Parallel()
	runVerifyCases(t, map[string]verifyCase{
		"a digest of another algorithm": {func(t *testing.T, m *Message) {
			setHeader(HeaderDigest, "sha-512=:AAAA:")(t, m)
			resignedInput("sig1", "sig1")(t, m)
		}, "webhook_signature_digest_mismatch", "11"},
		"no JSON, which the envelope's check refuses (F45)": {signedBody("hello"), "", ""},
		"a duplicate key in an array's object (F43)": {
			signedBody(`{"a":[{"b":1,"\u0062":2}]}`), "webhook_body_malformed", "14",
		},
		"two keys that differ in case": {signedBody(`{"a":1,"A":2}`), "", ""},
	})
}

// runVerifyCases verifies a changed delivery for each case. It also checks that only an accepted
// delivery, or one that fails at step 14, claims the nonce.
func runVerifyCases(t *testing.T, cases map[string]verifyCase) {
	t.Helper()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id := stepSender
			v, s := newVerifier(id)
			m := signedWebhook(t, id, `{"task_id":"task_1"}`, stamp)
			tc.change(t, &m)
			got, err := v.Verify(t.Context(), m, now)
			if code, step := refusal(got, err); code != tc.code || step != tc.step {
				t.Errorf("got %s at step %s: %+v", code, step, err)
			}
			if claimed := len(s.claimed) > 0; claimed != (tc.step == "" || tc.step == "14") {
				t.Errorf("nonce claimed: %t", claimed)
			}
			if err == nil && (got.KeyID != id.Key.KID || got.Alg != AlgEd25519 ||
				s.claimed[got.KeyID+" "+got.Nonce] != got.Expires.Add(time.Minute)) {
				t.Errorf("got %+v, claims %v", got, s.claimed)
			}
		})
	}
}

// resignedInput replaces a text in Signature-Input and signs again, if the result can be signed.
func resignedInput(old, new string) change {
	return func(t *testing.T, m *Message) {
		editHeader(m, HeaderInput, old, new)
		if in, err := signatureMember(m.Header.Get(HeaderInput)); err == nil && in.isList {
			resign(t, stepSender, m, m.Header.Get(HeaderInput))
		}
	}
}

// window signs with other times, in seconds from now.
func window(created, expires int64) change {
	return func(t *testing.T, m *Message) {
		seconds := func(d int64) string { return strconv.FormatInt(now.Unix()+d, 10) }
		editHeader(m, HeaderInput, "created=1795435200;expires=1795435500",
			"created="+seconds(created)+";expires="+seconds(expires))
		resign(t, stepSender, m, m.Header.Get(HeaderInput))
	}
}

// signedBody replaces the delivery by a signed one of another body.
func signedBody(text string) change {
	return func(t *testing.T, m *Message) { *m = signedWebhook(t, stepSender, text, stamp) }
}

// edited replaces a text in a header after signing.
func edited(name, old, new string) change {
	return func(_ *testing.T, m *Message) { editHeader(m, name, old, new) }
}

func setHeader(name, value string) change {
	return func(_ *testing.T, m *Message) { m.Header.Set(name, value) }
}

func addHeader(name, value string) change {
	return func(_ *testing.T, m *Message) { m.Header.Add(name, value) }
}

func deleteHeaders(names ...string) change {
	return func(_ *testing.T, m *Message) {
		for _, name := range names {
			m.Header.Del(name)
		}
	}
}

func setHost(host string) change {
	return func(_ *testing.T, m *Message) { m.Host = host }
}

// standardBase64 returns m's signature in padded standard base64.
func standardBase64(t *testing.T, m *Message) string {
	t.Helper()
	in, err := signatureMember(m.Header.Get(HeaderSignature))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := decodeBytes(in.value.text, false)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(raw)
}
