package httpsig

import (
	"encoding/base64"
	"errors"
	"strings"
)

// The alphabets, each byte sequence having one spelling: the last character's spare bits have to be zero, or a signature would have sixteen.
var rawURL, padded, rawStd = base64.RawURLEncoding.Strict(), base64.StdEncoding.Strict(), base64.RawStdEncoding.Strict()

// decodeBytes decodes a byte sequence. AdCP 3.1 writes base64url without padding, general libraries write padded standard base64, and the official vectors
// hold both: either is read, one that is of both kinds is not (contract F40). Padding belongs to the standard alphabet.
func decodeBytes(s string) ([]byte, error) {
	if strings.ContainsAny(s, "-_") {
		if strings.ContainsAny(s, "+/=") {
			return nil, errors.New("base64 of two alphabets")
		}
		return rawURL.DecodeString(s)
	}
	if strings.HasSuffix(s, "=") {
		return padded.DecodeString(s)
	}
	return rawStd.DecodeString(s)
}

// encodeBytes writes a byte sequence, colons included (contract B50).
func encodeBytes(b []byte, pad bool) string {
	if pad {
		return ":" + base64.StdEncoding.EncodeToString(b) + ":"
	}
	return ":" + base64.RawURLEncoding.EncodeToString(b) + ":"
}

// Bounds of a nonce: 16 bytes at least (contract F38), and no more characters than anybody needs.
const (
	minNonce = 16
	maxNonce = 256
)

// goodNonce reports whether s is base64url without padding of at least 16 bytes.
func goodNonce(s string) bool {
	if len(s) > maxNonce || len(s)%4 == 1 || len(s)*6/8 < minNonce {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !letter(c) && !digit(c) && c != '-' && c != '_' {
			return false
		}
	}
	return true
}
