package inbox

import (
	"bytes"
	"encoding/json"
	"slices"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/digest"
	"adcp-orchestrator/pkg/operation"
)

// WithoutSecrets returns the body of a delivery without its secrets, nil if it can't be without
// them or is too large. The push token stands in the payload, the callback token's secret in the
// webhook's URL, and an agent may echo both, the credential and the idempotency key that it was
// given wherever it likes. Whoever reads a kept body must be able to send nothing with it.
// confidential are the secrets that came with the delivery, and the credentials that the operation
// was given.
func WithoutSecrets(body []byte, op operation.Operation, confidential ...string) []byte {
	confidential = append(hashedIn(body, op.Webhook.TokenHash, op.Webhook.CallbackHash), confidential...)
	clean := []byte(adcp.NewSecrets(confidential...).And(sentKey(body, op.IdempotencyKeyPrefix)).JSON(body))
	if len(clean) > MaxBody || slices.ContainsFunc(confidential, func(s string) bool {
		return len(s) >= minConfidential && bytes.Contains(clean, []byte(s)) // outside of any string
	}) {
		return nil
	}
	return clean
}

const (
	// minConfidential is the shortest text that counts as a secret: shorter ones occur by chance.
	minConfidential = 8
	// secretLength is the length of the tokens that the orchestrator gives to agents: 32 bytes in
	// base64. keyLength is that of an idempotency key, a UUID.
	secretLength, keyLength = 43, 36
)

// sentKey is the idempotency key of the operation's request, if a text has it. Only its start is
// known.
func sentKey(text []byte, prefix string) adcp.Secrets {
	if i := bytes.Index(text, []byte(prefix)); len(prefix) == minConfidential && i >= 0 && len(text) >= i+keyLength {
		arguments, _ := json.Marshal(map[string]string{"idempotency_key": string(text[i : i+keyLength])})
		return adcp.SecretsOf(arguments)
	}
	return adcp.Secrets{}
}

// hashedIn returns the strings in a JSON text whose hexadecimal SHA-256 is one of the given: the
// tokens themselves are stored nowhere. A text that is no JSON is read as well as it goes.
func hashedIn(text []byte, hashes ...string) (found []string) {
	for i := 0; i < len(text); i++ {
		if text[i] != '"' {
			continue
		}
		end := i + 1
		for ; end < len(text) && text[end] != '"'; end++ {
			if text[end] == '\\' {
				end++
			}
		}
		end = min(end+1, len(text))
		var s string
		if end-i > secretLength && json.Unmarshal(text[i:end], &s) == nil {
			// A callback token stands at the end of a URL.
			if n := len(s) - secretLength; n >= 0 && slices.Contains(hashes, digest.Hex(s[n:])) {
				found = append(found, s[n:])
			}
		}
		i = end - 1
	}
	return found
}
