package httpsig

import (
	"cmp"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp/adcptest"
)

// vector is a file of the directory webhook-signing or request-signing (contract P1, P4).
type vector struct {
	Now     int64  `json:"reference_now"`
	Version string `json:"signing_profile_version"` // of requests
	Request struct {
		Method  string            `json:"method"`
		URL     string            `json:"url"`
		Headers map[string]string `json:"headers"`
		Body    string            `json:"body"`
	} `json:"request"`
	Capability struct {
		Digest DigestPolicy `json:"covers_content_digest"`
	} `json:"verifier_capability"`
	KeyIDs   []string        `json:"jwks_ref"`
	Override json.RawMessage `json:"jwks_override"`
	Base     string          `json:"expected_signature_base"`
	State    struct {
		Replay []struct {
			KeyID string `json:"keyid"`
			Nonce string `json:"nonce"`
		} `json:"replay_cache_entries"`
		FilledFor string `json:"per_keyid_cap_filled_for"`
		CapHit    struct {
			KeyID string `json:"keyid"`
		} `json:"replay_cache_per_keyid_cap_hit"`
		RevokedKIDs    []string `json:"revoked_kids"`
		RevocationList struct {
			RevokedKIDs []string `json:"revoked_kids"`
		} `json:"revocation_list"`
		StaleSeconds int `json:"revocation_list_stale_seconds"`
	} `json:"test_harness_state"`
	Outcome struct {
		Success bool   `json:"success"`
		Code    string `json:"error_code"`
	} `json:"expected_outcome"`
}

func (v vector) message() Message {
	h := http.Header{}
	for name, value := range v.Request.Headers {
		h.Set(name, value)
	}
	return Message{
		Method: v.Request.Method,
		URL:    v.Request.URL,
		Host:   cmp.Or(v.Request.Headers["Host"], rawAuthority(v.Request.URL)),
		Header: h,
		Body:   []byte(v.Request.Body),
	}
}

// profile is the one that a vector of requests is for.
func (v vector) profile() Profile {
	if v.Version == "3.2" {
		return RequestProfile32()
	}
	return RequestProfile(v.Capability.Digest)
}

// privateKeys reads the private parts of a keys.json.
func privateKeys(t *testing.T, file []byte) map[string]string {
	t.Helper()
	var keys struct {
		Keys []struct {
			KID string `json:"kid"`
			D   string `json:"_private_d_for_test_only"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(file, &keys); err != nil {
		t.Fatal(err)
	}
	private := map[string]string{}
	for _, k := range keys.Keys {
		private[k.KID] = k.D
	}
	return private
}

// keys returns the key set of a vector's verifier: the vector's own set if it has one, in either of
// the two shapes that the files use.
func (v vector) keys(t *testing.T, all JWKS) JWKS {
	t.Helper()
	set := JWKS{}
	for _, id := range v.KeyIDs {
		if k, ok := all[id]; ok {
			set[id] = k
		}
	}
	if v.Override == nil {
		return set
	}
	if over, err := ParseJWKS(v.Override); err == nil && len(over) > 0 {
		return over
	}
	if err := json.Unmarshal(v.Override, &set); err != nil {
		t.Fatal(err)
	}
	return set
}

func (v vector) verifier(t *testing.T, p Profile, all JWKS) Verifier {
	t.Helper()
	s := &fakeSender{
		claimed: map[string]time.Time{},
		full:    map[string]bool{v.State.FilledFor: true, v.State.CapHit.KeyID: true},
		revoked: slices.Concat(v.State.RevokedKIDs, v.State.RevocationList.RevokedKIDs),
		stale:   v.State.StaleSeconds > 0,
	}
	for _, e := range v.State.Replay {
		s.claimed[e.KeyID+" "+e.Nonce] = time.Time{}
	}
	return Verifier{Profile: p, Keys: v.keys(t, all), Revocation: s, Replay: s, AllowTestKeys: true}
}

// vectorTest tests one vector; all and private are the keys of its directory.
type vectorTest func(t *testing.T, v vector, all JWKS, private map[string]string)

// vectors324 is where the bundle has the vectors of 3.2.4.
const vectors324 = "_compliance/3.2.4/test-vectors/"

// bundledVectors reads the vectors of 3.2.4 in a directory, by their names without ".json".
func bundledVectors(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(adcptest.BundleDir(t), filepath.FromSlash(vectors324+dir), "*.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %d vectors, %v", dir, len(paths), err)
	}
	files := map[string][]byte{}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[strings.TrimSuffix(filepath.Base(path), ".json")] = b
	}
	return files
}

// eachVector runs a test for every vector of a directory: those of 3.1.19, and those of 3.2.4. It
// skips those of 3.1.19 that AdCP has corrected: what they ask for now is what 3.2.4's ask for.
func eachVector(t *testing.T, dir string, test vectorTest, corrected ...string) {
	t.Helper()
	parent, _, _ := strings.Cut(dir, "/")
	t.Run("3.1.19", func(t *testing.T) {
		t.Parallel()
		files := adcptest.VectorDir(t, dir)
		for _, name := range corrected {
			delete(files, name)
		}
		runVectors(t, files, adcptest.Vector(t, parent+"/keys.json"), test)
	})
	eachVector324(t, dir, test)
}

// eachVector324 runs a test for every vector of a directory of 3.2.4.
func eachVector324(t *testing.T, dir string, test vectorTest) {
	t.Helper()
	parent, _, _ := strings.Cut(dir, "/")
	t.Run("3.2.4", func(t *testing.T) {
		t.Parallel()
		runVectors(t, bundledVectors(t, dir), adcptest.Bundle(t, vectors324+parent+"/keys.json"), test)
	})
}

func runVectors(t *testing.T, files map[string][]byte, keys []byte, test vectorTest) {
	t.Helper()
	all, err := ParseJWKS(keys)
	if err != nil {
		t.Fatal(err)
	}
	private := privateKeys(t, keys)
	for name, b := range files {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var v vector
			if err := json.Unmarshal(b, &v); err != nil {
				t.Fatal(err)
			}
			test(t, v, all, private)
		})
	}
}

func TestVectorWebhookPositive(t *testing.T) {
	t.Parallel()
	eachVector(t, "webhook-signing/positive", func(t *testing.T, v vector, all JWKS, private map[string]string) {
		v.checkAccepted(t, WebhookProfile(), all, private)
	})
}

func TestVectorRequestPositive(t *testing.T) {
	t.Parallel()
	accepted := func(t *testing.T, v vector, all JWKS, private map[string]string) {
		v.checkAccepted(t, v.profile(), all, private)
	}
	eachVector(t, "request-signing/positive", accepted)
	eachVector324(t, "request-signing/profile-3.2/positive", accepted)
}

func TestVectorWebhookNegative(t *testing.T) {
	t.Parallel()
	eachVector(t, "webhook-signing/negative", func(t *testing.T, v vector, all JWKS, _ map[string]string) {
		if slices.Equal(v.KeyIDs, []string{"test-wrong-purpose-2026"}) {
			t.Skip("AdCP 3.0 refused a request-signing key for webhooks; " +
				"AdCP 3.1 accepts it (its positive vector 008)")
		}
		v.checkRefused(t, WebhookProfile(), all)
	})
}

func TestVectorRequestNegative(t *testing.T) {
	t.Parallel()
	refused := func(t *testing.T, v vector, all JWKS, _ map[string]string) { v.checkRefused(t, v.profile(), all) }
	eachVector(t, "request-signing/negative", refused, "026-non-ascii-host") // contract B54
	eachVector324(t, "request-signing/profile-3.2/negative", refused)
}

func (v vector) checkRefused(t *testing.T, p Profile, all JWKS) {
	t.Helper()
	_, err := v.verifier(t, p, all).Verify(t.Context(), v.message(), time.Unix(v.Now, 0))
	var refused *Error
	if !errors.As(err, &refused) || refused.Code != v.Outcome.Code {
		t.Fatalf("got %v, want %s", err, v.Outcome.Code)
	}
}

// checkAccepted checks that a positive vector verifies, that signatureBase returns its base byte
// for byte and, for the deterministic Ed25519, that Sign returns its signature.
func (v vector) checkAccepted(t *testing.T, p Profile, all JWKS, private map[string]string) {
	t.Helper()
	m, now := v.message(), time.Unix(v.Now, 0)
	got, err := v.verifier(t, p, all).Verify(t.Context(), m, now)
	if err != nil {
		var refused *Error
		errors.As(err, &refused)
		t.Fatalf("refused: %+v", refused)
	}
	s, err := parseHeaders(m.Header, p.padded)
	if err != nil {
		t.Fatal(err)
	}
	target, err := canonical(m.URL)
	if err != nil {
		t.Fatal(err)
	}
	base, err := signatureBase(m, target, s.components, s.rawParams)
	if err != nil || v.Base != "" && string(base) != v.Base {
		t.Errorf("base\n%s\nwant\n%s", base, v.Base)
	}
	if got.Alg != AlgEd25519 {
		return
	}
	seed, err := base64.RawURLEncoding.DecodeString(private[got.KeyID])
	if err != nil {
		t.Fatal(err)
	}
	key := ed25519.NewKeyFromSeed(seed)
	signed, field := label+"="+encodeBytes(ed25519.Sign(key, base), p.padded), m.Header.Get(HeaderSignature)
	if !strings.HasPrefix(field, signed) { // a relay's signature may follow
		t.Errorf("signature\n%s\nwant\n%s", signed, field)
	}
	if s.covers(compDigest) != p.padded { // 3.1's write the digest in the other alphabet: see TestSign
		return
	}
	if strings.Contains(s.digestField, "sha-512") { // which a signer of ours does not write
		return
	}
	signing := p
	if !p.padded {
		signing = RequestProfile(DigestForbidden)
	}
	id := Identity{all[got.KeyID], ed25519Signer(key)}
	stamp := Stamp{Created: got.Created, Lifetime: got.Expires.Sub(got.Created), Nonce: got.Nonce}
	h, err := Sign(t.Context(), signing, id, m, stamp)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(field, h.Get(HeaderSignature)) ||
		!strings.HasPrefix(m.Header.Get(HeaderInput), h.Get(HeaderInput)) {
		t.Errorf("signed %v", h)
	}
}

func TestVectorCanonicalization(t *testing.T) {
	t.Parallel()
	var file struct {
		Cases []struct {
			Name      string `json:"name"`
			Input     string `json:"input_url"`
			Target    string `json:"expected_target_uri"`
			Authority string `json:"expected_authority"`
			Reject    bool   `json:"reject"`
		} `json:"cases"`
	}
	for version, read := range map[string]func(*testing.T) []byte{
		"3.1.19": func(t *testing.T) []byte { return adcptest.Vector(t, "request-signing/canonicalization.json") },
		"3.2.4": func(t *testing.T) []byte {
			return adcptest.Bundle(t, vectors324+"request-signing/canonicalization.json")
		},
	} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			file := file
			if err := json.Unmarshal(read(t), &file); err != nil || len(file.Cases) == 0 {
				t.Fatal(err)
			}
			for _, c := range file.Cases {
				t.Run(c.Name, func(t *testing.T) {
					t.Parallel()
					got, err := canonical(c.Input)
					if c.Reject != (err != nil) || got.full != c.Target || got.authority != c.Authority {
						t.Errorf("%s gave %+v, %v", c.Input, got, err)
					}
				})
			}
		})
	}
}
