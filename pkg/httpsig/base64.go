package httpsig

import (
	"encoding/base64"
	"errors"
	"strings"
)

// The alphabets. Strict decoding refuses spare bits that are not zero, so each byte sequence has
// one spelling; otherwise one signature would have sixteen.
var (
	rawURL = base64.RawURLEncoding.Strict()
	padded = base64.StdEncoding.Strict()
	rawStd = base64.RawStdEncoding.Strict()
)

// decodeBytes decodes a byte sequence. AdCP 3.1 writes base64url without padding, general libraries
// write padded standard base64, and the official vectors contain both. It reads either one, but
// refuses a text that mixes them (contract F40). Padding belongs to the standard alphabet. For
// requests of 3.2, which only padded standard base64 is, it reads nothing else (contract B50).
func decodeBytes(s string, onlyPadded bool) ([]byte, error) {
	if onlyPadded {
		return padded.DecodeString(s)
	}
	if strings.ContainsAny(s, "-_") {
		if strings.ContainsAny(s, "+/=") {
			return nil, errors.New("base64 mixes two alphabets")
		}
		return rawURL.DecodeString(s)
	}
	if strings.HasSuffix(s, "=") {
		return padded.DecodeString(s)
	}
	return rawStd.DecodeString(s)
}

// encodeBytes writes a byte sequence with its colons (contract B50).
func encodeBytes(b []byte, pad bool) string {
	if pad {
		return ":" + base64.StdEncoding.EncodeToString(b) + ":"
	}
	return ":" + base64.RawURLEncoding.EncodeToString(b) + ":"
}

// Bounds of a nonce: at least 16 bytes decoded (contract F38), at most 256 characters encoded. The
// protocol has no maximum; ours bounds the keys of the nonce store.
const (
	minNonceBytes = 16
	maxNonceChars = 256
)

// validNonce reports whether s is base64url without padding of at least 16 bytes.
func validNonce(s string) bool {
	if len(s) > maxNonceChars || len(s)%4 == 1 || len(s)*6/8 < minNonceBytes {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !letter(c) && !digit(c) && c != '-' && c != '_' {
			return false
		}
	}
	return true
}
