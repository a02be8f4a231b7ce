package webhook

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"
)

// ErrBearer is the error of VerifyBearer.
var ErrBearer = errors.New("missing, empty or repeated Authorization header, or a wrong Bearer token")

// VerifyBearer checks the Bearer token of a delivery against the credentials, any of which may
// match (contract F71). A valid token proves who sent the delivery, but not that the body is
// unchanged: only TLS protects the body. It returns ErrBearer.
func VerifyBearer(h http.Header, credentials []string) error {
	value, ok := singleHeader(h, "Authorization")
	scheme, token, _ := strings.Cut(value, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return ErrBearer
	}
	got := sha256.Sum256([]byte(token)) // equal lengths: the time does not reveal the credential's length
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
