package adcp

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// redacted stands in the place of a secret.
const redacted = "[redacted]"

// minSecret is the shortest text that is redacted, in bytes: a shorter one occurs by chance.
const minSecret = 8

// Secrets are what was handed to an agent in confidence: credentials, tokens, whole idempotency
// keys. Agents quote them in errors and echo them in results, and then they must be neither logged
// nor kept where others read (contract C20, L5, L12). The zero Secrets holds none.
type Secrets struct {
	texts []string
	// keys are idempotency keys. Agents derive ids from them, and an id is needed: it stays.
	keys []string
}

// NewSecrets returns secrets of which nothing may be shown, wherever it stands. Texts of less than
// 8 bytes are left out.
func NewSecrets(texts ...string) (s Secrets) {
	for _, t := range texts {
		if len(t) >= minSecret {
			s.texts = append(s.texts, t)
		}
	}
	return s
}

// SecretsOf returns the secrets in a task's arguments: the idempotency key, the push token, the
// webhook's credential, and the secret part of the webhook's address.
func SecretsOf(arguments json.RawMessage) Secrets {
	m := object(arguments)
	push := object(m["push_notification_config"])
	token, _ := text(push["token"])
	credential, _ := text(object(push["authentication"])["credentials"])
	address, _ := text(push["url"])
	s := NewSecrets(token, credential, address[strings.LastIndexAny(address, "./")+1:])
	if key, _ := text(m["idempotency_key"]); len(key) >= minSecret {
		s.keys = []string{key}
	}
	return s
}

// And returns both secrets together.
func (s Secrets) And(others Secrets) Secrets {
	return Secrets{slices.Concat(s.texts, others.texts), slices.Concat(s.keys, others.keys)}
}

// String hides the secrets from logs.
func (s Secrets) String() string { return redacted }

// GoString hides the secrets from %#v.
func (s Secrets) GoString() string { return redacted }

// Text redacts a text. A secret that is cut short by "…" is redacted too.
func (s Secrets) Text(t string) string {
	const cut = "…"
	for _, secret := range slices.Concat(s.texts, s.keys) {
		t = strings.ReplaceAll(t, secret, redacted)
		for n := len(secret) - 1; n >= minSecret/2 && strings.Contains(t, cut); n-- {
			t = strings.ReplaceAll(t, secret[:n]+cut, redacted+cut)
		}
	}
	return t
}

// Error returns an error whose text is redacted. It wraps err.
func (s Secrets) Error(err error) error {
	if err == nil {
		return nil
	}
	if t := s.Text(err.Error()); t != err.Error() {
		return &redactedError{t, err}
	}
	return err
}

type redactedError struct {
	text string
	err  error
}

func (e *redactedError) Error() string { return e.text }

func (e *redactedError) Unwrap() error { return e.err }

// JSON redacts the strings and names in a JSON value. Without a secret in it, it returns raw
// itself.
func (s Secrets) JSON(raw json.RawMessage) json.RawMessage {
	if !s.suspect(raw) {
		return raw
	}
	var out []byte
	var name []byte // of the member that the walk is in
	done := 0
	for i := 0; i < len(raw); i++ {
		if raw[i] != '"' {
			continue
		}
		end := i + 1
		for ; end < len(raw) && raw[end] != '"'; end++ {
			if raw[end] == '\\' {
				end++
			}
		}
		end = min(end+1, len(raw))
		quoted := raw[i:end]
		isName := bytes.HasPrefix(bytes.TrimLeft(raw[end:], " \t\r\n"), []byte(":"))
		if isName {
			name = quoted
		}
		if changed := s.quoted(quoted, !isName && identifies(name)); changed != nil {
			out = append(append(out, raw[done:i]...), changed...)
			done = end
		}
		i = end - 1
	}
	if out == nil {
		return raw
	}
	return append(out, raw[done:]...)
}

// suspect reports whether raw may contain a secret: as it is, or written with escapes.
func (s Secrets) suspect(raw []byte) bool {
	if len(s.texts)+len(s.keys) == 0 {
		return false
	}
	contained := func(secret string) bool { return bytes.Contains(raw, []byte(secret)) }
	return bytes.IndexByte(raw, '\\') >= 0 || slices.ContainsFunc(s.texts, contained) ||
		slices.ContainsFunc(s.keys, contained)
}

// quoted redacts a JSON string, nil if nothing is to be redacted. An id keeps its idempotency key.
func (s Secrets) quoted(q []byte, id bool) []byte {
	secrets := s.texts
	if !id {
		secrets = slices.Concat(s.texts, s.keys)
	}
	content := string(q)
	if strings.IndexByte(content, '\\') >= 0 {
		if json.Unmarshal(q, &content) != nil {
			return nil
		}
	} else {
		content = content[1 : len(content)-1]
	}
	before := content
	for _, secret := range secrets {
		content = strings.ReplaceAll(content, secret, redacted)
	}
	if content == before {
		return nil
	}
	return marshal(content)
}

// identifies reports whether a member holds an id, or a list of ids.
func identifies(name []byte) bool {
	n := strings.TrimSuffix(strings.Trim(string(name), `"`), "s")
	return n == "id" || strings.HasSuffix(n, "_id") || strings.HasSuffix(n, "Id")
}

// Response redacts an agent's answer.
func (s Secrets) Response(r Response) Response {
	if payload := s.JSON(r.Payload); len(r.Payload) > 0 && !bytes.Equal(payload, r.Payload) {
		r.Payload, r.Original = payload, r.Payload
	}
	r.Err = s.agentError(r.Err)
	return r
}

// answer redacts what a webhook says.
func (s Secrets) answer(a Answer) Answer {
	if value := s.JSON(a.Value); len(a.Value) > 0 && !bytes.Equal(value, a.Value) {
		a.Value, a.Original = value, a.Value
	}
	a.Err, a.Message = s.agentError(a.Err), s.Text(a.Message)
	a.Prompt, a.Progress = s.JSON(a.Prompt), s.JSON(a.Progress)
	return a
}

func (s Secrets) agentError(e *Error) *Error {
	if e == nil {
		return nil
	}
	r := *e
	r.Code, r.Message, r.Field, r.Suggestion = s.Text(e.Code), s.Text(e.Message), s.Text(e.Field), s.Text(e.Suggestion)
	r.Issues, r.Details = s.JSON(e.Issues), s.JSON(e.Details)
	return &r
}

// Compared is the value by which two ends are compared (contract H4).
func (a Answer) Compared() json.RawMessage {
	if a.Original != nil {
		return a.Original
	}
	return a.Value
}
