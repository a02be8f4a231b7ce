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

// signer is a Signer in memory with one Ed25519 key. It fails after so many signatures, if it is told to.
type signer struct {
	key     ed25519.PrivateKey
	fail    error
	after   int32
	asked   atomic.Int32
	refuses bool // signs wrongly
}

func newSigner() *signer {
	return &signer{key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))}
}

func (s *signer) jwk() httpsig.JWK {
	return httpsig.JWK{KID: "buyer-1", KeyType: "OKP", Curve: "Ed25519", Alg: "EdDSA", Use: "sig", KeyOps: []string{"verify"}, AdCPUse: httpsig.UseRequestSigning,
		X: base64.RawURLEncoding.EncodeToString(s.key.Public().(ed25519.PublicKey))}
}

func (s *signer) Identity(context.Context) (httpsig.Identity, error) {
	if n := s.asked.Add(1); s.fail != nil && n > s.after {
		return httpsig.Identity{}, s.fail
	}
	return httpsig.Identity{Key: s.jwk(), Signer: s}, nil
}

func (s *signer) Sign(_ context.Context, message []byte) ([]byte, error) {
	if s.refuses {
		return make([]byte, 64), nil
	}
	return ed25519.Sign(s.key, message), nil
}

// fresh is the replay and revocation store of a seller.
type fresh struct{ seen map[string]bool }

func (f fresh) Check(context.Context, string) error { return nil }
func (f fresh) Seen(_ context.Context, keyID, nonce string) (bool, bool, error) {
	return f.seen[keyID+nonce], false, nil
}
func (f fresh) Claim(_ context.Context, keyID, nonce string, _ time.Time) error {
	f.seen[keyID+nonce] = true
	return nil
}

// verifies checks the signatures of messages as they arrived.
func (s *signer) verifies(t *testing.T, url string, digest httpsig.DigestPolicy, got ...message) {
	t.Helper()
	f := fresh{map[string]bool{}}
	v := httpsig.Verifier{Profile: httpsig.RequestProfile(digest), Keys: httpsig.JWKS{"buyer-1": s.jwk()}, Replay: f, Revocation: f}
	for _, m := range got {
		host := strings.TrimPrefix(strings.SplitN(url, "/mcp", 2)[0], "http://")
		if _, err := v.Verify(t.Context(), httpsig.Message{Method: m.http, URL: url, Host: host, Header: m.header, Body: m.body}, noon); err != nil {
			t.Errorf("%s: %v, %v", m.Method, err, m.header)
		}
	}
}

func signingClient(t *testing.T, s Signer) *Client {
	t.Helper()
	c := New(Options{Secrets: secrets{credential: "token-1"}, Signer: s, HTTP: safehttp.Options{AllowLoopback: true}, Now: func() time.Time { return noon }})
	t.Cleanup((&http.Client{Transport: c.transport}).CloseIdleConnections)
	return c
}

func isSigned(m message) bool { return m.header.Get("Signature-Input") != "" }

var sold = toolResult(`{"content":[],"structuredContent":{"status":"completed"}}`)

const buyTool = "create_media_buy"

// contract B44, B47: what the agent wants signed is signed, and nothing else.
func TestWhatIsSigned(t *testing.T) {
	t.Parallel()
	const pushed = `{"push_notification_config":{"url":"https://b.example","authentication":{"schemes":["Bearer"],"credentials":"x"}}}`
	for name, c := range map[string]struct {
		wanted         adcp.RequestSigning
		args           string
		call, protocol bool
	}{
		"nothing said":             {adcp.RequestSigning{}, pushed, false, false},
		"required":                 {adcp.RequestSigning{RequiredFor: []string{buyTool}}, `{}`, true, false},
		"warned":                   {adcp.RequestSigning{WarnFor: []string{buyTool}}, `{}`, true, false},
		"supported":                {adcp.RequestSigning{SupportedFor: []string{buyTool}}, `{}`, true, false},
		"another tool":             {adcp.RequestSigning{RequiredFor: []string{"update_media_buy"}}, `{}`, false, false},
		"a credential":             {adcp.RequestSigning{Support: adcp.Supported}, pushed, true, false},
		"a subscription's":         {adcp.RequestSigning{Support: adcp.Supported}, `{"accounts":[{"notification_configs":[{},{"authentication":{}}]}]}`, true, false},
		"no credential":            {adcp.RequestSigning{Support: adcp.Supported}, `{"push_notification_config":{"authentication":null},"notification_configs":[7]}`, false, false},
		"a method":                 {adcp.RequestSigning{Methods: []string{"initialize"}}, `{}`, false, true},
		"a method that is no tool": {adcp.RequestSigning{RequiredFor: []string{"tools/call", "initialize"}}, `{}`, false, false},
		"a tool that is no method": {adcp.RequestSigning{Methods: []string{buyTool}}, `{}`, false, false},
		"every call":               {adcp.RequestSigning{Methods: []string{"tools/call"}, MethodsRequired: []string{"tools/call"}}, `{}`, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := (&seller{result: sold}).start(t)
			k := newSigner()
			a := s.agent()
			a.Signing = c.wanted
			if _, err := signingClient(t, k).Call(t.Context(), a, buyTool, json.RawMessage(c.args)); err != nil {
				t.Fatal(err)
			}
			for method, want := range map[string]bool{"tools/call": c.call, "initialize": c.protocol, "notifications/initialized": false} {
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

// contract B48, B50, B51: each attempt has a nonce of its own, over the same bytes; the digest is covered as the agent says.
func TestSignedAnew(t *testing.T) {
	t.Parallel()
	for policy, want := range map[string]httpsig.DigestPolicy{"": httpsig.DigestRequired, "either": httpsig.DigestRequired, "odd": httpsig.DigestRequired,
		"required": httpsig.DigestRequired, "forbidden": httpsig.DigestForbidden} {
		s := (&seller{result: sold}).start(t)
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
		if len(calls) != 2 || !bytes.Equal(calls[0].body, calls[1].body) || (calls[0].header.Get("Content-Digest") == "") != (policy == "forbidden") ||
			strings.ContainsAny(strings.TrimSuffix(strings.TrimPrefix(calls[0].header.Get("Signature"), "sig1=:"), ":"), "+/=") {
			t.Errorf("%q: %v", policy, calls)
		}
	}
}

func TestA2ASigned(t *testing.T) {
	t.Parallel()
	for _, card := range []string{npmCard, v3Card} {
		s := (&a2aSeller{card: card, skills: []string{buyTool}, answer: always(`{"kind":"task","id":"t","status":{"state":"completed"},"artifacts":[{"parts":[{"kind":"data","data":{"media_buy_id":"m"}}]}]}`)}).start(t)
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
				t.Error("the card was asked for with a signature")
			}
		}
	}
}

// A call that can't be signed does not leave; one that need not be does, if there is no key at all.
func TestUnsignable(t *testing.T) {
	t.Parallel()
	away := errors.New("KMS is away")
	required, warned := adcp.RequestSigning{RequiredFor: []string{buyTool}}, adcp.RequestSigning{WarnFor: []string{buyTool}}
	for name, c := range map[string]struct {
		wanted adcp.RequestSigning
		signer Signer
		random io.Reader
		sent   int
		is     error
	}{
		"required, no key":    {wanted: required},
		"required, KMS fails": {wanted: required, signer: &signer{fail: away}, is: away},
		"warned, KMS fails":   {wanted: warned, signer: &signer{fail: away}, is: away},
		"warned, no key":      {wanted: warned, sent: 1},
		"another's signature": {wanted: required, signer: func() Signer { s := newSigner(); s.refuses = true; return s }()},
		"no random bytes":     {wanted: required, signer: newSigner(), random: iotest.ErrReader(away), is: away},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := (&seller{result: sold}).start(t)
			cl := New(Options{Secrets: secrets{credential: "token-1"}, Signer: c.signer, Random: c.random, HTTP: safehttp.Options{AllowLoopback: true}})
			t.Cleanup((&http.Client{Transport: cl.transport}).CloseIdleConnections)
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
			if ce := wantCallError(t, err, adcp.Unsent, 0); ce.Signature != adcp.SigningFailed || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("signature %q, %v", ce.Signature, err)
			}
		})
	}
}

// demanding refuses calls without a signature, and then does with the signed ones what it is told.
func demanding(then func(http.ResponseWriter, *http.Request, message) bool) func(http.ResponseWriter, *http.Request, message) bool {
	return func(w http.ResponseWriter, r *http.Request, m message) bool {
		if m.http != http.MethodPost || isSigned(m) {
			return isSigned(m) && then(w, r, m)
		}
		status(401, `{"error":"request_signature_required"}`, `WWW-Authenticate: Signature error="request_signature_required"`)(w, r, m)
		return true
	}
}

// What the agent's capabilities did not tell, its refusal does: the same bytes are sent once more at once, signed. Any other refusal is one (contract B57).
func TestSignatureIsAskedFor(t *testing.T) {
	t.Parallel()
	serve := func(http.ResponseWriter, *http.Request, message) bool { return false }
	breaks := func(_ http.ResponseWriter, _ *http.Request, m message) bool {
		if m.Method == "tools/call" {
			panic(http.ErrAbortHandler)
		}
		return false
	}
	s := (&seller{result: sold, fault: demanding(serve)}).start(t)
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
	// The second attempt counts for itself: what became of it is not known.
	s = (&seller{result: sold, fault: demanding(breaks)}).start(t)
	_, err := signingClient(t, newSigner()).Call(t.Context(), s.agent(), buyTool, json.RawMessage(`{}`))
	wantCallError(t, err, adcp.Ambiguous, 0)
	// KMS fails when it is needed: the agent has refused, and the reason is ours.
	s = (&seller{result: sold, fault: on("tools/call", func(w http.ResponseWriter, r *http.Request, m message) { demanding(serve)(w, r, m) })}).start(t)
	_, err = signingClient(t, &signer{fail: errors.New("KMS is away")}).Call(t.Context(), s.agent(), buyTool, json.RawMessage(`{}`))
	if ce := wantCallError(t, err, adcp.Refused, 401); ce.Signature != adcp.SigningFailed {
		t.Errorf("signature %q", ce.Signature)
	}
	// Without a key there is nothing to send.
	_, err = signingClient(t, nil).Call(t.Context(), s.agent(), buyTool, json.RawMessage(`{}`))
	if ce := wantCallError(t, err, adcp.Refused, 401); ce.Signature != codeRequired {
		t.Errorf("signature %q", ce.Signature)
	}
}

func TestSignatureIsRefused(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		`Signature error="request_signature_invalid"`:                           "request_signature_invalid",
		`Signature error="request_signature_required"`:                          "request_signature_required", // on one that has a signature: not again
		`Bearer realm="x", signature realm="y", error="request_target_uri_bad"`: "request_target_uri_bad",
		`Bearer error="request_signature_invalid"`:                              "",
		`Signature error="request_` + strings.Repeat("a", 65) + `"`:             "",
		`Signature error="request_"`:                                            "",
		`Signature error="request_signature_<b>"`:                               "",
		`Signature error="request_signature_invalid`:                            "",
		`Signature error="webhook_signature_invalid"`:                           "",
		`Signature`: "",
	} {
		s := (&seller{fault: on("tools/call", status(401, `{"jsonrpc":"2.0","id":1,"error":{"code":-32028,"message":"m"}}`, "WWW-Authenticate: "+header))}).start(t)
		a := s.agent()
		a.Signing = adcp.RequestSigning{SupportedFor: []string{buyTool}}
		_, err := signingClient(t, newSigner()).Call(t.Context(), a, buyTool, json.RawMessage(`{}`))
		if ce := wantCallError(t, err, adcp.Refused, 401); ce.Signature != want || want != "" && !strings.Contains(ce.Error(), want) {
			t.Errorf("%s: %q, %v", header, ce.Signature, err)
		}
		if got := s.received(http.MethodPost, "tools/call"); len(got) != 1 || !isSigned(got[0]) {
			t.Errorf("%s: the call was sent %d times", header, len(got))
		}
	}
}
