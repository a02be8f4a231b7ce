package safehttp

import (
	"compress/gzip"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// serve starts a TLS server on this machine under example.com, the name in its certificate. It
// returns the server's URL, and a client and its resolver.
func serve(
	t *testing.T, o Options, h http.HandlerFunc, configure ...func(*httptest.Server),
) (string, *http.Client, *fakeResolver) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	for _, c := range configure {
		c(s)
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	resolver := &fakeResolver{answers: map[string][][]string{"example.com": {{"127.0.0.1"}}}}
	o.AllowLoopback, o.Resolver, o.RootCAs = true, resolver, x509.NewCertPool()
	o.RootCAs.AddCert(s.Certificate())
	client := New(o)
	t.Cleanup(client.CloseIdleConnections)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return "https://example.com:" + u.Port(), client, resolver
}

func get(t *testing.T, c *http.Client, u string) (*http.Response, string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, u, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	return resp, string(b), err
}

func TestConnectionIsReusedUnderItsName(t *testing.T) {
	t.Parallel()
	u, client, resolver := serve(t, Options{}, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Host+" "+r.TLS.ServerName+" "+r.Proto)
	})
	for range 2 {
		_, body, err := get(t, client, u)
		if want := strings.TrimPrefix(u, "https://") + " example.com HTTP/1.1"; err != nil || body != want {
			t.Fatalf("got %q, %v, want %q", body, err, want)
		}
	}
	if resolver.lookups != 1 {
		t.Errorf("%d look-ups for two requests: the connection was not kept", resolver.lookups)
	}
}

func TestCertificateIsChecked(t *testing.T) {
	t.Parallel()
	u, client, resolver := serve(t, Options{}, func(http.ResponseWriter, *http.Request) {})
	resolver.answers["other.test"] = [][]string{{"127.0.0.1"}}
	var host x509.HostnameError
	if _, _, err := get(t, client, strings.Replace(u, "example.com", "other.test", 1)); !errors.As(err, &host) {
		t.Errorf("err = %v, want a host name error", err)
	}
	var unknown x509.UnknownAuthorityError
	if _, _, err := get(t, New(Options{AllowLoopback: true, Resolver: resolver}), u); !errors.As(err, &unknown) {
		t.Errorf("err = %v, want an unknown authority", err)
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	t.Parallel()
	u, client, _ := serve(t, Options{}, func(http.ResponseWriter, *http.Request) {}, func(s *httptest.Server) {
		s.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10} //nolint:gosec // an old server
	})
	if _, _, err := get(t, client, u); err == nil {
		t.Error("a request to a server with TLS 1.1 succeeded")
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	u, client, _ := serve(t, Options{}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			t.Errorf("%s was requested", r.URL.Path)
		}
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	resp, _, err := get(t, client, u+"/")
	if err != nil || resp.StatusCode != http.StatusTemporaryRedirect {
		t.Errorf("got %v, %v", resp, err)
	}
}

func TestPlainHTTPStaysOnThisMachine(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "here")
	}))
	t.Cleanup(s.Close)
	resolver := &fakeResolver{answers: map[string][][]string{"example.com": {{"127.0.0.1"}}, "localhost": {{"127.0.0.1"}}}}
	local := New(Options{AllowLoopback: true, Resolver: resolver})
	t.Cleanup(local.CloseIdleConnections)
	for _, u := range []string{s.URL, strings.Replace(s.URL, "127.0.0.1", "localhost", 1)} {
		if _, body, err := get(t, local, u); err != nil || body != "here" {
			t.Errorf("%s: %q, %v", u, body, err)
		}
	}
	if _, _, err := get(t, local, strings.Replace(s.URL, "127.0.0.1", "example.com", 1)); ruleOf(err) != RuleHTTPS {
		t.Errorf("err = %v, want rule %s", err, RuleHTTPS)
	}
	if _, _, err := get(t, New(Options{Resolver: resolver}), s.URL); ruleOf(err) != RuleHTTPS {
		t.Errorf("err = %v, want rule %s", err, RuleHTTPS)
	}
}

// Not parallel: it sets the environment.
func TestProxyFromEnvironmentIsNotUsed(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	t.Setenv("https_proxy", "http://127.0.0.1:1")
	u, client, _ := serve(t, Options{}, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "direct")
	})
	if _, body, err := get(t, client, u); err != nil || body != "direct" {
		t.Errorf("got %q, %v", body, err)
	}
}

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	const limit = 1000
	for name, c := range map[string]struct {
		size int
		gzip bool
		ok   bool
	}{
		"empty":                {0, false, true},
		"the limit":            {limit, false, true},
		"one byte more":        {limit + 1, false, false},
		"too long, compressed": {100 * limit, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u, client, _ := serve(t, Options{MaxBodyBytes: limit}, func(w http.ResponseWriter, _ *http.Request) {
				var out io.Writer = w
				if c.gzip {
					w.Header().Set("Content-Encoding", "gzip")
					z := gzip.NewWriter(w)
					defer func() { _ = z.Close() }()
					out = z
				}
				_, _ = io.WriteString(out, strings.Repeat("x", c.size))
			})
			_, body, err := get(t, client, u)
			var large *TooLargeError
			if c.ok && (err != nil || len(body) != c.size) {
				t.Errorf("%d bytes, %v", len(body), err)
			}
			if !c.ok && (!errors.As(err, &large) || large.Limit != limit || len(body) != limit) {
				t.Errorf("%d bytes, %v, want a TooLargeError after %d", len(body), err, limit)
			}
		})
	}
}

func TestHeaderLimit(t *testing.T) {
	t.Parallel()
	u, client, _ := serve(t, Options{MaxHeaderBytes: 1000}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Pad", strings.Repeat("x", 10_000))
	})
	if _, _, err := get(t, client, u); err == nil {
		t.Error("10 kB of headers were accepted")
	}
}
