package httpsig

import (
	"encoding/base64"
	"strings"
)

// testKeys maps the key ids of the protocol's test vectors to the x of their public keys. The
// private keys are public, so a verifier that trusts one of them trusts any sender (contract L23).
// The id and the key are both denied: a sender could publish the key under another id.
var testKeys = map[string]string{
	"test-ed25519-webhook-2026":  "y7tTfeqazsFeTn3ccCzQlcJ4qFWuYsu-JkJAcfc9VoA",
	"test-es256-webhook-2026":    "0X7G_jryFpiX9XO3CKxIqUQs3DC8OhUkw6Rb5QOZd5M",
	"test-wrong-purpose-2026":    "VgpQd9JRrBf433BcMw6IUNW7tHnAAHAHegsQ5U9I53c",
	"test-response-purpose-2026": "aCo2Y5TsWrbE0gpueDK09ScOejqoOCl98QIDqywEAB4",
	"test-revoked-webhook-2026":  "PbQhjfhr2rhLz5vLfN6jKQcjkia0Q9BJ77XpZ5hlspM",
	"test-ed25519-2026":          "gWUqzATUcUco5Q8fZZXn8aWwb7DQbYGBiqUzLiSDDJo",
	"test-es256-2026":            "vGSQmjzPN1txgDY-oBb108gMsRETA9J5IPxqlBczQOY",
	"test-gov-2026":              "rkUcKP5oMd7YjV4yy5mVS5S8fA3LDXcf5jk1P1_52EA",
	"test-revoked-2026":          "r8wqMpVCLKzLSRNBtNmI1g71pPzQcwkATJHcyHK1lXg",
	"test-alg-crv-mismatch-2026": "gWUqzATUcUco5Q8fZZXn8aWwb7DQbYGBiqUzLiSDDJo",
}

// IsTestKey reports whether k has the id or the value of one of the protocol's test keys.
func IsTestKey(k JWK) bool {
	if _, ok := testKeys[k.KID]; ok {
		return true
	}
	x := k.X
	if raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(x, "=")); err == nil {
		// The last character has spare bits, so one key has several spellings: compare one of them.
		x = base64.RawURLEncoding.EncodeToString(raw)
	}
	for _, denied := range testKeys {
		if x == denied {
			return true
		}
	}
	return false
}
