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

// idleTimeout is how long an unused connection is kept: long enough for the requests of one call
// and for the next call of a busy function.
const idleTimeout = 30 * time.Second

// maxIdle bounds the unused connections to all hosts together. Counterparties choose how large
// their certificates are, each connection holds them, and a process makes one call at a time.
const (
	maxIdle        = 16
	maxIdlePerHost = 4
)

// Resolver resolves a name. *net.Resolver implements it.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Options configure a client. The zero value is the strictest.
type Options struct {
	// AllowLoopback also allows loopback addresses, over http too. It is for a stack on one machine
	// and allows no other private address.
	AllowLoopback bool
	// Resolver is net.DefaultResolver by default.
	Resolver Resolver
	// ConnectTimeout bounds the look-up and the connection together, DefaultConnectTimeout by default.
	ConnectTimeout time.Duration
	// MaxHeaderBytes and MaxBodyBytes bound an answer. Reading a longer body fails with a
	// *TooLargeError.
	MaxHeaderBytes int64
	MaxBodyBytes   int64
	// RootCAs are the trusted authorities, the system's by default.
	RootCAs *x509.CertPool
}

// New returns a client that applies the rules of contract L1. It bounds only the time for the
// connection and its TLS handshake: give each request a context that ends.
//
// A refused request fails with a *BlockedError. Errors may hold addresses: they are for our own
// logs and must never reach the counterparty.
func New(o Options) *http.Client {
	d := dialer{
		guard:    guard{loopback: o.AllowLoopback},
		resolver: o.Resolver,
		timeout:  orDefault(o.ConnectTimeout, DefaultConnectTimeout),
		connect:  (&net.Dialer{}).DialContext,
	}
	if d.resolver == nil {
		d.resolver = net.DefaultResolver
	}
	return newClient(o, d)
}

func newClient(o Options, d dialer) *http.Client {
	// HTTP/1.1 only: HTTP/2 may repeat a request that the server answered with a protocol error, and
	// a purchase must never be sent twice without our knowledge.
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	t := &http.Transport{
		Proxy:                  nil,
		DialContext:            d.dial,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs},
		TLSHandshakeTimeout:    handshakeTimeout,
		MaxResponseHeaderBytes: orDefault(o.MaxHeaderBytes, DefaultMaxHeaderBytes),
		IdleConnTimeout:        idleTimeout,
		MaxIdleConns:           maxIdle,
		MaxIdleConnsPerHost:    maxIdlePerHost,
		Protocols:              &protocols,
	}
	return &http.Client{
		Transport: &transport{
			base:    t,
			guard:   d.guard,
			maxBody: orDefault(o.MaxBodyBytes, DefaultMaxBodyBytes),
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// transport checks the URL of each request. It is also used without an http.Client.
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

// CloseIdleConnections closes the connections that are not in use.
func (t *transport) CloseIdleConnections() { t.base.CloseIdleConnections() }

// dialer resolves, checks and connects. No other place chooses an address, so the address that is
// dialed is the one that was checked.
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
	var firstErr error
	for i, a := range addrs {
		// Each address gets its share of the remaining time, so that one that swallows packets does
		// not use up the time of the others.
		deadline, _ := ctx.Deadline()
		share, stop := context.WithTimeout(ctx, time.Until(deadline)/time.Duration(len(addrs)-i))
		conn, err := d.connect(share, network, net.JoinHostPort(a.String(), port))
		stop()
		if err == nil {
			return conn, nil
		}
		if firstErr == nil {
			firstErr = err
		}
	}
	return nil, firstErr
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
		// A resolver may write an IPv4 address as ::ffff:a.b.c.d. The address inside is checked.
		addrs[i] = a.Unmap()
		if err := d.guard.checkAddr(host, addrs[i]); err != nil {
			// One bad address condemns the name: a later look-up may put it first.
			return nil, err
		}
	}
	return addrs, nil
}

func orDefault[T ~int64](v, def T) T {
	if v == 0 {
		return def
	}
	return v
}
