// Package standardwebhook sends notices as Standard Webhooks describes them: signed with HMAC, with
// an id that stays the same and the time of the attempt.
package standardwebhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"adcp-orchestrator/pkg/endpoint"
	"adcp-orchestrator/pkg/safehttp"
)

// Sender sends requests to addresses that tenants chose. It implements endpoint.Sender.
type Sender struct {
	client *http.Client
	now    func() time.Time
}

// maxAnswer is how much of an answer is read, in bytes. Nothing of it is kept: it is read so that
// the connection can be used again.
const maxAnswer = 64 << 10

// New returns a sender that applies the rules of safehttp. Now is the clock.
func New(o safehttp.Options, now func() time.Time) Sender {
	o.MaxBodyBytes, o.MaxHeaderBytes, o.ConnectTimeout = maxAnswer, 16<<10, endpoint.AttemptTime/2
	return Sender{client: safehttp.New(o), now: now}
}

// Send makes one attempt.
func (s Sender) Send(ctx context.Context, r endpoint.Request) endpoint.Result {
	ctx, cancel := context.WithTimeout(ctx, endpoint.AttemptTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return endpoint.Result{Fault: endpoint.FaultRefused}
	}
	signature, err := Sign(r)
	if err != nil {
		return endpoint.Result{Fault: endpoint.FaultNoSecret}
	}
	req.Header.Set(standardwebhooks.HeaderWebhookID, r.ID)
	req.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(r.At.Unix(), 10))
	req.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "adcp-orchestrator (Standard Webhooks)")
	resp, err := s.client.Do(req)
	if err != nil {
		return endpoint.Result{Fault: faultOf(err)}
	}
	_, _ = io.Copy(io.Discard, resp.Body) // a body that is too long, or that stops, says nothing about the status
	_ = resp.Body.Close()
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return endpoint.Result{Status: resp.StatusCode}
	}
	result := endpoint.Result{Status: resp.StatusCode, Fault: endpoint.FaultStatus}
	if resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable {
		seconds := safehttp.RetryAfter(resp.Header.Get("Retry-After"), s.now())
		result.RetryAfter = time.Duration(min(max(seconds, 0), maxRetryAfter) * float64(time.Second))
	}
	return result
}

// maxRetryAfter keeps what a receiver asks for within a time.Duration, in seconds. What is decided
// has a smaller bound.
const maxRetryAfter = 24 * 3600

// Sign returns the value of webhook-signature: a signature by each secret.
func Sign(r endpoint.Request) (string, error) {
	var signatures []string
	for _, secret := range r.Secrets {
		w, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			return "", errors.New("a secret is not whsec_ and base64") // the library's error could quote it
		}
		signature, err := w.Sign(r.ID, r.At, r.Body)
		if err != nil {
			return "", err
		}
		signatures = append(signatures, signature)
	}
	return strings.Join(signatures, " "), nil
}

// faultOf says why there was no answer.
func faultOf(err error) endpoint.Fault {
	var blocked *safehttp.BlockedError
	var name *net.DNSError
	var verification *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var timeout net.Error
	switch {
	case errors.As(err, &blocked):
		return endpoint.FaultRefused
	case errors.As(err, &name) && !name.IsTimeout:
		return endpoint.FaultName
	case errors.As(err, &verification), errors.As(err, &authority), errors.As(err, &host), errors.As(err, &record),
		errors.As(err, &alert):
		return endpoint.FaultTLS
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return endpoint.FaultTimeout
	}
	return endpoint.FaultConnect
}
