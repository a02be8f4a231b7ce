package httpsig

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/yaronf/httpsign"
)

// emptyStore is a Revocation and a Replay that remembers nothing: other benchmarks measure stores.
type emptyStore struct{}

func (emptyStore) Check(context.Context, string) error { return nil }

func (emptyStore) Seen(context.Context, string, string) (seen, full bool, err error) {
	return false, false, nil
}

func (emptyStore) Claim(context.Context, string, string, time.Time) error { return nil }

// sampleBody returns a body of 2 KB: a completed create_media_buy with its packages.
func sampleBody() string {
	var packages []string
	for i := range 10 {
		packages = append(packages, fmt.Sprintf(`{"package_id":"pkg_%04d","product_id":"prod_ctv_premium_%04d",`+
			`"budget":12500.5,"pricing_option_id":"po_cpm_usd_fixed","pacing":"even",`+
			`"creative_deadline":"2026-12-01T00:00:00Z"}`, i, i))
	}
	return `{"idempotency_key":"whk_01HW9D3H8FZP2N6R8T0V4X6Z9B","operation_id":"op_1","task_id":"task_456",` +
		`"task_type":"create_media_buy","status":"completed","timestamp":"2026-11-23T12:00:00Z",` +
		`"result":{"media_buy_id":"mb_001","packages":[` + strings.Join(packages, ",") + `]}}`
}

// BenchmarkVerify compares all steps for one delivery with the cryptography alone, and with a
// general library that checks the signature only.
func BenchmarkVerify(b *testing.B) {
	id := ed25519Identity("seller-2026")
	fresh := stamp
	fresh.Created = time.Now() // the library uses the system clock
	fresh.Padded = true        // and reads padded standard base64 only
	m := signedWebhook(b, id, sampleBody(), fresh)
	v := Verifier{
		Profile:    WebhookProfile(),
		Keys:       JWKS{id.Key.KID: id.Key},
		Revocation: emptyStore{},
		Replay:     emptyStore{},
	}
	s, base := parsedSignature(b, m)
	raw, err := base64.RawURLEncoding.DecodeString(id.Key.X)
	if err != nil {
		b.Fatal(err)
	}
	key := ed25519.PublicKey(raw)
	lib, err := httpsignVerifier(key)
	if err != nil {
		b.Fatal(err)
	}
	r := httpRequest(m)
	withoutStep14 := v
	withoutStep14.Profile.strictBody = false
	variants := []struct {
		name string
		run  func() bool
	}{
		{"ed25519.Verify", func() bool { return ed25519.Verify(key, base, s.value) }},
		{"Verifier", func() bool {
			_, err := v.Verify(b.Context(), m, fresh.Created)
			return err == nil
		}},
		{"Verifier-without-step-14", func() bool {
			_, err := withoutStep14.Verify(b.Context(), m, fresh.Created)
			return err == nil
		}},
		{"httpsign", func() bool { return httpsign.VerifyRequest(label, *lib, r) == nil }},
	}
	for _, w := range variants {
		b.Run(w.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !w.run() {
					b.Fatal("not valid")
				}
			}
		})
	}
	// Alternate the variants and compare their medians: on a busy machine the figures above can't be
	// compared with each other.
	b.Run("in-turns", func(b *testing.B) {
		took := make([][]time.Duration, len(variants))
		for b.Loop() {
			for i, w := range variants {
				start := time.Now()
				w.run()
				took[i] = append(took[i], time.Since(start))
			}
		}
		for i := range variants {
			slices.Sort(took[i])
			median, reference := took[i][len(took[i])/2], took[0][len(took[0])/2]
			b.ReportMetric(float64(median)/float64(reference), "x-"+variants[i].name)
		}
	})
}

// parsedSignature returns the signature of a message and its signature base.
func parsedSignature(b *testing.B, m Message) (signature, []byte) {
	b.Helper()
	s, err := parseHeaders(m.Header, false)
	if err != nil {
		b.Fatal(err)
	}
	target, err := canonical(m.URL)
	if err != nil {
		b.Fatal(err)
	}
	base, err := signatureBase(m, target, s.components, s.rawParams)
	if err != nil {
		b.Fatal(err)
	}
	return s, base
}

// BenchmarkVerifyNPM measures the verifier of npm's @adcp/sdk with a similar delivery, and the
// cryptography alone in node. It needs node and the packages that `go run ./infra/local install`
// installs.
func BenchmarkVerifyNPM(b *testing.B) {
	packages, err := filepath.Abs(cmp.Or(os.Getenv("NPM_PACKAGES"), filepath.Join("..", "..", ".local", "install", "npm")))
	if err != nil {
		b.Fatal(err)
	}
	node := cmp.Or(os.Getenv("NODE"), "node")
	if _, err := os.Stat(filepath.Join(packages, "node_modules", "@adcp", "sdk")); err != nil {
		b.Skip("the npm packages are not installed: go run ./infra/local install")
	}
	id := ed25519Identity("seller-2026")
	id.Key.AdCPUse = UseWebhookSigning // version 6.11.0 accepts no other value
	m := signedWebhook(b, id, sampleBody(), stamp)
	s, base := parsedSignature(b, m)
	headers := map[string]string{}
	for name := range m.Header {
		headers[name] = m.Header.Get(name)
	}
	in, err := json.Marshal(map[string]any{
		"packages":  packages,
		"jwk":       id.Key,
		"now":       stamp.Created.Unix(),
		"rounds":    5000,
		"base":      base,
		"signature": s.value,
		"request": map[string]any{
			"method":  m.Method,
			"url":     m.URL,
			"headers": headers,
			"body":    string(m.Body),
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		c := exec.CommandContext(b.Context(), node, "testdata/verify_npm.mjs")
		c.Stdin, c.Stderr = bytes.NewReader(in), os.Stderr
		out, err := c.Output()
		if err != nil {
			b.Skipf("node: %v", err)
		}
		var took struct{ Bare, All float64 }
		if err := json.Unmarshal(out, &took); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(took.All, "ns/delivery")
		b.ReportMetric(took.Bare, "ns/bare-check")
		b.ReportMetric(took.All/took.Bare, "x-bare")
	}
}

// An independent implementation of RFC 9421 accepts the signatures of Sign, for a message that the
// profile does not treat differently.
func TestIndependentLibraryAcceptsSignatures(t *testing.T) {
	t.Parallel()
	id := ed25519Identity("seller-2026")
	fresh := stamp
	fresh.Created, fresh.Padded = time.Now(), true
	m := signedWebhook(t, id, sampleBody(), fresh)
	raw, err := base64.RawURLEncoding.DecodeString(id.Key.X)
	if err != nil {
		t.Fatal(err)
	}
	lib, err := httpsignVerifier(raw)
	if err != nil {
		t.Fatal(err)
	}
	if err := httpsign.VerifyRequest(label, *lib, httpRequest(m)); err != nil {
		t.Errorf("our signature is refused: %v", err)
	}
	m.Header.Set(headerType, "text/plain")
	if err := httpsign.VerifyRequest(label, *lib, httpRequest(m)); err == nil {
		t.Error("a changed message is accepted")
	}
}

func httpsignVerifier(key ed25519.PublicKey) (*httpsign.Verifier, error) {
	config := httpsign.NewVerifyConfig().
		SetAllowedTags([]string{TagWebhook}).
		SetNotOlderThan(maxLifetime * time.Second)
	covered := append(append([]string{}, requiredComponents...), compDigest)
	return httpsign.NewEd25519Verifier(key, config, httpsign.Headers(covered...))
}

func httpRequest(m Message) *http.Request {
	r := httptest.NewRequest(m.Method, m.URL, strings.NewReader(string(m.Body)))
	r.Header = m.Header.Clone()
	return r
}
