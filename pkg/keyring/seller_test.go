package keyring

import (
	"adcp-orchestrator/pkg/httpsig"
	"adcp-orchestrator/pkg/store"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var start = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// key is a sender's key with its private half.
type key struct {
	httpsig.JWK
	private ed25519.PrivateKey
}

func newKey(kid string) key {
	seed := sha256.Sum256([]byte("keyring/" + kid))
	private := ed25519.NewKeyFromSeed(seed[:])
	return key{httpsig.JWK{KID: kid, KeyType: "OKP", Curve: "Ed25519", Alg: "EdDSA", Use: "sig", KeyOps: []string{"verify"}, AdCPUse: httpsig.UseRequestSigning,
		X: base64.RawURLEncoding.EncodeToString(private.Public().(ed25519.PublicKey))}, private}
}

// Sign makes it an httpsig.Signer.
func (k key) Sign(_ context.Context, message []byte) ([]byte, error) {
	return ed25519.Sign(k.private, message), nil
}

// keySet is a published set.
func keySet(kids ...string) string {
	set := struct {
		Keys []httpsig.JWK `json:"keys"`
	}{Keys: []httpsig.JWK{}}
	for _, kid := range kids {
		set.Keys = append(set.Keys, newKey(kid).JWK)
	}
	return encoded(set)
}

func encoded(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return strings.TrimSpace(b.String())
}

// page is what a server says at one place.
type page struct {
	status int
	body   string
	header map[string]string
	wait   <-chan struct{} // until it is closed
	// arrived, if there is one, is closed when somebody waits; then it may not be asked for again.
	arrived chan struct{}
}

// pages are a server's, by path or by host and path, with how often each was asked for.
type pages struct {
	mu   sync.Mutex
	said map[string]page
	hits map[string]int
	last map[string]http.Header
}

func newPages() *pages {
	return &pages{said: map[string]page{}, hits: map[string]int{}, last: map[string]http.Header{}}
}

func (p *pages) set(at, body string) { p.put(at, page{status: http.StatusOK, body: body}) }

func (p *pages) status(at string, status int) { p.put(at, page{status: status}) }

func (p *pages) put(at string, said page) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.said[at] = said
}

func (p *pages) asked(at string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hits[at]
}

func (p *pages) total() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, hits := range p.hits {
		n += hits
	}
	return n
}

func (p *pages) serve(at string, w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	said, ok := p.said[at]
	p.hits[at]++
	p.last[at] = r.Header.Clone()
	p.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	if said.arrived != nil {
		close(said.arrived)
	}
	if said.wait != nil {
		select {
		case <-said.wait:
		case <-r.Context().Done():
			return
		}
	}
	for name, v := range said.header {
		w.Header().Set(name, v)
	}
	if etag := said.header["ETag"]; etag != "" && r.Header.Get("If-None-Match") == etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.WriteHeader(said.status)
	_, _ = w.Write([]byte(said.body))
}

// ServeHTTP serves by path.
func (p *pages) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.serve(r.URL.Path, w, r) }

// hosts is a network of names: pages by host and path, over https.
type hosts struct{ *pages }

// RoundTrip answers without a network.
func (h hosts) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" {
		return nil, errors.New("not https")
	}
	w := httptest.NewRecorder()
	h.serve(r.URL.Host+r.URL.Path, w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return w.Result(), nil
}

func (h hosts) client() *http.Client {
	return &http.Client{Transport: h, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// shelf is a store of documents.
type shelf struct {
	mu           sync.Mutex
	docs         map[string]store.Document
	reads, puts  int
	fail         error
	beforeCommit func() // once
}

func (s *shelf) Keyring(_ context.Context, tenant, sender string) (store.Document, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	d, ok := s.docs[tenant+"/"+sender]
	switch {
	case s.fail != nil:
		return d, s.fail
	case !ok:
		return d, store.ErrNotFound
	}
	return d, nil
}

func (s *shelf) PutKeyring(_ context.Context, tenant, sender string, d store.Document) error {
	s.mu.Lock()
	hook := s.beforeCommit
	s.beforeCommit = nil
	s.mu.Unlock()
	if hook != nil {
		hook()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	if s.docs[tenant+"/"+sender].Version != d.Version-1 {
		return store.ErrStale
	}
	s.puts++
	s.docs[tenant+"/"+sender] = store.Document{Version: d.Version, Body: slices.Clone(d.Body)}
	return nil
}

// world is a seller, a store, a clock and a Source.
type world struct {
	t *testing.T
	*pages
	*Source
	sender Sender
	store  *shelf

	mu     sync.Mutex
	at     time.Time
	events map[string]int
}

// newWorld has a seller on a server of this machine whose brand.json and key set are in order, with the key "k1", and no revocation list.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, pages: newPages(), store: &shelf{docs: map[string]store.Document{}}, at: start, events: map[string]int{}}
	server := httptest.NewServer(w.pages)
	t.Cleanup(server.Close)
	client := NewClient(true)
	t.Cleanup(client.CloseIdleConnections)
	w.sender = Sender{Tenant: "acme", ID: "sender", AgentURL: server.URL + "/mcp"}
	w.Source = w.source(client)
	w.Loopback = true
	w.set(brandPath, w.brand(""))
	w.set(jwksPath, keySet("k1"))
	return w
}

// newNetWorld has a seller at https://sales.example.co.uk/mcp, on a network of names where there is nothing yet.
func newNetWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, pages: newPages(), store: &shelf{docs: map[string]store.Document{}}, at: start, events: map[string]int{}}
	w.sender = Sender{Tenant: "acme", ID: "sender", AgentURL: "https://sales.example.co.uk/mcp"}
	w.Source = w.source(hosts{w.pages}.client())
	return w
}

func (w *world) source(client *http.Client) *Source {
	return &Source{Store: w.store, Client: client, Now: w.now, Count: w.note}
}

// second is another function's Source, with nothing in its memory.
func (w *world) second() *Source {
	s := w.source(w.Client)
	s.Loopback, s.Profile, s.Pressure = w.Loopback, w.Profile, w.Pressure
	return s
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(d)
}

func (w *world) note(event string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events[event]++
}

func (w *world) counted(event string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.events[event]
}

// origin is the seller's server.
func (w *world) origin() string { return origin(w.sender.AgentURL) }

// brand is a brand.json with the agent in it.
func (w *world) brand(jwks string) string {
	entry := map[string]any{"type": "sales", "id": "sales_main", "url": w.sender.AgentURL}
	if jwks != "" {
		entry["jwks_uri"] = jwks
	}
	return encoded(map[string]any{"version": "1.0", "agents": []any{entry}})
}

// doc is the document as a delivery would bring it.
func (w *world) doc() store.Document {
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	return w.store.docs[w.sender.Tenant+"/"+w.sender.ID]
}

// delivery opens the ring as one delivery does.
func (w *world) delivery() *Keys { return w.Open(w.sender, w.doc()) }

// look asks for a key as one delivery does, and says what came of it: the id, or the error's kind.
func (w *world) look(kid string) string {
	w.t.Helper()
	k, err := w.delivery().Key(w.t.Context(), kid)
	return verdict(k.KID, err)
}

// check asks whether a key is revoked as one delivery does.
func (w *world) check(kid string) string {
	w.t.Helper()
	return verdict("good", w.delivery().Check(w.t.Context(), kid))
}

func verdict(good string, err error) string {
	var u *UnavailableError
	switch {
	case err == nil:
		return good
	case errors.Is(err, httpsig.ErrKeyUnknown):
		return "unknown"
	case errors.Is(err, httpsig.ErrKeyRevoked):
		return "revoked"
	case errors.Is(err, httpsig.ErrRevocationStale):
		return "stale"
	case errors.As(err, &u):
		return "503 " + u.Code
	}
	return err.Error()
}

// want compares what one delivery is told of a key.
func (w *world) want(kid, verdict string) {
	w.t.Helper()
	if got := w.look(kid); got != verdict {
		w.t.Fatalf("key %q at %s: %s, want %s", kid, w.now().Sub(start), got, verdict)
	}
}

func (w *world) wantCheck(kid, verdict string) {
	w.t.Helper()
	if got := w.check(kid); got != verdict {
		w.t.Fatalf("revocation of %q at %s: %s, want %s", kid, w.now().Sub(start), got, verdict)
	}
}

// wantHits says how often each place has been asked for.
func (w *world) wantHits(want map[string]int) {
	w.t.Helper()
	w.pages.mu.Lock()
	defer w.pages.mu.Unlock()
	if !maps.Equal(w.hits, want) {
		w.t.Fatalf("asked for %v, want %v", w.hits, want)
	}
}

func (w *world) wantCount(event string, want int) {
	w.t.Helper()
	if got := w.counted(event); got != want {
		w.t.Fatalf("%s was counted %d times, want %d", event, got, want)
	}
}

// state is what is stored.
func (w *world) state() state {
	w.t.Helper()
	r, err := readRing(w.doc())
	if err != nil {
		w.t.Fatal(err)
	}
	return r.state
}
