package e2e

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/webhook"
)

// signedRequest is what a sender puts on the wire.
type signedRequest struct {
	Method, URL string
	Headers     map[string]string
	Body        []byte
}

// canonicalizeHeaders gives the header fields their usual names, so that a forgery replaces a field
// and adds none.
func (r *signedRequest) canonicalizeHeaders() {
	headers := map[string]string{}
	for name, v := range r.Headers {
		headers[http.CanonicalHeaderKey(name)] = v
	}
	r.Headers = headers
}

func (r signedRequest) clone() signedRequest {
	r.Headers, r.Body = maps.Clone(r.Headers), slices.Clone(r.Body)
	return r
}

// forgery is a signed request with one change.
type forgery struct {
	name    string
	request signedRequest
}

// sendForgeries sends a signed request with single bits changed, at several places of everything
// that the mode protects. The stack must refuse each of them. It returns how many were sent.
func sendForgeries(t *testing.T, mode operation.WebhookMode, r signedRequest) int {
	t.Helper()
	u, err := url.Parse(r.URL)
	if err != nil {
		t.Fatal(err)
	}
	all := append(forgedTargets(mode, r, u), forgedHeaders(mode, r)...)
	for _, f := range all {
		if status := sendRaw(t, f.request); status < 400 || status >= 500 {
			t.Errorf("%s: HTTP %d", f.name, status)
		}
	}
	return len(all)
}

// flipBit flips one bit of the character at i, which wraps around.
func flipBit(s string, i int) string {
	b := []byte(s)
	b[i%len(b)] ^= 1 << (i % 7)
	return string(b)
}

// forgedTargets changes the body, and the address that the request goes to.
func forgedTargets(mode operation.WebhookMode, r signedRequest, u *url.URL) (all []forgery) {
	last := strings.LastIndex(u.Path, "/") + 1
	for i := range 8 {
		if mode != operation.WebhookBearer { // a bearer token does not cover the body
			f := r.clone()
			f.Body = []byte(flipBit(string(f.Body), i*len(f.Body)/8+i))
			all = append(all, forgery{"body", f})
		}
		f := r.clone()
		f.URL = u.Scheme + "://" + u.Host + u.Path[:last] + flipBit(u.Path[last:], i*(len(u.Path)-last)/8+i)
		all = append(all, forgery{"path", f})
	}
	if mode == operation.WebhookRFC9421 {
		query, host := r.clone(), r.clone()
		query.URL += "?a=1"
		host.Headers["Host"] = "other.example"
		all = append(all, forgery{"query", query}, forgery{"host", host})
	}
	return all
}

// forgedHeaders changes, and leaves out, each header that the mode covers.
func forgedHeaders(mode operation.WebhookMode, r signedRequest) (all []forgery) {
	covered := []string{"Content-Type", "Content-Digest", "Signature-Input", "Signature"}
	switch mode {
	case operation.WebhookRFC9421:
	case operation.WebhookHMAC:
		covered = []string{webhook.HeaderSignature, webhook.HeaderTimestamp}
	default:
		covered = []string{"Authorization"}
	}
	for name, value := range r.Headers {
		if !slices.Contains(covered, name) {
			continue
		}
		for i := range 4 {
			f := r.clone()
			f.Headers[name] = flipBit(value, (i+1)*len(value)/5+i)
			all = append(all, forgery{name, f})
		}
		f := r.clone()
		delete(f.Headers, name)
		all = append(all, forgery{"without " + name, f})
	}
	return all
}

// sendRaw writes a request byte for byte and returns the status of the answer: Go's HTTP client
// would correct or refuse what is wrong in it. A connection that closes without an answer counts as
// 400.
func sendRaw(t *testing.T, r signedRequest) int {
	t.Helper()
	host, path, _ := strings.Cut(strings.TrimPrefix(r.URL, "http://"), "/")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if _, err := conn.Write(r.wire(host, path)); err != nil {
		return http.StatusBadRequest
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return http.StatusBadRequest
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// wire returns the request as HTTP/1.1.
func (r signedRequest) wire(host, path string) []byte {
	var raw bytes.Buffer
	fmt.Fprintf(&raw, "%s /%s HTTP/1.1\r\nConnection: close\r\nContent-Length: %d\r\n", r.Method, path, len(r.Body))
	headers := map[string]string{"Host": host}
	maps.Copy(headers, r.Headers)
	for _, name := range []string{"Content-Length", "Connection", "Transfer-Encoding"} {
		delete(headers, name)
	}
	for name, v := range headers {
		fmt.Fprintf(&raw, "%s: %s\r\n", name, v)
	}
	raw.WriteString("\r\n")
	raw.Write(r.Body)
	return raw.Bytes()
}
