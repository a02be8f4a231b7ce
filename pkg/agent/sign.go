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

// Signer yields the key that requests are signed with. It is asked for each signature, and for nothing else.
type Signer interface {
	Identity(ctx context.Context) (httpsig.Identity, error)
}

// pen signs what one agent wants signed.
type pen struct {
	signer Signer // nil if there is no key
	wanted adcp.RequestSigning
	random io.Reader
	now    func() time.Time
}

// subject is what a request asks for, as far as it decides whether it is to be signed.
type subject struct {
	method string // of JSON-RPC
	tool   string // of a call
	// credential: the call hands over a credential for webhooks.
	credential bool
}

// calling is the subject of a call of a tool.
func (p pen) calling(method, tool string, arguments json.RawMessage) subject {
	return subject{method, tool, p.wanted.Capable() && handsOver(arguments)}
}

// handsOver reports whether arguments hold a credential that the agent is to authenticate its webhooks with (contract B47): for one operation, or for
// subscriptions, which stand in each of several accounts.
func handsOver(arguments json.RawMessage) bool {
	var v any
	return json.Unmarshal(arguments, &v) == nil && holds(v)
}

func holds(v any) bool {
	switch v := v.(type) {
	case []any:
		return slices.ContainsFunc(v, holds)
	case map[string]any:
		for name, member := range v {
			var configs []any
			switch name {
			case "push_notification_config":
				configs = []any{member}
			case "notification_configs":
				configs, _ = member.([]any)
			}
			if slices.ContainsFunc(configs, authenticates) || holds(member) {
				return true
			}
		}
	}
	return false
}

func authenticates(config any) bool {
	m, _ := config.(map[string]any)
	return m["authentication"] != nil
}

// wants reports whether a request is to be signed, and whether the agent refuses it otherwise. The names of tools and of methods are never matched with each
// other (contract B44).
func (p pen) wants(s subject) (sign, must bool) {
	sign, must = slices.Contains(p.wanted.Methods, s.method), slices.Contains(p.wanted.MethodsRequired, s.method)
	if s.tool != "" {
		wanted, required := p.wanted.Wants(s.tool, s.credential)
		sign, must = sign || wanted, must || required
	}
	return sign, must
}

// sign signs a request over the bytes of its body and the URL that is dialled, newly for each attempt (contract B48, B51).
func (p pen) sign(req *http.Request, body []byte) error {
	if p.signer == nil {
		return errors.New("the agent wants the request signed, and there is no signing key")
	}
	id, err := p.signer.Identity(req.Context())
	if err != nil {
		return fmt.Errorf("the request could not be signed: %w", err)
	}
	nonce := make([]byte, 16)
	if _, err := io.ReadFull(p.random, nonce); err != nil {
		return fmt.Errorf("the request could not be signed: %w", err)
	}
	digest := httpsig.DigestPolicy(p.wanted.Digest)
	if digest != httpsig.DigestForbidden && digest != httpsig.DigestRequired {
		digest = httpsig.DigestEither // which covers it
	}
	m := httpsig.Message{Method: req.Method, URL: req.URL.String(), Header: req.Header, Body: body}
	stamp := httpsig.Stamp{Created: p.now(), Nonce: base64.RawURLEncoding.EncodeToString(nonce)}
	h, err := httpsig.Sign(req.Context(), httpsig.RequestProfile(digest), id, m, stamp)
	if err != nil {
		return fmt.Errorf("the request could not be signed: %w", err)
	}
	for name, values := range h {
		req.Header[name] = values
	}
	return nil
}

// codeRequired is what an agent answers to a request without a signature.
const codeRequired = "request_signature_required"

// maxCode is more than any code of the protocol's after its prefix.
const maxCode = 64

// challenge returns the code that an agent refuses a signature with, "" if it refuses something else or has a code of its own: only what reads as a code of
// the protocol's is quoted.
func challenge(h http.Header) string {
	for _, v := range h.Values("WWW-Authenticate") {
		for i := range v {
			if i > 0 && v[i-1] != ' ' && v[i-1] != ',' || len(v)-i < len("Signature ") || !strings.EqualFold(v[i:i+len("Signature ")], "Signature ") {
				continue
			}
			_, code, _ := strings.Cut(v[i:], `error="`)
			code, _, closed := strings.Cut(code, `"`)
			name, prefixed := strings.CutPrefix(code, "request_")
			if closed && prefixed && name != "" && len(name) <= maxCode && strings.Trim(name, "_abcdefghijklmnopqrstuvwxyz") == "" {
				return code
			}
		}
	}
	return ""
}
