package e2e

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
	"time"
)

// trouble is what happens to a soak, by a seed.
type trouble struct {
	mu    sync.Mutex
	rng   *rand.Rand
	kinds map[string]int
}

func (x *trouble) draw(n int) int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.rng.IntN(n)
}

func (x *trouble) count(kind string, n int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.kinds[kind] += n
}

// relay carries whole requests to one address, and may carry one more than once.
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
	return relay{to, &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: to.Scheme, Host: to.Host})
		r.Out.Host = to.Host
	}, ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }}}
}

// serve stands before the address and hands each request over with its body. It returns where it stands.
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

func (l relay) carry(r *http.Request, body []byte) *recorder {
	record := &recorder{header: http.Header{}, status: http.StatusOK}
	r = r.Clone(r.Context())
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	l.proxy.ServeHTTP(record, r)
	return record
}

func (r *recorder) tell(w http.ResponseWriter) {
	for k, v := range r.header {
		w.Header()[k] = v
	}
	w.WriteHeader(r.status)
	_, _ = w.Write(r.body.Bytes())
}

// line is a bad line to a seller: of ten calls it loses one before it has arrived, loses the answer of one, and makes one twice. The seller hears of an address
// for its webhooks that is on the way back, see back.
func (x *trouble) line(t *testing.T, seller, api string) string {
	t.Helper()
	there, back := newRelay(t, seller), x.back(t, api)
	return there.serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		body = bytes.ReplaceAll(body, []byte(api+"/v1/webhooks/"), []byte(back+"/v1/webhooks/"))
		if !bytes.Contains(body, []byte(`"tools/call"`)) {
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			there.proxy.ServeHTTP(w, r)
			return
		}
		switch x.draw(10) {
		case 0:
			x.count("calls lost", 1)
			panic(http.ErrAbortHandler)
		case 1:
			x.count("answers lost", 1)
			there.carry(r, body)
			panic(http.ErrAbortHandler)
		case 2:
			x.count("calls made twice", 1)
			there.carry(r, body)
		}
		there.carry(r, body).tell(w)
	})
}

// back is the way of the webhooks: of ten it interrupts one before it has arrived and one after, brings one twice at once, and lets two wait while others pass.
func (x *trouble) back(t *testing.T, api string) string {
	t.Helper()
	there := newRelay(t, api)
	return there.serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		switch x.draw(10) {
		case 0:
			x.count("webhooks interrupted before they arrived", 1)
			panic(http.ErrAbortHandler)
		case 1:
			x.count("webhooks interrupted after they arrived", 1)
			there.carry(r, body)
			panic(http.ErrAbortHandler)
		case 2:
			x.count("webhooks brought twice at once", 1)
			var twin sync.WaitGroup
			twin.Go(func() { there.carry(r, body) })
			defer twin.Wait()
		case 3, 4:
			x.count("webhooks overtaken", 1)
			held := time.NewTimer(time.Duration(500+x.draw(2500)) * time.Millisecond)
			defer held.Stop()
			select {
			case <-held.C:
			case <-r.Context().Done():
				return
			}
		}
		there.carry(r, body).tell(w)
	})
}
