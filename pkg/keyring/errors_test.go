package keyring

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// An entry that differs from the agent's URL by a slash or its spelling is named in the log, cut
// and cleaned. The error's own text is the code only.
func TestNearMissIsNamed(t *testing.T) {
	t.Parallel()
	for url, named := range map[string]bool{
		"https://sales.example.co.uk/mcp/":     true,
		"https://SALES.example.co.uk:443/mcp/": true,
		"https://sales.example.co.uk/a2a":      false,
		"https://other.example.co.uk/mcp":      false,
		"\x1b[31m\u202e":                       false,
	} {
		h := newNetworkHarness(t)
		h.set(operatorBrand, brandOf(map[string]any{"url": url}))
		_, err := h.delivery().Key(t.Context(), "k1")
		var u *UnavailableError
		if !errors.As(err, &u) || u.Code != agentMissing ||
			strings.Contains(u.Cause.Error(), "another slash") != named ||
			err.Error() != "keyring: agent_not_in_brand_json" {
			t.Errorf("%q: %v, %v", url, err, u.Cause)
		}
		if u.Cause == nil || len(u.Cause.Error()) > 150 || !printable(u.Cause.Error()) {
			t.Errorf("%q is not fit for a log", u.Cause)
		}
	}
}

// No text of a counterparty, and no address that its names resolved to, gets into an error or a log
// unchanged.
func TestFailuresAreFitForLogs(t *testing.T) { // not parallel: it replaces the default logger
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	defer slog.SetDefault(before)
	evil := "evil\n\x1b[31m\u202e" + strings.Repeat("x", 500)
	longKey := strings.Repeat("a", 500)
	longHost := "https://" + strings.Repeat("y.", 100) + "example/"
	h := newNetworkHarness(t)
	for _, body := range []string{
		`{"agents":[{"` + longKey + `":1,"` + longKey + `":2}]}`,
		brandOf(map[string]any{"url": h.sender.AgentURL, "jwks_uri": evil}),
		encoded(map[string]any{"authoritative_location": evil}),
		encoded(map[string]any{"agents": evil}),
		brandOf(map[string]any{"url": h.sender.AgentURL, "jwks_uri": longHost}),
	} {
		h.set(operatorBrand, body)
		_, err := h.delivery().Key(t.Context(), "k1")
		var u *UnavailableError
		if !errors.As(err, &u) || u.Cause == nil || len(u.Cause.Error()) > 150 || !printable(u.Cause.Error()) {
			t.Errorf("%v: %v", err, u)
		}
		h.advance(time.Hour)
	}
	h.set(operatorBrand, h.brandJSON(""))
	h.set(ownKeys, keySet("a", evil, strings.Repeat("k", 200)))
	h.wantKey("a", "a")
	h.advance(time.Hour)
	h.set(ownKeys, keySet("a", strings.Repeat("l", 200)))
	h.wantKey("a", "a")
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, strings.Repeat("x", 40)) || strings.Contains(line, "evil") ||
			strings.ContainsAny(line, "\x1b\u202e") || len(line) > 400 {
			t.Errorf("logged %q", line)
		}
	}
	if log.Len() == 0 {
		t.Error("nothing was logged")
	}
}

// Errors of a real client are described without their own text.
func TestErrorsAreDescribed(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.put("/slow", page{status: 200, wait: make(chan struct{})})
	for at, want := range map[string]string{
		h.agentOrigin() + "/slow": "it took too long",
		"https://10.0.0.1/":       "refused by rule reserved-address",
		"http://127.0.0.1:1/":     "the connection failed (dial)",
		h.agentOrigin() + "/\x7f": "it can't be read",
	} {
		ctx, cancel := t.Context(), func() {}
		if strings.HasSuffix(at, "/slow") {
			ctx, cancel = context.WithTimeout(ctx, 20*time.Millisecond)
		}
		_, err := h.fetch(ctx, at, 10, "")
		cancel()
		if err == nil || describe(err) != want {
			t.Errorf("%s: %v: %s", at, err, describe(err))
		}
	}
	for want, err := range map[string]error{
		"the certificate is not valid": &tls.CertificateVerificationError{Err: errors.New("x")},
		"the host has no address":      &url.Error{Err: &net.DNSError{Name: "evil.example"}},
	} {
		if got := describe(err); got != want {
			t.Errorf("%v: %s", err, got)
		}
	}
	if loggableHost("\x7f") != "?" {
		t.Error("a text that is not a URL has no host")
	}
}

func TestLongResponsesAreRefused(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	longETag := map[string]string{"ETag": strings.Repeat("e", maxETag+1)}
	h.put("/long", page{status: http.StatusOK, body: "01234567890", header: longETag})
	_, err := h.fetch(t.Context(), h.agentOrigin()+"/long", 10, "")
	if err == nil || describe(err) != "the body is longer than 10 bytes" {
		t.Error(err)
	}
	got, err := h.fetch(t.Context(), h.agentOrigin()+"/long", 11, "")
	if err != nil || len(got.body) != 11 || got.etag != "" {
		t.Error(got, err)
	}
}
