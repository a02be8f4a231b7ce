package standardwebhook_test

import (
	"crypto/x509"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"adcp-orchestrator/pkg/endpoint"
	"adcp-orchestrator/pkg/safehttp"
	"adcp-orchestrator/pkg/standardwebhook"
)

const root = "a-root-secret-of-thirty-two-bytes-or-more"

var now = time.Now()

func request(url string) endpoint.Request {
	return endpoint.Request{URL: url, ID: "op_1/7/0", At: now, Body: []byte(`{"id": "op_1/7/0", "text": "Grüße"}`),
		Secrets: []string{endpoint.Derive(root, "acme", "we_1", 2), endpoint.Derive(root, "acme", "we_1", 1)}}
}

func local(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func send(t *testing.T, r endpoint.Request, o safehttp.Options) endpoint.Result {
	t.Helper()
	return standardwebhook.New(o, func() time.Time { return now }).Send(t.Context(), r)
}

var loopback = safehttp.Options{AllowLoopback: true}

// The receiver checks with the official library, with either secret of a rotation, and refuses
// every other one and every change.
func TestReceiverVerifiesWithTheOfficialLibrary(t *testing.T) {
	t.Parallel()
	var header http.Header
	var body []byte
	url := local(t, func(w http.ResponseWriter, r *http.Request) {
		header, body = r.Header, nil
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusNoContent)
	})
	r := request(url)
	if got := send(t, r, loopback); got != (endpoint.Result{Status: 204}) {
		t.Fatalf("%+v", got)
	}
	verify := func(secret string, body []byte) error {
		w, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		return w.Verify(body, header)
	}
	for n, secret := range r.Secrets {
		if err := verify(secret, body); err != nil {
			t.Errorf("secret %d: %v", n, err)
		}
	}
	if verify(endpoint.Derive(root, "acme", "we_1", 3), body) == nil ||
		verify(endpoint.Derive(root, "globex", "we_1", 2), body) == nil {
		t.Error("another secret verifies")
	}
	if verify(r.Secrets[0], append(body, ' ')) == nil {
		t.Error("another body verifies")
	}
	if string(body) != string(r.Body) || header.Get("webhook-id") != r.ID ||
		header.Get("Content-Type") != "application/json" {
		t.Errorf("%s with %v", body, header)
	}
}

func TestOnly2xxIsSuccess(t *testing.T) {
	t.Parallel()
	var status int
	retryAfter := ""
	asked := 0
	url := local(t, func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.Header().Set("Location", "/elsewhere")
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, strings.Repeat("x", 200<<10)) // more than is read
	})
	for _, c := range []struct {
		status     int
		retryAfter string
		want       endpoint.Result
	}{
		{200, "", endpoint.Result{Status: 200}},
		{202, "7", endpoint.Result{Status: 202}},
		{302, "", endpoint.Result{Status: 302, Fault: endpoint.FaultStatus}},
		{410, "7", endpoint.Result{Status: 410, Fault: endpoint.FaultStatus}},
		{429, "90", endpoint.Result{Status: 429, Fault: endpoint.FaultStatus, RetryAfter: 90 * time.Second}},
		{503, "99999999999999999999", endpoint.Result{Status: 503, Fault: endpoint.FaultStatus, RetryAfter: 24 * time.Hour}},
		{503, "soon", endpoint.Result{Status: 503, Fault: endpoint.FaultStatus}},
		{500, "90", endpoint.Result{Status: 500, Fault: endpoint.FaultStatus}},
	} {
		status, retryAfter = c.status, c.retryAfter
		if got := send(t, request(url), loopback); got != c.want {
			t.Errorf("%d: %+v, want %+v", c.status, got, c.want)
		}
	}
	if asked != 8 {
		t.Errorf("%d requests: a redirect was followed", asked)
	}
}

func TestFaultsAreKnownApart(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(s.Close)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	for name, c := range map[string]struct {
		url  string
		o    safehttp.Options
		want endpoint.Fault
	}{
		"a reserved address":   {"https://127.0.0.1/", safehttp.Options{}, endpoint.FaultRefused},
		"the metadata service": {"https://169.254.169.254/latest", loopback, endpoint.FaultRefused},
		"plain http":           {"http://example.com/", loopback, endpoint.FaultRefused},
		"no certificate of theirs": {s.URL, safehttp.Options{AllowLoopback: true, RootCAs: x509.NewCertPool()},
			endpoint.FaultTLS},
		"nobody listens": {"http://" + closed.Addr().String(), loopback, endpoint.FaultConnect},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := send(t, request(c.url), c.o); got.Fault != c.want || got.Status != 0 {
				t.Errorf("%+v, want %s", got, c.want)
			}
		})
	}
}

func TestSecretsAreNeverInAnError(t *testing.T) {
	t.Parallel()
	r := request("https://example.com")
	r.Secrets = []string{"whsec_" + base64.RawURLEncoding.EncodeToString([]byte{0xff, 0xfe, 0xfd}) + "!"}
	if _, err := standardwebhook.Sign(r); err == nil || strings.Contains(err.Error(), r.Secrets[0][6:]) {
		t.Errorf("%v", err)
	}
}
