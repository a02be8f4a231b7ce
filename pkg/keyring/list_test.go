package keyring

import (
	"maps"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/httpsig"
)

// listCase is a revocation list that revokes k9, at an agent whose key set has k1.
type listCase struct {
	list func(h *harness) string
	keys []listSigner // more keys of the agent's set
	good bool         // else the first check is answered with 503 revocation_malformed
}

// testLists checks contract F60: everything that a list has to be.
func testLists(t *testing.T, cases map[string]listCase) {
	t.Helper()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t)
			keys := []httpsig.JWK{newKey("k1").JWK}
			for _, s := range tc.keys {
				keys = append(keys, s.jwk)
			}
			h.set(jwksPath, encoded(map[string]any{"keys": keys}))
			h.set(listPath, tc.list(h))
			h.wantKey("k1", "k1")
			if tc.good {
				h.wantRevocation("k1", "good")
				h.wantRevocation("k9", "revoked")
			} else {
				h.wantRevocation("k1", "503 revocation_malformed")
			}
		})
	}
}

// listWith returns the payload of a list with a test's changes; nil removes a member.
func listWith(h *harness, changes map[string]any) string {
	p := h.listPayload(time.Hour, "k9")
	maps.Copy(p, changes)
	for k, v := range changes {
		if v == nil {
			delete(p, k)
		}
	}
	return encoded(p)
}

// goodList returns the payload of a list in order.
func goodList(h *harness) string { return listWith(h, nil) }

// constant returns a list that is the same for every harness.
func constant(list string) func(*harness) string { return func(*harness) string { return list } }

func TestListForms(t *testing.T) {
	t.Parallel()
	k1, other := edSigner("k1"), edSigner("other")
	signedBy := func(signers ...listSigner) func(*harness) string {
		return func(h *harness) string { return general(goodList(h), signers...) }
	}
	compact := func(change func(jws string) string) func(*harness) string {
		return func(h *harness) string { return change(k1.compact(goodList(h))) }
	}
	flattened := func(change func(jws string) string) func(*harness) string {
		return func(h *harness) string { return change(k1.flattened(goodList(h), nil)) }
	}
	same := func(jws string) string { return jws }
	testLists(t, map[string]listCase{
		"compact":   {list: compact(same), good: true},
		"flattened": {list: flattened(same), good: true},
		"general":   {list: signedBy(other, k1), good: true},
		"compact with a line end": {
			list: compact(func(jws string) string { return jws + "\r\n" }),
			good: true,
		},
		"general without a known key": {list: signedBy(other)},
		"general without signatures":  {list: signedBy()},
		"general with too many":       {list: signedBy(k1, k1, k1, k1, k1, k1, k1, k1, k1)},
		"general and flattened": {list: flattened(func(jws string) string {
			return `{"signatures":[],` + jws[1:]
		})},
		"padded header": {list: compact(func(jws string) string {
			return strings.Replace(jws, ".", "=.", 1)
		})},
		"cut signature": {list: compact(func(jws string) string { return jws[:len(jws)-4] })},
		"line break in the signature": {list: compact(func(jws string) string {
			return jws[:len(jws)-9] + "\n" + jws[len(jws)-9:]
		})},
		"no header":                       {list: func(h *harness) string { return "." + b64([]byte(goodList(h))) + "." }},
		"header with a duplicate key":     {list: duplicateAlg},
		"number as payload":               {list: constant(`{"payload":1}`)},
		"number as protected header":      {list: constant(`{"payload":"e30","protected":1}`)},
		"number as signature":             {list: constant(`{"payload":"e30","protected":"e30","signature":1}`)},
		"duplicate key in the outer JSON": {list: constant(`{"payload":"","payload":""}`)},
		"not signed":                      {list: goodList},
		"empty":                           {list: constant("")},
	})
}

// duplicateAlg returns a list whose protected header has two members alg.
func duplicateAlg(h *harness) string {
	header := b64([]byte(`{"alg":"EdDSA","alg":"EdDSA","kid":"k1","typ":"` + listType + `"}`))
	body := b64([]byte(encoded(h.listPayload(time.Hour))))
	return header + "." + body + "." + b64(edSigner("k1").sign([]byte(header+"."+body)))
}

func TestListHeaders(t *testing.T) {
	t.Parallel()
	k1, other := edSigner("k1"), edSigner("other")
	ownKey := func(h *harness) string {
		return other.flattened(goodList(h), map[string]any{"jwk": other.jwk})
	}
	cases := map[string]listCase{"jwk of its own": {list: ownKey}}
	for name, changes := range map[string]map[string]any{
		"alg of another kind": {"alg": "ES256"},
		"alg none":            {"alg": "none"},
		"alg HS256":           {"alg": "HS256"},
		"no alg":              {"alg": nil},
		"no kid":              {"kid": nil},
		"number as kid":       {"kid": 1},
		"typ of another JWS":  {"typ": "adcp-governance+jws"},
		"typ in capitals":     {"typ": strings.ToUpper(listType)},
		"typ in another case": {"typ": nil, "Typ": listType},
		"crit":                {"crit": []string{"x"}},
		"b64":                 {"b64": true},
	} {
		cases[name] = listCase{list: func(h *harness) string { return k1.flattened(goodList(h), changes) }}
	}
	testLists(t, cases)
}

func TestListSigners(t *testing.T) {
	t.Parallel()
	by := func(s listSigner) func(*harness) string {
		return func(h *harness) string { return s.compact(goodList(h)) }
	}
	gov, es := edSigner("gov"), esSigner(t, "es")
	gov.jwk.AdCPUse = "governance-signing"
	asK1 := edSigner("other")
	asK1.jwk.KID = "k1"
	cases := map[string]listCase{
		"ES256":          {list: by(es), keys: []listSigner{es}, good: true},
		"governance key": {list: by(gov), keys: []listSigner{gov}, good: true},
		"another key under the id of a published one": {list: by(asK1)},
	}
	for name, change := range map[string]func(*httpsig.JWK){
		"key of another purpose":    func(k *httpsig.JWK) { k.AdCPUse = "response-signing" },
		"key for signing only":      func(k *httpsig.JWK) { k.KeyOps = []string{"sign"} },
		"key for encryption":        func(k *httpsig.JWK) { k.Use = "enc" },
		"key with its private part": func(k *httpsig.JWK) { k.D = "x" },
		"key of another curve":      func(k *httpsig.JWK) { k.Curve = "Ed448" },
		"key of the wrong length":   func(k *httpsig.JWK) { k.X = "AA" },
	} {
		published := edSigner("fit")
		change(&published.jwk)
		cases[name] = listCase{list: by(edSigner("fit")), keys: []listSigner{published}}
	}
	for name, y := range map[string]string{"point without y": "", "point off the curve": es.jwk.X} {
		published := es
		published.jwk.Y = y
		cases[name] = listCase{list: by(es), keys: []listSigner{published}}
	}
	testLists(t, cases)
}

func TestListPayloads(t *testing.T) {
	t.Parallel()
	k1 := edSigner("k1")
	after := func(d time.Duration) string { return start.Add(d).Format(time.RFC3339) }
	issuedBy := func(issuer func(origin string) string) func(*harness) string {
		return func(h *harness) string {
			return k1.compact(listWith(h, map[string]any{"issuer": issuer(h.agentOrigin())}))
		}
	}
	changed := func(change func(payload string) string) func(*harness) string {
		return func(h *harness) string { return k1.compact(change(goodList(h))) }
	}
	cases := map[string]listCase{
		"slash after the issuer": {
			list: issuedBy(func(origin string) string { return origin + "/" }),
			good: true,
		},
		"two slashes after the issuer": {list: issuedBy(func(origin string) string { return origin + "//" })},
		"host as issuer": {list: issuedBy(func(origin string) string {
			return strings.TrimPrefix(origin, "http://")
		})},
		"null as revoked_kids": {list: changed(func(payload string) string {
			return strings.Replace(payload, `["k9"]`, "null", 1)
		})},
		"duplicate key": {list: changed(func(payload string) string { return `{"version":1,` + payload[1:] })},
		"no object":     {list: changed(func(string) string { return "[]" })},
	}
	for name, tc := range map[string]struct {
		changes map[string]any
		good    bool
	}{
		"another issuer":               {map[string]any{"issuer": "https://example.com"}, false},
		"version 2":                    {map[string]any{"version": 2}, false},
		"version as string":            {map[string]any{"version": "1"}, false},
		"no version":                   {map[string]any{"version": nil}, false},
		"updated without an offset":    {map[string]any{"updated": "2026-11-23T12:00:00"}, false},
		"updated in another time zone": {map[string]any{"updated": "2026-11-23T13:00:00+01:00"}, true},
		"no updated":                   {map[string]any{"updated": nil}, false},
		"updated in a minute":          {map[string]any{"updated": after(time.Minute)}, true},
		"updated later":                {map[string]any{"updated": after(61 * time.Second)}, false},
		"next_update before updated":   {map[string]any{"next_update": after(-time.Second)}, false},
		"next_update at updated":       {map[string]any{"next_update": after(0)}, false},
		"no next_update":               {map[string]any{"next_update": nil}, false},
		"no revoked_kids":              {map[string]any{"revoked_kids": nil}, false},
		"number in revoked_kids":       {map[string]any{"revoked_kids": []any{"k9", 1}}, false},
		"too many revoked_kids":        {map[string]any{"revoked_kids": make([]string, maxRevoked+1)}, false},
		"revoked_kids in another case": {map[string]any{"revoked_kids": nil, "Revoked_Kids": []any{"k9"}}, false},
	} {
		list := func(h *harness) string { return k1.compact(listWith(h, tc.changes)) }
		cases[name] = listCase{list: list, good: tc.good}
	}
	testLists(t, cases)
}
