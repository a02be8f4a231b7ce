package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// The bounds of a request.
const (
	// DefaultAttempts is how often a request is sent at most.
	DefaultAttempts = 3
	// MaxRetryAfter is the longest wait between two attempts: a problem that names a longer one is
	// returned at once.
	MaxRetryAfter = 30 * time.Second
	// maxAnswer is the most that is read of an answer, in bytes. The API's own bound is 6 MB.
	maxAnswer = 16 << 20
	// requestTimeout is for one attempt. API Gateway's is 29 s.
	requestTimeout = 35 * time.Second
)

// Client calls one API with one key. Its zero values are usable but for Base.
type Client struct {
	// Base is the address that /v1 is appended to.
	Base string
	// Key is the API key; an empty one sends no Authorization header.
	Key string
	// UserAgent names the program.
	UserAgent string
	// HTTP sends the requests; nil is a client that follows no redirect, because a redirect would
	// carry the request to an address that nobody has configured.
	HTTP *http.Client
	// Attempts is how often a request is sent at most; 0 is DefaultAttempts.
	Attempts int
	// Sleep waits between attempts; nil is a timer.
	Sleep func(ctx context.Context, d time.Duration) error
	// Retrying is told before a request is sent again; nil tells nobody.
	Retrying func(why error, in time.Duration)
}

// New returns a client of an API with a key.
func New(base, key string) *Client { return &Client{Base: strings.TrimRight(base, "/"), Key: key} }

var defaultHTTP = &http.Client{Timeout: requestTimeout,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// Request is one request. Path begins with /v1 or is another path of the API.
type Request struct {
	Method, Path string
	Query        url.Values
	Header       http.Header
	Body         []byte
	// Once: it is not sent again, whatever happens.
	Once bool
}

// Response is an answer, already read.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// UnreachableError says that the API gave no answer. It may have carried the request out.
type UnreachableError struct{ Err error }

// Error says what happened.
func (e *UnreachableError) Error() string { return "no answer of the API: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *UnreachableError) Unwrap() error { return e.Err }

// Do sends a request, again if that can help, and returns the answer. A status from 300 on is an
// error of type *Problem, except 304; no answer at all is an *UnreachableError.
func (c *Client) Do(ctx context.Context, r Request) (Response, error) {
	for attempt := 1; ; attempt++ {
		resp, err := c.send(ctx, r)
		if err == nil || r.Once || ctx.Err() != nil || attempt >= c.attempts() {
			return resp, err
		}
		wait, again := retryAfter(err, attempt)
		if !again {
			return resp, err
		}
		if c.Retrying != nil {
			c.Retrying(err, wait)
		}
		if c.sleep(ctx, wait) != nil {
			return resp, err
		}
	}
}

func (c *Client) attempts() int {
	if c.Attempts > 0 {
		return c.Attempts
	}
	return DefaultAttempts
}

func (c *Client) sleep(ctx context.Context, d time.Duration) error {
	if c.Sleep != nil {
		return c.Sleep(ctx, d)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// send sends a request once.
func (c *Client) send(ctx context.Context, r Request) (Response, error) {
	address := c.Base + r.Path
	if len(r.Query) > 0 {
		address += "?" + r.Query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, r.Method, address, bytes.NewReader(r.Body))
	if err != nil {
		return Response{}, err
	}
	for name, values := range r.Header {
		request.Header[http.CanonicalHeaderKey(name)] = values
	}
	if len(r.Body) > 0 && request.Header.Get("Content-Type") == "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.UserAgent != "" {
		request.Header.Set("User-Agent", c.UserAgent)
	}
	if c.Key != "" {
		request.Header.Set("Authorization", "Bearer "+c.Key)
	}
	sender := c.HTTP
	if sender == nil {
		sender = defaultHTTP
	}
	got, err := sender.Do(request)
	if err != nil {
		return Response{}, &UnreachableError{unwrapURL(err)}
	}
	defer got.Body.Close()
	body, err := io.ReadAll(io.LimitReader(got.Body, maxAnswer+1))
	if err != nil {
		return Response{}, &UnreachableError{err}
	}
	if len(body) > maxAnswer {
		return Response{}, fmt.Errorf("the answer has more than %d bytes", maxAnswer)
	}
	resp := Response{got.StatusCode, got.Header, body}
	if got.StatusCode >= 300 && got.StatusCode != http.StatusNotModified {
		return resp, problemOf(resp)
	}
	return resp, nil
}

// unwrapURL drops the address from an error of net/http: the reader knows which API it is.
func unwrapURL(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

// Doc is a document of the API: what this package knows of it, and the bytes as they came.
type Doc[T any] struct {
	Value T
	Raw   json.RawMessage
	// Header is the answer's, nil for a document within another.
	Header http.Header
}

// UnmarshalJSON keeps the bytes beside the value.
func (d *Doc[T]) UnmarshalJSON(b []byte) error {
	d.Raw = bytes.Clone(b)
	return json.Unmarshal(b, &d.Value)
}

// MarshalJSON returns the bytes as they came.
func (d Doc[T]) MarshalJSON() ([]byte, error) { return d.Raw, nil }

// call sends a request and decodes the answer.
func call[T any](ctx context.Context, c *Client, r Request) (Doc[T], error) {
	resp, err := c.Do(ctx, r)
	if err != nil {
		return Doc[T]{}, err
	}
	return decode[T](resp)
}

func decode[T any](resp Response) (Doc[T], error) {
	d := Doc[T]{Header: resp.Header}
	if len(bytes.TrimSpace(resp.Body)) == 0 {
		return d, nil
	}
	if err := json.Unmarshal(resp.Body, &d); err != nil {
		return d, fmt.Errorf("the answer is not what this version understands: %w", err)
	}
	return d, nil
}

// get reads a document.
func get[T any](ctx context.Context, c *Client, path string, query url.Values) (Doc[T], error) {
	return call[T](ctx, c, Request{Method: http.MethodGet, Path: path, Query: query})
}

// send sends a value as JSON; nil sends no body.
func send[T any](ctx context.Context, c *Client, method, path string, header http.Header, value any) (Doc[T], error) {
	r := Request{Method: method, Path: path, Header: header}
	if value != nil {
		var err error
		if r.Body, err = json.Marshal(value); err != nil {
			return Doc[T]{}, err
		}
	}
	return call[T](ctx, c, r)
}

// segment makes an id one segment of a path.
func segment(id string) string { return url.PathEscape(id) }
