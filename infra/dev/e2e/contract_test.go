package e2e

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"adcp-orchestrator/infra/local/client"
	"adcp-orchestrator/pkg/httpapi/contract"
)

// newClient returns a client whose requests and answers are held to the API's description.
func newClient(t *testing.T, base, key string) *client.Client {
	t.Helper()
	at, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	c := client.New(base, key)
	c.HTTP.Transport = &contracted{t, at.Path}
	return c
}

// contracted is a transport that checks what goes through it.
type contracted struct {
	t    *testing.T
	base string // the path of the API's base URL
}

// RoundTrip sends a request and checks the exchange. It checks nothing of what is no answer of the
// API: those of a gateway in front of a function that was killed, and to paths that do not exist.
func (c *contracted) RoundTrip(r *http.Request) (*http.Response, error) {
	var sent []byte
	if r.Body != nil {
		var err error
		if sent, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(sent))
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	ofGateway := !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/problem+json") ||
		bytes.Contains(body, []byte(`"type":"about:blank"`))
	if resp.StatusCode >= http.StatusInternalServerError && ofGateway {
		return resp, nil
	}
	x := contract.Exchange{Method: r.Method, Path: strings.TrimPrefix(r.URL.EscapedPath(), c.base), Query: r.URL.Query(),
		Header: r.Header, Body: sent, Status: resp.StatusCode, AnswerHeader: resp.Header, Answer: body}
	o, faults := contract.API().Check(x)
	for _, fault := range faults {
		if o != nil {
			c.t.Errorf("against openapi.yaml: %s", fault)
		}
	}
	return resp, nil
}
