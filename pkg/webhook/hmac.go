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

// The errors of VerifyHMAC, for logs and the quarantine. The sender receives a plain 401 (contract
// F73).
var (
	ErrSignatureMissing = errors.New("signature or timestamp header missing, empty or repeated")
	ErrTimestamp        = errors.New("timestamp is not a number of Unix seconds")
	ErrWindow           = errors.New("timestamp is outside the window")
	ErrSignature        = errors.New("signature does not match")
)

// window is the maximum distance of a timestamp from now in seconds (contract F65).
const window = 300

// VerifyHMAC checks a delivery in the order of contract F64, F65 and F68: headers, timestamp,
// window, and signature over the raw bytes. Any of the secrets may match: the current one and,
// during a rotation, the previous one (contract F67). It returns ErrSignatureMissing, ErrTimestamp,
// ErrWindow or ErrSignature.
func VerifyHMAC(h http.Header, body []byte, secrets []string, now time.Time) error {
	signature, ok1 := singleHeader(h, HeaderSignature)
	timestamp, ok2 := singleHeader(h, HeaderTimestamp)
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
			matched++ // no early exit: the time does not reveal which secret matched
		}
	}
	if matched == 0 {
		return ErrSignature
	}
	return nil
}

// SignHMAC returns the lower-case hexadecimal HMAC-SHA256 of the timestamp, a full stop and the
// body (contract F64).
func SignHMAC(secret, timestamp string, body []byte) string {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(timestamp))
	m.Write([]byte("."))
	m.Write(body)
	return hex.EncodeToString(m.Sum(nil))
}

// singleHeader returns the value of a header. ok is false unless it occurs exactly once and is not
// empty.
func singleHeader(h http.Header, name string) (value string, ok bool) {
	v := h.Values(name)
	if len(v) != 1 || v[0] == "" {
		return "", false
	}
	return v[0], true
}
