package httpsig

import (
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// contract F.5, P2: each step's refusals that the official vectors don't cover, and what is accepted at the limits.
func TestVerify(t *testing.T) {
	t.Parallel()
	const malformed = "webhook_signature_header_malformed"
	id := sender("seller-2026")
	window := func(created, expires int64) func(*testing.T, *Message) {
		return func(t *testing.T, m *Message) {
			edit(m, HeaderInput, "created=1795435200;expires=1795435500", "created="+itoa(now.Unix()+created)+";expires="+itoa(now.Unix()+expires))
			resign(t, id, m, m.Header.Get(HeaderInput))
		}
	}
	input := func(old, new string) func(*testing.T, *Message) {
		return func(t *testing.T, m *Message) {
			edit(m, HeaderInput, old, new)
			if in, err := labelled(m.Header.Get(HeaderInput)); err == nil && in.list {
				resign(t, id, m, m.Header.Get(HeaderInput))
			}
		}
	}
	set := func(name, value string) func(*testing.T, *Message) {
		return func(_ *testing.T, m *Message) { m.Header.Set(name, value) }
	}
	del := func(names ...string) func(*testing.T, *Message) {
		return func(_ *testing.T, m *Message) {
			for _, n := range names {
				m.Header.Del(n)
			}
		}
	}
	for name, tc := range map[string]struct {
		change     func(t *testing.T, m *Message)
		code, step string
	}{
		"as signed":                                  {func(*testing.T, *Message) {}, "", ""},
		"no signature headers (F34)":                 {del(HeaderInput, HeaderSignature), malformed, "1"},
		"an empty signature":                         {set(HeaderSignature, ""), malformed, "1"},
		"another label only":                         {input("sig1=", "sig2="), malformed, "1"},
		"the signature under another label":          {func(_ *testing.T, m *Message) { edit(m, HeaderSignature, "sig1", "sig2") }, malformed, "1"},
		"a second line with sig1":                    {func(_ *testing.T, m *Message) { m.Header.Add(HeaderInput, m.Header.Get(HeaderInput)) }, malformed, "1"},
		"a second line with a relay's":               {func(_ *testing.T, m *Message) { m.Header.Add(HeaderSignature, "relay=:AAAA:") }, "", ""},
		"tag twice":                                  {input(`;tag=`, `;tag="x";tag=`), malformed, "1"},
		"an unquoted tag":                            {input(`tag="adcp/webhook-signing/v1"`, `tag=adcp/webhook-signing/v1`), malformed, "1"},
		"created in quotes":                          {input(`created=1795435200`, `created="1795435200"`), malformed, "1"},
		"created as a decimal":                       {input(`created=1795435200`, `created=1795435200.0`), malformed, "1"},
		"a component twice":                          {input(`"@method"`, `"@method" "@method"`), malformed, "1"},
		"a component in upper case":                  {input(`"content-type"`, `"Content-Type"`), malformed, "1"},
		"a nonce of 15 bytes (F38)":                  {input(stamp.Nonce, "AAAAAAAAAAAAAAAAAAAA"), malformed, "1"},
		"a padded nonce (F38)":                       {input(stamp.Nonce, "KXYnfEfJ0PBRZXQyVXfVQA=="), malformed, "1"},
		"a nonce of the standard alphabet":           {input(stamp.Nonce, "KXYnfEfJ0PBRZXQyVXf+QA"), malformed, "1"},
		"an empty keyid":                             {input("seller-2026", ""), malformed, "1"},
		"trailing comma":                             {input(`v1"`, `v1",`), malformed, "1"},
		"two content types":                          {func(_ *testing.T, m *Message) { m.Header.Add(headerType, "text/plain") }, malformed, "1"},
		"a forged line in the content type":          {set(headerType, "application/json\n\"@method\": GET"), malformed, "1"},
		"two digests":                                {func(_ *testing.T, m *Message) { m.Header.Add(HeaderDigest, "sha-512=:AAAA:") }, malformed, "1"},
		"a digest of two alphabets":                  {set(HeaderDigest, "sha-256=:+-AA:"), malformed, "1"},
		"an unknown parameter":                       {input(";tag=", ";x=1;tag="), "", ""},
		"no alg":                                     {input(`;alg="ed25519"`, ""), "webhook_signature_params_incomplete", "2"},
		"another tag and no alg":                     {input(`;alg="ed25519";tag="adcp/`, `;tag="acdp/`), "webhook_signature_params_incomplete", "2"},
		"the tag in another case, and a foreign alg": {input(`ed25519";tag="adcp`, `hmac-sha256";tag="ADCP`), "webhook_signature_tag_invalid", "3"},
		"created 60 s ahead":                         {window(60, 300), "", ""},
		"created 61 s ahead":                         {window(61, 300), "webhook_signature_window_invalid", "5"},
		"expired 60 s ago":                           {window(-100, -60), "", ""},
		"expired 61 s ago":                           {window(-100, -61), "webhook_signature_window_invalid", "5"},
		"a window of 301 s":                          {window(0, 301), "webhook_signature_window_invalid", "5"},
		"the type with a parameter":                  {func(_ *testing.T, m *Message) { edit(m, HeaderInput, `"content-type"`, `"content-type";bs`) }, "webhook_signature_components_incomplete", "6"},
		"another header covered as well": {func(t *testing.T, m *Message) {
			m.Header.Set("X-Trace", "a")
			input(`"content-type"`, `"content-type" "x-trace"`)(t, m)
		}, "", ""},
		"the key's other algorithm":                   {input(`alg="ed25519"`, `alg="ecdsa-p256-sha256"`), "webhook_signature_key_purpose_invalid", "8"},
		"another host (F42)":                          {func(_ *testing.T, m *Message) { m.Host = "other.example" }, "webhook_target_uri_malformed", "10"},
		"authority and host differ":                   {func(_ *testing.T, m *Message) { m.Authority = "other.example" }, "webhook_target_uri_malformed", "10"},
		"authority alone":                             {func(_ *testing.T, m *Message) { m.Authority, m.Host = "hooks.buyer.example", "" }, "", ""},
		"no host":                                     {func(_ *testing.T, m *Message) { m.Host = "" }, "webhook_target_uri_malformed", "10"},
		"the host with its default port, in capitals": {func(_ *testing.T, m *Message) { m.Host = "Hooks.Buyer.example:443" }, "", ""},
		"userinfo in the host":                        {func(_ *testing.T, m *Message) { m.Host = "x@hooks.buyer.example" }, "webhook_target_uri_malformed", "10"},
		"a malformed URL":                             {func(_ *testing.T, m *Message) { m.URL = "https://user@/p" }, "webhook_target_uri_malformed", "10"},
		"another path":                                {func(_ *testing.T, m *Message) { m.URL += "x" }, "webhook_signature_invalid", "10"},
		"another method":                              {func(_ *testing.T, m *Message) { m.Method = "PUT" }, "webhook_signature_invalid", "10"},
		"another content type":                        {set(headerType, "application/json; charset=utf-8"), "webhook_signature_invalid", "10"},
		"no content type":                             {del(headerType), "webhook_signature_invalid", "10"},
		"no digest":                                   {del(HeaderDigest), "webhook_signature_invalid", "10"},
		"parameters in another order":                 {input(`;alg="ed25519";tag="adcp/webhook-signing/v1"`, `;tag="adcp/webhook-signing/v1";alg="ed25519"`), "", ""},
		"parameters reordered after signing": {func(_ *testing.T, m *Message) {
			edit(m, HeaderInput, `;alg="ed25519";tag="adcp/webhook-signing/v1"`, `;tag="adcp/webhook-signing/v1";alg="ed25519"`)
		}, "webhook_signature_invalid", "10"},
		"a signature of 63 bytes": {set(HeaderSignature, "sig1=:"+strings.Repeat("A", 84)+":"), "webhook_signature_invalid", "10"},
		"a signature in standard base64 (F40)": {func(t *testing.T, m *Message) {
			m.Header.Set(HeaderSignature, "sig1=:"+standard(t, m)+":")
		}, "", ""},
		"the same without its padding": {func(t *testing.T, m *Message) {
			m.Header.Set(HeaderSignature, "sig1=:"+strings.TrimRight(standard(t, m), "=")+":")
		}, "", ""},
		"a digest of another algorithm":            {func(t *testing.T, m *Message) { set(HeaderDigest, "sha-512=:AAAA:")(t, m); input("sig1", "sig1")(t, m) }, "webhook_signature_digest_mismatch", "11"},
		"no JSON (F45: the envelope's matter)":     {body(id, "hello"), "", ""},
		"a key twice in an array's object (F43)":   {body(id, `{"a":[{"b":1,"\u0062":2}]}`), "webhook_body_malformed", "14"},
		"two keys that are equal but for the case": {body(id, `{"a":1,"A":2}`), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, s := desk(id)
			m := delivery(t, id, `{"task_id":"task_1"}`, stamp)
			tc.change(t, &m)
			got, err := v.Verify(t.Context(), m, now)
			if code, step := verdict(got, err); code != tc.code || step != tc.step {
				t.Errorf("got %s at step %s: %+v", code, step, err)
			}
			if claimed := len(s.claimed) > 0; claimed != (tc.step == "" || tc.step == "14") {
				t.Errorf("nonce claimed: %t", claimed)
			}
			if err == nil && (got.KeyID != id.Key.KID || got.Alg != AlgEd25519 || s.claimed[got.KeyID+" "+got.Nonce] != got.Expires.Add(time.Minute)) {
				t.Errorf("got %+v, claims %v", got, s.claimed)
			}
		})
	}
}

// standard is m's signature in standard base64.
func standard(t *testing.T, m *Message) string {
	in, err := labelled(m.Header.Get(HeaderSignature))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := decodeBytes(in.value.text)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(raw)
}

func body(id Identity, text string) func(*testing.T, *Message) {
	return func(t *testing.T, m *Message) { *m = delivery(t, id, text, stamp) }
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// contract F37: which of several faults is told decides what an attacker learns, and what the cryptography costs.
func TestVerifyOrder(t *testing.T) {
	t.Parallel()
	id := sender("seller-2026")
	broken := delivery(t, id, `{}`, stamp)
	broken.Header.Set(HeaderSignature, "sig1=:"+strings.Repeat("A", 86)+":")
	for name, tc := range map[string]struct {
		change     func(v *Verifier, s *state)
		code, step string
		calls      []string
	}{
		"a key of another purpose": {func(v *Verifier, _ *state) {
			k := id.Key
			k.AdCPUse = "response-signing"
			v.Keys = JWKS{k.KID: k}
		}, "webhook_signature_key_purpose_invalid", "8", nil},
		"a revoked key":       {func(_ *Verifier, s *state) { s.revoked = []string{id.Key.KID} }, "webhook_signature_key_revoked", "9", []string{"check"}},
		"a stale list":        {func(_ *Verifier, s *state) { s.stale = true }, "webhook_signature_revocation_stale", "9", []string{"check"}},
		"a key over its cap":  {func(_ *Verifier, s *state) { s.full[id.Key.KID] = true }, "webhook_signature_rate_abuse", "9a", []string{"check", "seen"}},
		"a nonce used before": {func(_ *Verifier, s *state) { s.claimed[id.Key.KID+" "+stamp.Nonce] = now }, "webhook_signature_invalid", "10", []string{"check", "seen"}},
		"nothing else":        {func(*Verifier, *state) {}, "webhook_signature_invalid", "10", []string{"check", "seen"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, s := desk(id)
			tc.change(&v, s)
			code, step := verdict(v.Verify(t.Context(), broken, now))
			if code != tc.code || step != tc.step || !slices.Equal(s.calls, tc.calls) {
				t.Errorf("got %s at step %s after %v", code, step, s.calls)
			}
		})
	}
}

// contract F37: a body with a key twice burns its nonce.
func TestVerifyBurnsTheNonceBeforeTheBody(t *testing.T) {
	t.Parallel()
	id := sender("seller-2026")
	v, _ := desk(id)
	m := delivery(t, id, `{"status":"completed","status":"failed\u202e"}`, stamp)
	_, err := v.Verify(t.Context(), m, now)
	var refused *Error
	if !errors.As(err, &refused) || refused.Code != "webhook_body_malformed" {
		t.Fatal(err)
	}
	if want := "keyid=seller-2026 nonce=" + stamp.Nonce + " length=46 keys=status"; refused.Detail != want { // contract F44
		t.Errorf("detail %q, want %q", refused.Detail, want)
	}
	if code, step := verdict(v.Verify(t.Context(), m, now)); code != "webhook_signature_replayed" || step != "12" {
		t.Errorf("then %s at step %s", code, step)
	}
}

// A digest that is wrong under a right signature is told as such, before any nonce is spent.
func TestVerifyDigestBeforeNonce(t *testing.T) {
	t.Parallel()
	id := sender("seller-2026")
	v, s := desk(id)
	m := delivery(t, id, `{"a":1}`, stamp)
	m.Body = []byte(`{"a":1,"a":2}`)
	if code, step := verdict(v.Verify(t.Context(), m, now)); code != "webhook_signature_digest_mismatch" || step != "11" || len(s.claimed) > 0 {
		t.Errorf("got %s at step %s, claims %v", code, step, s.claimed)
	}
}

// What is our fault comes out as it is, so that the sender is asked to come again rather than told that it is wrong.
func TestVerifyOwnFaults(t *testing.T) {
	t.Parallel()
	id, ours := sender("seller-2026"), errors.New("throttled")
	for _, call := range []string{"check", "seen", "claim"} {
		v, s := desk(id)
		s.fail[call] = ours
		if _, err := v.Verify(t.Context(), delivery(t, id, `{}`, stamp), now); !errors.Is(err, ours) {
			t.Errorf("%s: %v", call, err)
		}
	}
	v, _ := desk(id)
	v.Keys = failing{ours}
	if _, err := v.Verify(t.Context(), delivery(t, id, `{}`, stamp), now); !errors.Is(err, ours) {
		t.Errorf("key: %v", err)
	}
}

// Two deliveries of one message at once: both have looked, one claims. And the cap may be reached in between.
func TestVerifyRaces(t *testing.T) {
	t.Parallel()
	id := sender("seller-2026")
	for err, want := range map[error][2]string{ErrReplayed: {"webhook_signature_replayed", "12"}, ErrRateAbuse: {"webhook_signature_rate_abuse", "13"}} {
		v, s := desk(id)
		s.fail["claim"] = err
		if code, step := verdict(v.Verify(t.Context(), delivery(t, id, `{"a":1,"a":2}`, stamp), now)); code != want[0] || step != want[1] {
			t.Errorf("%v: %s at step %s", err, code, step)
		}
	}
}

func TestVerifyRequest(t *testing.T) {
	t.Parallel()
	id := sender("buyer-2026")
	v, _ := desk(id)
	v.Profile = RequestProfile(DigestEither)
	m := Message{Method: http.MethodPost, URL: "https://sales.example/mcp", Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(`{"a":1,"a":2}`)}
	if code, step := verdict(v.Verify(t.Context(), m, now)); code != "request_signature_required" || step != "0" {
		t.Errorf("unsigned: %s at step %s", code, step)
	}
	signed(t, v.Profile, id, &m, stamp)
	more := m
	more.Header = m.Header.Clone()
	more.Header.Set("X-Trace", "a")
	edit(&more, HeaderInput, `"content-type"`, `"content-type" "x-trace"`)
	if code, step := verdict(v.Verify(t.Context(), more, now)); code != "request_signature_components_unexpected" || step != "6" { // contract B48
		t.Errorf("more covered: %s at step %s", code, step)
	}
	if _, err := v.Verify(t.Context(), m, now); err != nil { // step 14 is the webhooks'
		t.Errorf("signed: %v", err)
	}
	idn := m
	idn.URL = "https://bücher.example/mcp"
	if code, step := verdict(v.Verify(t.Context(), idn, now)); code != "request_signature_header_malformed" || step != "1" { // contract B54
		t.Errorf("a raw host: %s at step %s", code, step)
	}
}
