package httpsig

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// AdCP's two SDKs each have their own spelling and order of the signature headers. Each file of
// testdata is a delivery that one of them signed.
func TestVerifyAcceptsDeliveriesOfTheSDKs(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/*.json")
	if err != nil || len(paths) != 3 {
		t.Fatal(paths, err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var d struct {
				Now     int64           `json:"now"`
				URL     string          `json:"url"`
				Headers [][2]string     `json:"headers"`
				Body    string          `json:"body"`
				JWKS    json.RawMessage `json:"jwks"`
			}
			if err := json.Unmarshal(b, &d); err != nil {
				t.Fatal(err)
			}
			keys, err := ParseJWKS(d.JWKS)
			if err != nil {
				t.Fatal(err)
			}
			h := http.Header{}
			for _, line := range d.Headers {
				h.Add(line[0], line[1])
			}
			s := newFakeSender()
			v := Verifier{Profile: WebhookProfile(), Keys: keys, Revocation: s, Replay: s}
			m := Message{
				Method: http.MethodPost,
				URL:    d.URL,
				Host:   h.Get("Host"),
				Header: h,
				Body:   []byte(d.Body),
			}
			got, err := v.Verify(t.Context(), m, time.Unix(d.Now+30, 0))
			if _, known := keys[got.KeyID]; err != nil || !known {
				t.Fatalf("got %+v, %v", got, err)
			}
			m.Body[20] ^= 1
			code, step := refusal(v.Verify(t.Context(), m, time.Unix(d.Now+30, 0)))
			if code != "webhook_signature_digest_mismatch" || step != "11" {
				t.Errorf("a changed body gave %s at step %s", code, step)
			}
		})
	}
}
