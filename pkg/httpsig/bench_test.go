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

// nonces is a Replay that has room and remembers nothing: stores are measured elsewhere.
type nonces struct{}

func (nonces) Check(context.Context, string) error                      { return nil }
func (nonces) Seen(context.Context, string, string) (bool, bool, error) { return false, false, nil }
func (nonces) Claim(context.Context, string, string, time.Time) error   { return nil }

// result is a delivery's body of 2 KB: a create_media_buy's, with its packages.
func result() string {
	var packages []string
	for i := range 10 {
		packages = append(packages, fmt.Sprintf(`{"package_id":"pkg_%04d","product_id":"prod_ctv_premium_%04d","budget":12500.5,"pricing_option_id":"po_cpm_usd_fixed","pacing":"even","creative_deadline":"2026-12-01T00:00:00Z"}`, i, i))
	}
	return `{"idempotency_key":"whk_01HW9D3H8FZP2N6R8T0V4X6Z9B","operation_id":"op_1","task_id":"task_456","task_type":"create_media_buy","status":"completed",` +
		`"timestamp":"2026-11-23T12:00:00Z","result":{"media_buy_id":"mb_001","packages":[` + strings.Join(packages, ",") + `]}}`
}

// BenchmarkVerify: all steps over one delivery, beside its bare cryptography, and beside a general library that checks the signature alone.
func BenchmarkVerify(b *testing.B) {
	id := sender("seller-2026")
	fresh := stamp
	fresh.Created = time.Now() // the library has a clock of its own
	fresh.Padded = true        // and reads no other base64
	m := delivery(b, id, result(), fresh)
	v := Verifier{Profile: WebhookProfile(), Keys: JWKS{id.Key.KID: id.Key}, Revocation: nonces{}, Replay: nonces{}}
	s, base := taken(b, m)
	raw, err := base64.RawURLEncoding.DecodeString(id.Key.X)
	if err != nil {
		b.Fatal(err)
	}
	key := ed25519.PublicKey(raw)
	lib, err := library(key)
	if err != nil {
		b.Fatal(err)
	}
	r := request(m)
	bodyUnread := v
	bodyUnread.Profile.strictBody = false
	ways := []struct {
		name string
		run  func() bool
	}{
		{"ed25519.Verify", func() bool { return ed25519.Verify(key, base, s.value) }},
		{"ours", func() bool { _, err := v.Verify(b.Context(), m, fresh.Created); return err == nil }},
		{"ours-but-step-14", func() bool { _, err := bodyUnread.Verify(b.Context(), m, fresh.Created); return err == nil }},
		{"httpsign", func() bool { return httpsign.VerifyRequest(label, *lib, r) == nil }},
	}
	for _, w := range ways {
		b.Run(w.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !w.run() {
					b.Fatal("not valid")
				}
			}
		})
	}
	// In turns, and by their medians: on a busy machine the figures above can't be compared with each other.
	b.Run("in-turns", func(b *testing.B) {
		took := make([][]time.Duration, len(ways))
		for b.Loop() {
			for i, w := range ways {
				start := time.Now()
				w.run()
				took[i] = append(took[i], time.Since(start))
			}
		}
		for i := range ways {
			slices.Sort(took[i])
			b.ReportMetric(float64(took[i][len(took[i])/2])/float64(took[0][len(took[0])/2]), "x-"+ways[i].name)
		}
	})
}

// taken takes a signed message apart: its signature, and what that is of.
func taken(b *testing.B, m Message) (signature, []byte) {
	b.Helper()
	s, err := parseHeaders(m.Header)
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

// BenchmarkVerifyNPM: the same kind of delivery through the verifier of npm's @adcp/sdk, with its own bare check beside it. It needs node, and the packages that
// the local stack installs (`go run ./infra/local install`).
func BenchmarkVerifyNPM(b *testing.B) {
	packages, err := filepath.Abs(cmp.Or(os.Getenv("NPM_PACKAGES"), filepath.Join("..", "..", ".local", "install", "npm")))
	if err != nil {
		b.Fatal(err)
	}
	node := cmp.Or(os.Getenv("NODE"), "node")
	if _, err := os.Stat(filepath.Join(packages, "node_modules", "@adcp", "sdk")); err != nil {
		b.Skip("the npm packages are not installed: go run ./infra/local install")
	}
	id := sender("seller-2026")
	id.Key.AdCPUse = UseWebhookSigning // 6.11.0 takes no other
	m := delivery(b, id, result(), stamp)
	s, base := taken(b, m)
	headers := map[string]string{}
	for name := range m.Header {
		headers[name] = m.Header.Get(name)
	}
	in, err := json.Marshal(map[string]any{"packages": packages, "jwk": id.Key, "now": stamp.Created.Unix(), "rounds": 5000, "base": base, "signature": s.value,
		"request": map[string]any{"method": m.Method, "url": m.URL, "headers": headers, "body": string(m.Body)}})
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

// A general implementation of RFC 9421 agrees that what we sign is signed: the message has nothing that the profile treats differently.
func TestLibraryAgrees(t *testing.T) {
	t.Parallel()
	id := sender("seller-2026")
	fresh := stamp
	fresh.Created, fresh.Padded = time.Now(), true
	m := delivery(t, id, result(), fresh)
	raw, err := base64.RawURLEncoding.DecodeString(id.Key.X)
	if err != nil {
		t.Fatal(err)
	}
	lib, err := library(raw)
	if err != nil {
		t.Fatal(err)
	}
	if err := httpsign.VerifyRequest(label, *lib, request(m)); err != nil {
		t.Errorf("ours refused: %v", err)
	}
	m.Header.Set(headerType, "text/plain")
	if err := httpsign.VerifyRequest(label, *lib, request(m)); err == nil {
		t.Error("a changed message accepted")
	}
}

func library(key ed25519.PublicKey) (*httpsign.Verifier, error) {
	return httpsign.NewEd25519Verifier(key, httpsign.NewVerifyConfig().SetAllowedTags([]string{TagWebhook}).SetNotOlderThan(maxLifetime*time.Second),
		httpsign.Headers(append(append([]string{}, required...), compDigest)...))
}

func request(m Message) *http.Request {
	r := httptest.NewRequest(m.Method, m.URL, strings.NewReader(string(m.Body)))
	r.Header = m.Header.Clone()
	return r
}
