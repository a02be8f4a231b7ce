package keyring

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/httpsig"
)

var b64 = base64.RawURLEncoding.EncodeToString

// signer signs lists.
type signer struct {
	alg  string
	jwk  httpsig.JWK
	sign func(input []byte) []byte
}

func edSigner(kid string) signer {
	k := newKey(kid)
	return signer{"EdDSA", k.JWK, func(input []byte) []byte { s, _ := k.Sign(context.Background(), input); return s }}
}

func esSigner(t *testing.T, kid string) signer {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := private.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	jwk := httpsig.JWK{KID: kid, KeyType: "EC", Curve: "P-256", Alg: "ES256", Use: "sig", KeyOps: []string{"verify"}, AdCPUse: "governance-signing",
		X: b64(point[1:33]), Y: b64(point[33:])}
	return signer{"ES256", jwk, func(input []byte) []byte {
		digest := sha256.Sum256(input)
		r, s, err := ecdsa.Sign(rand.Reader, private, digest[:])
		if err != nil {
			t.Fatal(err)
		}
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	}}
}

// header is a list's protected header, with what a test changes; nil takes a member away.
func (s signer) header(changes map[string]any) string {
	h := map[string]any{"kid": s.jwk.KID, "alg": s.alg, "typ": listType}
	for k, v := range changes {
		if h[k] = v; v == nil {
			delete(h, k)
		}
	}
	return b64([]byte(encoded(h)))
}

// part is a payload's signature: the protected header and the value.
func (s signer) part(payload string, changes map[string]any) (header, value string) {
	header = s.header(changes)
	return header, b64(s.sign([]byte(header + "." + b64([]byte(payload)))))
}

func (s signer) compact(payload string) string {
	header, value := s.part(payload, nil)
	return header + "." + b64([]byte(payload)) + "." + value
}

func (s signer) flattened(payload string, changes map[string]any) string {
	header, value := s.part(payload, changes)
	return encoded(map[string]any{"payload": b64([]byte(payload)), "protected": header, "signature": value})
}

func general(payload string, signers ...signer) string {
	var all []any
	for _, s := range signers {
		header, value := s.part(payload, nil)
		all = append(all, map[string]any{"protected": header, "signature": value, "header": map[string]any{"note": "unprotected"}})
	}
	return encoded(map[string]any{"payload": b64([]byte(payload)), "signatures": all})
}

// Everything that a list has to be (contract F60). What is not is unavailable at first sight.
func TestLists(t *testing.T) {
	t.Parallel()
	k1, gov, other := edSigner("k1"), edSigner("gov"), edSigner("other")
	gov.jwk.AdCPUse = "governance-signing"
	es := esSigner(t, "es")
	with := func(w *world, changes map[string]any) string {
		p := w.payload(time.Hour, "k9")
		maps.Copy(p, changes)
		for k, v := range changes {
			if v == nil {
				delete(p, k)
			}
		}
		return encoded(p)
	}
	plain := func(w *world) string { return with(w, nil) }
	header := func(changes map[string]any) func(w *world) string {
		return func(w *world) string { return k1.flattened(plain(w), changes) }
	}
	payload := func(changes map[string]any) func(w *world) string {
		return func(w *world) string { return k1.compact(with(w, changes)) }
	}
	fit := func(change func(*httpsig.JWK)) signer {
		s := edSigner("fit")
		change(&s.jwk)
		return s
	}
	at := func(d time.Duration) string { return start.Add(d).Format(time.RFC3339) }
	many := make([]string, maxRevoked+1)
	for name, tc := range map[string]struct {
		list func(w *world) string
		keys []signer // of the sender's set, beside k1
		good bool
	}{
		"compact":               {list: func(w *world) string { return k1.compact(plain(w)) }, good: true},
		"with a line's end":     {list: func(w *world) string { return k1.compact(plain(w)) + "\r\n" }, good: true},
		"flattened":             {list: header(nil), good: true},
		"general":               {list: func(w *world) string { return general(plain(w), other, k1) }, good: true},
		"general, none known":   {list: func(w *world) string { return general(plain(w), other) }},
		"general, none":         {list: func(w *world) string { return general(plain(w)) }},
		"general, too many":     {list: func(w *world) string { return general(plain(w), k1, k1, k1, k1, k1, k1, k1, k1, k1) }},
		"general and flattened": {list: func(w *world) string { return `{"signatures":[],` + k1.flattened(plain(w), nil)[1:] }},
		"ES256":                 {list: func(w *world) string { return es.compact(plain(w)) }, keys: []signer{es}, good: true},
		"by the governance key": {list: func(w *world) string { return gov.compact(plain(w)) }, keys: []signer{gov}, good: true},
		"by a key of another purpose": {list: func(w *world) string { return edSigner("fit").compact(plain(w)) },
			keys: []signer{fit(func(k *httpsig.JWK) { k.AdCPUse = "response-signing" })}},
		"by a key for signing": {list: func(w *world) string { return edSigner("fit").compact(plain(w)) },
			keys: []signer{fit(func(k *httpsig.JWK) { k.KeyOps = []string{"sign"} })}},
		"by a key for encryption": {list: func(w *world) string { return edSigner("fit").compact(plain(w)) },
			keys: []signer{fit(func(k *httpsig.JWK) { k.Use = "enc" })}},
		"by a key that is out": {list: func(w *world) string { return edSigner("fit").compact(plain(w)) },
			keys: []signer{fit(func(k *httpsig.JWK) { k.D = "x" })}},
		"by a key of another curve": {list: func(w *world) string { return edSigner("fit").compact(plain(w)) },
			keys: []signer{fit(func(k *httpsig.JWK) { k.Curve = "Ed448" })}},
		"by a key of no length": {list: func(w *world) string { return edSigner("fit").compact(plain(w)) },
			keys: []signer{fit(func(k *httpsig.JWK) { k.X = "AA" })}},
		"by a point without y": {list: func(w *world) string { return es.compact(plain(w)) },
			keys: []signer{{jwk: func() httpsig.JWK { k := es.jwk; k.Y = ""; return k }()}}},
		"by a point off the curve": {list: func(w *world) string { return es.compact(plain(w)) },
			keys: []signer{{jwk: func() httpsig.JWK { k := es.jwk; k.Y = k.X; return k }()}}},
		"signed by another":         {list: func(w *world) string { s := other; s.jwk.KID = "k1"; return s.compact(plain(w)) }},
		"alg of another kind":       {list: header(map[string]any{"alg": "ES256"})},
		"alg none":                  {list: header(map[string]any{"alg": "none"})},
		"alg HS256":                 {list: header(map[string]any{"alg": "HS256"})},
		"no alg":                    {list: header(map[string]any{"alg": nil})},
		"no kid":                    {list: header(map[string]any{"kid": nil})},
		"kid a number":              {list: header(map[string]any{"kid": 1})},
		"typ of another":            {list: header(map[string]any{"typ": "adcp-governance+jws"})},
		"typ in capitals":           {list: header(map[string]any{"typ": strings.ToUpper(listType)})},
		"no typ":                    {list: header(map[string]any{"typ": nil, "Typ": listType})},
		"crit":                      {list: header(map[string]any{"crit": []string{"x"}})},
		"b64":                       {list: header(map[string]any{"b64": true})},
		"jwk of its own":            {list: func(w *world) string { return other.flattened(plain(w), map[string]any{"jwk": other.jwk}) }},
		"no header":                 {list: func(w *world) string { return "." + b64([]byte(plain(w))) + "." }},
		"header that is padded":     {list: func(w *world) string { return strings.Replace(k1.compact(plain(w)), ".", "=.", 1) }},
		"a header with a key twice": {list: twice},
		"cut":                       {list: func(w *world) string { s := k1.compact(plain(w)); return s[:len(s)-4] }},
		"broken":                    {list: func(w *world) string { s := k1.compact(plain(w)); return s[:len(s)-9] + "\n" + s[len(s)-9:] }},
		"payload a number":          {list: func(w *world) string { return `{"payload":1}` }},
		"protected a number":        {list: func(w *world) string { return `{"payload":"e30","protected":1}` }},
		"signature a number":        {list: func(w *world) string { return `{"payload":"e30","protected":"e30","signature":1}` }},
		"a key twice around":        {list: func(w *world) string { return `{"payload":"","payload":""}` }},
		"not signed":                {list: plain},
		"empty":                     {list: func(*world) string { return "" }},
		"another issuer":            {list: payload(map[string]any{"issuer": "https://example.com"})},
		"a host for an issuer": {list: func(w *world) string {
			return k1.compact(with(w, map[string]any{"issuer": strings.TrimPrefix(w.origin(), "http://")}))
		}},
		"a slash after the issuer":        {list: func(w *world) string { return k1.compact(with(w, map[string]any{"issuer": w.origin() + "/"})) }, good: true},
		"two slashes":                     {list: func(w *world) string { return k1.compact(with(w, map[string]any{"issuer": w.origin() + "//"})) }},
		"version 2":                       {list: payload(map[string]any{"version": 2})},
		"version a string":                {list: payload(map[string]any{"version": "1"})},
		"no version":                      {list: payload(map[string]any{"version": nil})},
		"updated without an offset":       {list: payload(map[string]any{"updated": "2026-11-23T12:00:00"})},
		"updated in another zone":         {list: payload(map[string]any{"updated": "2026-11-23T13:00:00+01:00"}), good: true},
		"no updated":                      {list: payload(map[string]any{"updated": nil})},
		"updated in a minute":             {list: payload(map[string]any{"updated": at(time.Minute)}), good: true},
		"updated later":                   {list: payload(map[string]any{"updated": at(61 * time.Second)})},
		"next_update before updated":      {list: payload(map[string]any{"next_update": at(-time.Second)})},
		"next_update at updated":          {list: payload(map[string]any{"next_update": at(0)})},
		"no next_update":                  {list: payload(map[string]any{"next_update": nil})},
		"no revoked_kids":                 {list: payload(map[string]any{"revoked_kids": nil})},
		"revoked_kids null":               {list: func(w *world) string { return k1.compact(strings.Replace(plain(w), `["k9"]`, "null", 1)) }},
		"revoked_kids with a number":      {list: payload(map[string]any{"revoked_kids": []any{"k9", 1}})},
		"too many revoked_kids":           {list: payload(map[string]any{"revoked_kids": many})},
		"revoked_kids under another name": {list: payload(map[string]any{"revoked_kids": nil, "Revoked_Kids": []any{"k9"}})},
		"a payload with a key twice":      {list: func(w *world) string { return k1.compact(`{"version":1,` + plain(w)[1:]) }},
		"a payload that is none":          {list: func(w *world) string { return k1.compact("[]") }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			keys := []httpsig.JWK{k1.jwk}
			for _, s := range tc.keys {
				keys = append(keys, s.jwk)
			}
			w.set(jwksPath, encoded(map[string]any{"keys": keys}))
			w.set(listPath, tc.list(w))
			w.want("k1", "k1")
			if tc.good {
				w.wantCheck("k1", "good")
				w.wantCheck("k9", "revoked")
			} else {
				w.wantCheck("k1", "503 revocation_malformed")
			}
		})
	}
}

// twice is a list whose protected header says its alg twice.
func twice(w *world) string {
	header := b64([]byte(`{"alg":"EdDSA","alg":"EdDSA","kid":"k1","typ":"` + listType + `"}`))
	body := b64([]byte(encoded(w.payload(time.Hour))))
	return header + "." + body + "." + b64(edSigner("k1").sign([]byte(header+"."+body)))
}

// The sender's own set comes first, and then the issuer's, which is asked only for keys that aren't in the first.
func TestListKeys(t *testing.T) {
	t.Parallel()
	w := newNetWorld(t)
	w.set(operatorBrand, w.brand("")) // brand.json at example.co.uk, keys at sales.example.co.uk
	w.set(ownKeys, keySet("k1"))
	issue := func(s signer) {
		p := w.payload(10*time.Minute, "k9")
		p["issuer"] = "https://example.co.uk"
		w.set("example.co.uk"+listPath, s.compact(encoded(p)))
	}
	const issuers = "example.co.uk" + jwksPath
	issue(edSigner("gov"))
	w.want("k1", "k1")
	w.wantCheck("k9", "503 revocation_malformed") // the issuer has no key set: no key of its verifies this
	w.pass(failureRest)
	w.status(issuers, http.StatusBadGateway)
	w.wantCheck("k9", "503 revocation_unreachable")
	w.pass(failureRest)
	w.set(issuers, keySet("gov", "k1"))
	w.wantCheck("k9", "revoked")
	n := w.asked(issuers)
	issue(edSigner("k1"))
	w.pass(10 * time.Minute)
	w.wantCheck("k9", "revoked")
	if w.asked(issuers) != n {
		t.Error("the issuer's keys were asked for needlessly")
	}
	// The sender's key of that id is the one that counts.
	fake := newKey("fake").JWK
	fake.KID = "gov"
	w.set(ownKeys, encoded(map[string]any{"keys": []any{newKey("k1").JWK, fake}}))
	w.pass(10 * time.Minute)
	w.want("gov", "gov")
	issue(edSigner("gov"))
	w.pass(10 * time.Minute)
	w.wantCheck("k9", "revoked")
	if l := w.state().List; l.Failure != listMalformed {
		t.Errorf("failure %q", l.Failure)
	}
	// The protocol's test keys sign nothing outside a local stack (contract L23).
	if !httpsig.IsTestKey(httpsig.JWK{KID: "test-gov-2026"}) {
		t.Fatal("no test key")
	}
	for loopback, want := range map[bool]string{true: "good", false: "503 revocation_malformed"} {
		w := newNetWorld(t)
		w.Loopback = loopback
		w.set(ownBrand, w.brand(""))
		w.set(ownKeys, keySet("test-gov-2026"))
		w.set("sales.example.co.uk"+listPath, edSigner("test-gov-2026").compact(encoded(w.payload(time.Hour))))
		w.wantCheck("k1", want)
	}
}
