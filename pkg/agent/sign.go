package agent

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/httpsig"
)

// Signer provides the identity, a key and the means to sign with it, for request signatures.
type Signer interface {
	// Identity is called once for each signature.
	Identity(ctx context.Context) (httpsig.Identity, error)
}

// requestSigner signs the requests that one agent wants signed.
type requestSigner struct {
	signer Signer // nil if there is no key
	policy adcp.RequestSigning
	random io.Reader
	now    func() time.Time
}

// subject is what a request is for, as far as that decides whether to sign it.
type subject struct {
	method string // of JSON-RPC
	tool   string // of a call, otherwise ""
	// credential: the call hands over a credential for webhooks.
	credential bool
}

// callSubject returns the subject of a tool call.
func (s requestSigner) callSubject(method, tool string, arguments json.RawMessage) subject {
	return subject{method, tool, s.policy.Capable() && containsWebhookCredential(arguments)}
}

// containsWebhookCredential reports whether arguments hold a credential with which the agent is to
// authenticate its webhooks (contract B47). The webhook may be for one operation or for a
// subscription; each of several accounts can have subscriptions.
func containsWebhookCredential(arguments json.RawMessage) bool {
	var v any
	return json.Unmarshal(arguments, &v) == nil && holdsAuthentication(v)
}

func holdsAuthentication(v any) bool {
	switch v := v.(type) {
	case []any:
		return slices.ContainsFunc(v, holdsAuthentication)
	case map[string]any:
		for name, member := range v {
			var configs []any
			switch name {
			case "push_notification_config":
				configs = []any{member}
			case "notification_configs":
				configs, _ = member.([]any)
			}
			if slices.ContainsFunc(configs, hasAuthentication) || holdsAuthentication(member) {
				return true
			}
		}
	}
	return false
}

func hasAuthentication(config any) bool {
	m, _ := config.(map[string]any)
	return m["authentication"] != nil
}

// wants reports whether the agent wants a request signed, and whether it refuses the request
// otherwise. Names of tools are never matched with names of methods (contract B44).
func (s requestSigner) wants(sub subject) (sign, must bool) {
	sign = slices.Contains(s.policy.Methods, sub.method)
	must = slices.Contains(s.policy.MethodsRequired, sub.method)
	if sub.tool != "" {
		wanted, required := s.policy.Wants(sub.tool, sub.credential)
		sign, must = sign || wanted, must || required
	}
	return sign, must
}

// profile is the one that the agent verifies by (contract B48, B50).
func (s requestSigner) profile() httpsig.Profile {
	if s.policy.Profile32 {
		return httpsig.RequestProfile32()
	}
	digest := httpsig.DigestPolicy(s.policy.Digest)
	if digest != httpsig.DigestForbidden && digest != httpsig.DigestRequired {
		digest = httpsig.DigestEither // httpsig covers the digest then
	}
	return httpsig.RequestProfile(digest)
}

// sign signs a request over the bytes of its body and the URL that is dialed. Each attempt gets a
// new signature (contract B48, B51).
func (s requestSigner) sign(req *http.Request, body []byte) error {
	if s.signer == nil {
		return errors.New("the agent wants the request signed, and there is no signing key")
	}
	id, err := s.signer.Identity(req.Context())
	if err != nil {
		return fmt.Errorf("the request could not be signed: %w", err)
	}
	nonce := make([]byte, 16)
	if _, err := io.ReadFull(s.random, nonce); err != nil {
		return fmt.Errorf("the request could not be signed: %w", err)
	}
	m := httpsig.Message{Method: req.Method, URL: req.URL.String(), Header: req.Header, Body: body}
	stamp := httpsig.Stamp{Created: s.now(), Nonce: base64.RawURLEncoding.EncodeToString(nonce)}
	h, err := httpsig.Sign(req.Context(), s.profile(), id, m, stamp)
	if err != nil {
		return fmt.Errorf("the request could not be signed: %w", err)
	}
	for name, values := range h {
		req.Header[name] = values
	}
	return nil
}

// codeSignatureRequired is an agent's code for a request without a signature.
const codeSignatureRequired = "request_signature_required"

// maxCode is longer than any code of the protocol after its prefix.
const maxCode = 64

// signatureChallenge returns the code with which an agent refuses a signature. It returns "" if the
// agent refuses something else or has a code of its own: only what reads as one of the protocol's
// codes may be quoted.
func signatureChallenge(h http.Header) string {
	const scheme = "Signature "
	for _, v := range h.Values("WWW-Authenticate") {
		for i := range v {
			if i > 0 && v[i-1] != ' ' && v[i-1] != ',' ||
				len(v)-i < len(scheme) || !strings.EqualFold(v[i:i+len(scheme)], scheme) {
				continue
			}
			_, code, _ := strings.Cut(v[i:], `error="`)
			code, _, closed := strings.Cut(code, `"`)
			name, prefixed := strings.CutPrefix(code, "request_")
			if closed && prefixed && name != "" && len(name) <= maxCode &&
				strings.Trim(name, "_abcdefghijklmnopqrstuvwxyz") == "" {
				return code
			}
		}
	}
	return ""
}
