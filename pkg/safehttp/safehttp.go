// Package safehttp is the outbound HTTP client for addresses that a counterparty chose: agents, key sets, documents. No such address can turn it
// inward (contract L1): it speaks https only, resolves a name once, refuses it if any of its addresses is reserved, dials the address that it checked,
// follows no redirect, uses no proxy, and reads no more than it was told to.
package safehttp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// The defaults of Options (contract L1, L4).
const (
	DefaultConnectTimeout = 10 * time.Second
	DefaultMaxHeaderBytes = 64 << 10
	DefaultMaxBodyBytes   = 5 << 20
)

// handshakeTimeout bounds the TLS handshake (contract L4).
const handshakeTimeout = 10 * time.Second

// idleTimeout is how long an unused connection is kept: long enough for the requests of one call and for the next call of a busy function.
const idleTimeout = 30 * time.Second

// Resolver looks a name up. *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Options are what a client may be told. The zero value is the strictest.
type Options struct {
	// AllowLoopback also allows loopback addresses, over http too. It is for a stack on one machine and opens nothing else that is private.
	AllowLoopback bool
	// Resolver is the system's by default.
	Resolver Resolver
	// ConnectTimeout bounds the look-up and the connection together.
	ConnectTimeout time.Duration
	// MaxHeaderBytes and MaxBodyBytes bound an answer. A body that is longer ends in a *TooLargeError.
	MaxHeaderBytes int64
	MaxBodyBytes   int64
	// RootCAs are the authorities to trust, the system's by default.
	RootCAs *x509.CertPool
}

// New returns a client with the guard in place. It has no time limit of its own beyond the connection's: give each request a context that ends.
// A refused request fails with a *BlockedError. Errors may hold addresses: they are for our own logs and must never reach the counterparty.
func New(o Options) *http.Client {
	d := dialer{guard: guard{loopback: o.AllowLoopback}, resolver: o.Resolver, timeout: orDefault(o.ConnectTimeout, DefaultConnectTimeout)}
	if d.resolver == nil {
		d.resolver = net.DefaultResolver
	}
	d.connect = (&net.Dialer{}).DialContext
	return newClient(o, d)
}

func newClient(o Options, d dialer) *http.Client {
	// HTTP/1.1 only: HTTP/2 may send a request again that its server has answered with a protocol error, and a purchase must never be sent twice
	// without our knowing.
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	t := &http.Transport{
		Proxy:                  nil,
		DialContext:            d.dial,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs},
		TLSHandshakeTimeout:    handshakeTimeout,
		MaxResponseHeaderBytes: orDefault(o.MaxHeaderBytes, DefaultMaxHeaderBytes),
		IdleConnTimeout:        idleTimeout,
		MaxIdleConnsPerHost:    4,
		Protocols:              &protocols,
	}
	return &http.Client{
		Transport:     &transport{base: t, guard: d.guard, maxBody: orDefault(o.MaxBodyBytes, DefaultMaxBodyBytes)},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// transport checks the URL of each request, also where it is used without a client.
type transport struct {
	base    *http.Transport
	guard   guard
	maxBody int64
}

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := t.guard.checkURL(req.URL); err != nil {
		if req.Body != nil {
			_ = req.Body.Close() // as every RoundTripper must
		}
		return nil, err
	}
	resp, err := t.base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	resp.Body = LimitBody(resp.Body, t.maxBody)
	return resp, nil
}

// CloseIdleConnections closes the connections that no request uses.
func (t *transport) CloseIdleConnections() { t.base.CloseIdleConnections() }

// dialer resolves, checks and connects. It is the only place where an address is chosen, so that what was checked is what is dialled.
type dialer struct {
	guard    guard
	resolver Resolver
	timeout  time.Duration
	connect  func(ctx context.Context, network, address string) (net.Conn, error)
}

func (d dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	addrs, err := d.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	var failed error
	for i, a := range addrs {
		// Each address gets its share of what is left, so that one that swallows packets doesn't use up the time of the others.
		deadline, _ := ctx.Deadline()
		share, stop := context.WithTimeout(ctx, time.Until(deadline)/time.Duration(len(addrs)-i))
		conn, err := d.connect(share, network, net.JoinHostPort(a.String(), port))
		stop()
		if err == nil {
			return conn, nil
		}
		if failed == nil {
			failed = err
		}
	}
	return nil, failed
}

// resolve returns the addresses of a host, all of them allowed.
func (d dialer) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, d.guard.checkAddr(host, a)
	}
	addrs, err := d.resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	if len(addrs) == 0 {
		return nil, fmt.Errorf("%s has no address", host)
	}
	for i, a := range addrs {
		// A resolver may write an IPv4 address as ::ffff:a.b.c.d: what counts is the address inside.
		addrs[i] = a.Unmap()
		if err := d.guard.checkAddr(host, addrs[i]); err != nil {
			return nil, err // one bad address condemns the name: which one a later look-up gives is not ours to choose
		}
	}
	return addrs, nil
}

func orDefault[T ~int64](v, otherwise T) T {
	if v == 0 {
		return otherwise
	}
	return v
}
