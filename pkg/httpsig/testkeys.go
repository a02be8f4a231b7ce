package httpsig

import (
	"encoding/base64"
	"strings"
)

// testKeys are the key ids of the protocol's test vectors with their keys' x. The private parts are public, so whoever trusts one of them trusts everybody
// (contract L23). Both the id and the key are denied: the key could stand under another id.
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

// IsTestKey reports whether a key is one of the protocol's test keys, by its id or by itself.
func IsTestKey(k JWK) bool {
	if _, ok := testKeys[k.KID]; ok {
		return true
	}
	x := k.X
	if raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(x, "=")); err == nil {
		x = base64.RawURLEncoding.EncodeToString(raw) // the last character has spare bits: several spellings are one key
	}
	for _, denied := range testKeys {
		if x == denied {
			return true
		}
	}
	return false
}
