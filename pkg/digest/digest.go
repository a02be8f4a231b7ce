package digest

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/gowebpki/jcs"
)

func Hex(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// canonicalHash is the hexadecimal SHA-256 of a JSON value's JCS (contract C28).
func JSON(raw []byte) (string, error) {
	canonical, err := jcs.Transform(raw)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:]), nil
}
