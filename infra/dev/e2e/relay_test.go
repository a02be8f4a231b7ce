package e2e

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
)

// relay is a proxy that forwards whole requests to one address, and can forward one more than once.
type relay struct {
	to    *url.URL
	proxy *httputil.ReverseProxy
}

func newRelay(t *testing.T, address string) relay {
	t.Helper()
	to, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return relay{to, &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: to.Scheme, Host: to.Host})
			r.Out.Host = to.Host
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}}
}

// serve starts a server in front of the address and returns its URL. It calls handle for each
// request.
func (l relay) serve(t *testing.T, handle func(w http.ResponseWriter, r *http.Request, body []byte)) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body, err := io.ReadAll(r.Body); err == nil {
			handle(w, r, body)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL + l.to.Path
}

// stream forwards a request and its answer as they come.
func (l relay) stream(w http.ResponseWriter, r *http.Request, body []byte) {
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	l.proxy.ServeHTTP(w, r)
}

// forward forwards a request and returns the whole answer.
func (l relay) forward(r *http.Request, body []byte) *recordedResponse {
	record := newRecordedResponse()
	r = r.Clone(r.Context())
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	l.proxy.ServeHTTP(record, r)
	return record
}

// recordedResponse is an http.ResponseWriter that keeps the answer.
type recordedResponse struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func newRecordedResponse() *recordedResponse {
	return &recordedResponse{header: http.Header{}, status: http.StatusOK}
}

func (r *recordedResponse) Header() http.Header         { return r.header }
func (r *recordedResponse) WriteHeader(status int)      { r.status = status }
func (r *recordedResponse) Write(b []byte) (int, error) { return r.body.Write(b) }

// writeTo sends the answer on.
func (r *recordedResponse) writeTo(w http.ResponseWriter) {
	for k, v := range r.header {
		w.Header()[k] = v
	}
	w.WriteHeader(r.status)
	_, _ = w.Write(r.body.Bytes())
}
