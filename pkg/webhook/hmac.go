// Package webhook receives what agents send: which registration it is for, whether it is authentic, and what it says.
package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"time"
)

// The headers of the HMAC-SHA256 mode (contract F64).
const (
	HeaderSignature = "X-Adcp-Signature"
	HeaderTimestamp = "X-Adcp-Timestamp"
)

// Why an HMAC delivery is refused: for our logs and tests. The sender is told 401 and nothing else (contract F73).
var (
	ErrSignatureMissing = errors.New("signature or timestamp header missing, empty or repeated")
	ErrTimestamp        = errors.New("timestamp is no number of Unix seconds")
	ErrWindow           = errors.New("timestamp is outside the window")
	ErrSignature        = errors.New("signature does not match")
)

// window is how far a timestamp may be from now (contract F65).
const window = 300

// VerifyHMAC checks a delivery as contract F64, F65 and F68 want it, in that order: headers, timestamp, window, signature over the raw bytes. Any of
// the secrets may match: current and previous during a rotation (contract F67).
func VerifyHMAC(h http.Header, body []byte, secrets []string, now time.Time) error {
	signature, ok1 := only(h, HeaderSignature)
	timestamp, ok2 := only(h, HeaderTimestamp)
	if !ok1 || !ok2 {
		return ErrSignatureMissing
	}
	for i := range len(timestamp) {
		if timestamp[i] < '0' || timestamp[i] > '9' {
			return ErrTimestamp
		}
	}
	at, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return ErrTimestamp
	}
	if d := now.Unix() - at; d > window || d < -window {
		return ErrWindow
	}
	matched := 0
	for _, secret := range secrets {
		if hmac.Equal([]byte(signature), []byte("sha256="+SignHMAC(secret, timestamp, body))) {
			matched++ // the others are compared all the same
		}
	}
	if matched == 0 {
		return ErrSignature
	}
	return nil
}

// SignHMAC returns the lower-case hexadecimal HMAC-SHA256 of timestamp, a full stop and the body (contract F64).
func SignHMAC(secret, timestamp string, body []byte) string {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(timestamp))
	m.Write([]byte("."))
	m.Write(body)
	return hex.EncodeToString(m.Sum(nil))
}

// only returns a header that stands exactly once and is not empty.
func only(h http.Header, name string) (string, bool) {
	v := h.Values(name)
	if len(v) != 1 || v[0] == "" {
		return "", false
	}
	return v[0], true
}
