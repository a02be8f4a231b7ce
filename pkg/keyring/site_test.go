package keyring

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
)

// page is what a server returns for one address.
type page struct {
	status int
	body   string
	header map[string]string
	wait   <-chan struct{} // the server answers when it is closed
	// arrived, if not nil, is closed when a request waits. The page then serves one request only.
	arrived chan struct{}
}

// site holds pages by path or by host and path, and counts the requests for each.
type site struct {
	mu         sync.Mutex
	pages      map[string]page
	hits       map[string]int
	lastHeader map[string]http.Header
}

func newSite() *site {
	return &site{pages: map[string]page{}, hits: map[string]int{}, lastHeader: map[string]http.Header{}}
}

func (s *site) set(at, body string) { s.put(at, page{status: http.StatusOK, body: body}) }

func (s *site) status(at string, status int) { s.put(at, page{status: status}) }

func (s *site) put(at string, p page) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pages[at] = p
}

// requests returns the number of requests for an address.
func (s *site) requests(at string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hits[at]
}

func (s *site) totalRequests() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, hits := range s.hits {
		n += hits
	}
	return n
}

func (s *site) serve(at string, w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	p, ok := s.pages[at]
	s.hits[at]++
	s.lastHeader[at] = r.Header.Clone()
	s.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	if p.arrived != nil {
		close(p.arrived)
	}
	if p.wait != nil {
		select {
		case <-p.wait:
		case <-r.Context().Done():
			return
		}
	}
	for name, v := range p.header {
		w.Header().Set(name, v)
	}
	if etag := p.header["ETag"]; etag != "" && r.Header.Get("If-None-Match") == etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.WriteHeader(p.status)
	_, _ = w.Write([]byte(p.body))
}

// ServeHTTP serves by path.
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.serve(r.URL.Path, w, r) }

// fakeNetwork serves pages by host and path, over https only.
type fakeNetwork struct{ *site }

// RoundTrip answers without a network.
func (n fakeNetwork) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" {
		return nil, errors.New("not https")
	}
	w := httptest.NewRecorder()
	n.serve(r.URL.Host+r.URL.Path, w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return w.Result(), nil
}

func (n fakeNetwork) client() *http.Client {
	return &http.Client{
		Transport:     n,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
