// Package digest computes the SHA-256 digests that are stored or compared, in hexadecimal form. The
// JSON digest is independent of the order of members and of white space.
package digest

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/gowebpki/jcs"
)

// Hex returns the SHA-256 of a text.
func Hex(s string) string { return Bytes([]byte(s)) }

// Bytes returns the SHA-256 of bytes.
func Bytes(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// JSON returns the SHA-256 of a JSON value in its canonical form, JCS (contract C28). It returns an
// error if raw is not JSON.
func JSON(raw []byte) (string, error) {
	canonical, err := jcs.Transform(raw)
	if err != nil {
		return "", err
	}
	return Bytes(canonical), nil
}
