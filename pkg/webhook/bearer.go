package webhook

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"
)

// ErrBearer is why a Bearer delivery is refused.
var ErrBearer = errors.New("no Authorization header, or another token")

// VerifyBearer checks a delivery's token (contract F71). It says who sent the delivery and nothing of what it holds: TLS alone protects the body. Any of the
// credentials may match.
func VerifyBearer(h http.Header, credentials []string) error {
	value, ok := only(h, "Authorization")
	scheme, token, _ := strings.Cut(value, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return ErrBearer
	}
	got := sha256.Sum256([]byte(token)) // equal lengths, so that the time tells nothing of the credential's
	matched := 0
	for _, credential := range credentials {
		want := sha256.Sum256([]byte(credential))
		matched |= subtle.ConstantTimeCompare(got[:], want[:])
	}
	if matched == 0 {
		return ErrBearer
	}
	return nil
}
