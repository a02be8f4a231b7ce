package agent

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/httpsig"
	"adcp-orchestrator/pkg/safehttp"
)

// signer is a Signer in memory with one Ed25519 key.
type signer struct {
	key          ed25519.PrivateKey
	fail         error
	failAfter    int32
	calls        atomic.Int32
	signsWrongly bool // signs wrongly
}

func newSigner() *signer {
	return &signer{key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))}
}

func (s *signer) jwk() httpsig.JWK {
	return httpsig.JWK{
		KID:     "buyer-1",
		KeyType: "OKP",
		Curve:   "Ed25519",
		Alg:     "EdDSA",
		Use:     "sig",
		KeyOps:  []string{"verify"},
		AdCPUse: httpsig.UseRequestSigning,
		X:       base64.RawURLEncoding.EncodeToString(s.key.Public().(ed25519.PublicKey)),
	}
}

func (s *signer) Identity(context.Context) (httpsig.Identity, error) {
	if n := s.calls.Add(1); s.fail != nil && n > s.failAfter {
		return httpsig.Identity{}, s.fail
	}
	return httpsig.Identity{Key: s.jwk(), Signer: s}, nil
}

func (s *signer) Sign(_ context.Context, message []byte) ([]byte, error) {
	if s.signsWrongly {
		return make([]byte, 64), nil
	}
	return ed25519.Sign(s.key, message), nil
}

// nonceStore is the replay and revocation store of a seller.
type nonceStore struct{ seen map[string]bool }

func (f nonceStore) Check(context.Context, string) error { return nil }

func (f nonceStore) Seen(_ context.Context, keyID, nonce string) (bool, bool, error) {
	return f.seen[keyID+nonce], false, nil
}

func (f nonceStore) Claim(_ context.Context, keyID, nonce string, _ time.Time) error {
	f.seen[keyID+nonce] = true
	return nil
}

// verifies checks the signatures of received messages.
func (s *signer) verifies(t *testing.T, url string, digest httpsig.DigestPolicy, got ...message) {
	t.Helper()
	f := nonceStore{map[string]bool{}}
	v := httpsig.Verifier{
		Profile:    httpsig.RequestProfile(digest),
		Keys:       httpsig.JWKS{"buyer-1": s.jwk()},
		Replay:     f,
		Revocation: f,
	}
	for _, m := range got {
		host := strings.TrimPrefix(strings.SplitN(url, "/mcp", 2)[0], "http://")
		signed := httpsig.Message{Method: m.http, URL: url, Host: host, Header: m.header, Body: m.body}
		if _, err := v.Verify(t.Context(), signed, noon); err != nil {
			t.Errorf("%s: %v, %v", m.Method, err, m.header)
		}
	}
}

func signingClient(t *testing.T, s Signer) *Client {
	t.Helper()
	c := New(Options{
		Secrets: secrets{credential: "token-1"},
		Signer:  s,
		HTTP:    safehttp.Options{AllowLoopback: true},
		Now:     func() time.Time { return noon },
	})
	t.Cleanup((&http.Client{Transport: c.base}).CloseIdleConnections)
	return c
}

func isSigned(m message) bool { return m.header.Get("Signature-Input") != "" }

var completedResult = toolResult(`{"content":[],"structuredContent":{"status":"completed"}}`)

const buyTool = "create_media_buy"

// Only what the agent wants signed is signed (contract B44, B47).
func TestOnlyWantedRequestsAreSigned(t *testing.T) {
	t.Parallel()
	const credentialArgs = `{"push_notification_config":{"url":"https://b.example",` +
		`"authentication":{"schemes":["Bearer"],"credentials":"x"}}}`
	supported := adcp.RequestSigning{Support: adcp.Supported}
	for name, c := range map[string]struct {
		wanted         adcp.RequestSigning
		args           string
		call, protocol bool
	}{
		"nothing stated":   {adcp.RequestSigning{}, credentialArgs, false, false},
		"required":         {adcp.RequestSigning{RequiredFor: []string{buyTool}}, `{}`, true, false},
		"warned":           {adcp.RequestSigning{WarnFor: []string{buyTool}}, `{}`, true, false},
		"supported":        {adcp.RequestSigning{SupportedFor: []string{buyTool}}, `{}`, true, false},
		"another tool":     {adcp.RequestSigning{RequiredFor: []string{"update_media_buy"}}, `{}`, false, false},
		"a credential":     {supported, credentialArgs, true, false},
		"a subscription's": {supported, `{"accounts":[{"notification_configs":[{},{"authentication":{}}]}]}`, true, false},
		"no credential": {
			wanted: supported,
			args:   `{"push_notification_config":{"authentication":null},"notification_configs":[7]}`,
		},
		"a method": {adcp.RequestSigning{Methods: []string{"initialize"}}, `{}`, false, true},
		"a method among the tools": {
			wanted: adcp.RequestSigning{RequiredFor: []string{"tools/call", "initialize"}},
			args:   `{}`,
		},
		"a tool among the methods": {adcp.RequestSigning{Methods: []string{buyTool}}, `{}`, false, false},
		"every call": {
			wanted: adcp.RequestSigning{Methods: []string{"tools/call"}, MethodsRequired: []string{"tools/call"}},
			args:   `{}`,
			call:   true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := (&seller{result: completedResult}).start(t)
			k := newSigner()
			a := s.agent()
			a.Signing = c.wanted
			if _, err := signingClient(t, k).Call(t.Context(), a, buyTool, json.RawMessage(c.args)); err != nil {
				t.Fatal(err)
			}
			for method, want := range map[string]bool{
				"tools/call":                c.call,
				"initialize":                c.protocol,
				"notifications/initialized": false,
			} {
				got := s.received(http.MethodPost, method)
				if len(got) != 1 || isSigned(got[0]) != want {
					t.Errorf("%s was sent %d times, signed %v", method, len(got), len(got) > 0 && isSigned(got[0]))
				}
				if want {
					k.verifies(t, s.url, httpsig.DigestRequired, got...)
				}
			}
		})
	}
}

// Each attempt signs the same bytes with a new nonce, and covers the digest as the agent wants it
// (contract B48, B50, B51).
func TestEveryAttemptIsSignedAnew(t *testing.T) {
	t.Parallel()
	for policy, want := range map[string]httpsig.DigestPolicy{
		"":          httpsig.DigestRequired,
		"either":    httpsig.DigestRequired,
		"odd":       httpsig.DigestRequired,
		"required":  httpsig.DigestRequired,
		"forbidden": httpsig.DigestForbidden,
	} {
		s := (&seller{result: completedResult}).start(t)
		k := newSigner()
		c, a := signingClient(t, k), s.agent()
		a.Signing = adcp.RequestSigning{RequiredFor: []string{buyTool}, Digest: policy}
		for range 2 {
			if _, err := c.Call(t.Context(), a, buyTool, json.RawMessage(`{ "a" :1}`)); err != nil {
				t.Fatal(err)
			}
		}
		calls := s.received(http.MethodPost, "tools/call")
		k.verifies(t, s.url, want, calls...)
		if len(calls) != 2 || !bytes.Equal(calls[0].body, calls[1].body) {
			t.Fatalf("%q: %v", policy, calls)
		}
		header := calls[0].header
		signature := strings.TrimSuffix(strings.TrimPrefix(header.Get("Signature"), "sig1=:"), ":")
		if (header.Get("Content-Digest") == "") != (policy == "forbidden") || strings.ContainsAny(signature, "+/=") {
			t.Errorf("%q: %v", policy, calls)
		}
	}
}

func TestA2ACallIsSignedAndTheCardRequestIsNot(t *testing.T) {
	t.Parallel()
	for _, card := range []string{npmCard, v3Card} {
		s := (&a2aSeller{
			card:   card,
			skills: []string{buyTool},
			answer: always(`{"kind":"task","id":"t","status":{"state":"completed"},` +
				`"artifacts":[{"parts":[{"kind":"data","data":{"media_buy_id":"m"}}]}]}`),
		}).start(t)
		k := newSigner()
		a := s.agent()
		a.Signing = adcp.RequestSigning{RequiredFor: []string{buyTool}}
		if _, err := signingClient(t, k).Call(t.Context(), a, buyTool, json.RawMessage(`{}`)); err != nil {
			t.Fatal(err)
		}
		calls := s.received(http.MethodPost, "")
		if len(calls) != 1 {
			t.Fatalf("%d calls", len(calls))
		}
		k.verifies(t, s.url, httpsig.DigestRequired, calls...)
		for _, m := range s.received(http.MethodGet, "") {
			if isSigned(m) {
				t.Error("the request for the card was signed")
			}
		}
	}
}

// A call that must be signed but cannot be does not leave. A call that need not be signed leaves
// unsigned if there is no key at all, but not if the key fails.
func TestCallThatCannotBeSignedIsUnsent(t *testing.T) {
	t.Parallel()
	unavailable := errors.New("KMS is unavailable")
	required := adcp.RequestSigning{RequiredFor: []string{buyTool}}
	warned := adcp.RequestSigning{WarnFor: []string{buyTool}}
	wrong := newSigner()
	wrong.signsWrongly = true
	for name, c := range map[string]struct {
		wanted adcp.RequestSigning
		signer Signer
		random io.Reader
		sent   int
		is     error
	}{
		"required, no key":    {wanted: required},
		"required, KMS fails": {wanted: required, signer: &signer{fail: unavailable}, is: unavailable},
		"warned, KMS fails":   {wanted: warned, signer: &signer{fail: unavailable}, is: unavailable},
		"warned, no key":      {wanted: warned, sent: 1},
		"a wrong signature":   {wanted: required, signer: wrong},
		"no random bytes": {
			wanted: required,
			signer: newSigner(),
			random: iotest.ErrReader(unavailable),
			is:     unavailable,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := (&seller{result: completedResult}).start(t)
			cl := New(Options{
				Secrets: secrets{credential: "token-1"},
				Signer:  c.signer,
				Random:  c.random,
				HTTP:    safehttp.Options{AllowLoopback: true},
			})
			t.Cleanup((&http.Client{Transport: cl.base}).CloseIdleConnections)
			a := s.agent()
			a.Signing = c.wanted
			_, err := cl.Call(t.Context(), a, buyTool, json.RawMessage(`{}`))
			if n := len(s.received(http.MethodPost, "tools/call")); n != c.sent {
				t.Errorf("the call was sent %d times", n)
			}
			if c.sent == 1 {
				if err != nil {
					t.Error(err)
				}
				return
			}
			ce := wantCallError(t, err, adcp.Unsent, 0)
			if ce.Signature != adcp.SigningFailed || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("signature %q, %v", ce.Signature, err)
			}
		})
	}
}

// requireSignature refuses requests without a signature and passes the signed ones on.
func requireSignature(then interceptor) interceptor {
	return func(w http.ResponseWriter, r *http.Request, m message) bool {
		if m.http != http.MethodPost || isSigned(m) {
			return isSigned(m) && then(w, r, m)
		}
		status(401, `{"error":"request_signature_required"}`,
			`WWW-Authenticate: Signature error="request_signature_required"`)(w, r, m)
		return true
	}
}

// If an agent refuses a request for lack of a signature that its capabilities did not require,
// the same bytes are sent once more at once, signed. No other refusal leads to a second attempt
// (contract B57).
func TestRequestRefusedForLackOfASignatureIsSigned(t *testing.T) {
	t.Parallel()
	serve := func(http.ResponseWriter, *http.Request, message) bool { return false }
	abortCall := func(_ http.ResponseWriter, _ *http.Request, m message) bool {
		if m.Method == "tools/call" {
			panic(http.ErrAbortHandler)
		}
		return false
	}
	s := (&seller{result: completedResult, fault: requireSignature(serve)}).start(t)
	k := newSigner()
	if _, err := signingClient(t, k).Call(t.Context(), s.agent(), buyTool, json.RawMessage(`{"a": 1}`)); err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{"initialize", "notifications/initialized", "tools/call"} {
		got := s.received(http.MethodPost, method)
		if len(got) != 2 || isSigned(got[0]) || !isSigned(got[1]) || !bytes.Equal(got[0].body, got[1].body) {
			t.Fatalf("%s was sent as %v", method, got)
		}
		k.verifies(t, s.url, httpsig.DigestRequired, got[1])
	}
	// The outcome is the second attempt's, and its fate is unknown.
	s = (&seller{result: completedResult, fault: requireSignature(abortCall)}).start(t)
	_, err := signingClient(t, newSigner()).Call(t.Context(), s.agent(), buyTool, json.RawMessage(`{}`))
	wantCallError(t, err, adcp.Ambiguous, 0)
	// KMS fails when it is needed: the agent has refused the call, and the cause is on our side.
	s = (&seller{
		result: completedResult,
		fault: on("tools/call", func(w http.ResponseWriter, r *http.Request, m message) {
			requireSignature(serve)(w, r, m)
		}),
	}).start(t)
	failing := &signer{fail: errors.New("KMS is unavailable")}
	_, err = signingClient(t, failing).Call(t.Context(), s.agent(), buyTool, json.RawMessage(`{}`))
	if ce := wantCallError(t, err, adcp.Refused, 401); ce.Signature != adcp.SigningFailed {
		t.Errorf("signature %q", ce.Signature)
	}
	// Without a key there is no second attempt.
	_, err = signingClient(t, nil).Call(t.Context(), s.agent(), buyTool, json.RawMessage(`{}`))
	if ce := wantCallError(t, err, adcp.Refused, 401); ce.Signature != codeSignatureRequired {
		t.Errorf("signature %q", ce.Signature)
	}
}

func TestRefusedSignatureIsReportedWithItsCode(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		`Signature error="request_signature_invalid"`: "request_signature_invalid",
		// This refuses a signed request: it is not signed again.
		`Signature error="request_signature_required"`:                          "request_signature_required",
		`Bearer realm="x", signature realm="y", error="request_target_uri_bad"`: "request_target_uri_bad",
		`Bearer error="request_signature_invalid"`:                              "",
		`Signature error="request_` + strings.Repeat("a", 65) + `"`:             "",
		`Signature error="request_"`:                                            "",
		`Signature error="request_signature_<b>"`:                               "",
		`Signature error="request_signature_invalid`:                            "",
		`Signature error="webhook_signature_invalid"`:                           "",
		`Signature`: "",
	} {
		const body = `{"jsonrpc":"2.0","id":1,"error":{"code":-32028,"message":"m"}}`
		s := (&seller{fault: on("tools/call", status(401, body, "WWW-Authenticate: "+header))}).start(t)
		a := s.agent()
		a.Signing = adcp.RequestSigning{SupportedFor: []string{buyTool}}
		_, err := signingClient(t, newSigner()).Call(t.Context(), a, buyTool, json.RawMessage(`{}`))
		ce := wantCallError(t, err, adcp.Refused, 401)
		if ce.Signature != want || want != "" && !strings.Contains(ce.Error(), want) {
			t.Errorf("%s: %q, %v", header, ce.Signature, err)
		}
		if got := s.received(http.MethodPost, "tools/call"); len(got) != 1 || !isSigned(got[0]) {
			t.Errorf("%s: the call was sent %d times", header, len(got))
		}
	}
}
