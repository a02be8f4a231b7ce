package adcp

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// The bounds of an error object (contract D1, D3): what is beyond them is not one.
const (
	maxErrorBytes = 4096
	maxCodeLength = 64
)

// DecodeError reads AdCP's error object. ok is false when raw is not one (contract D3): not an object, over 4096 bytes, or without a code of 1 to 64
// characters. Members of the wrong type are left out rather than trusted. Recovery is always set: to what the agent said, else to the code's own, and
// to Terminal when either is unknown (contract D6, D7).
func DecodeError(raw json.RawMessage) (e Error, ok bool) {
	var compact bytes.Buffer
	if json.Compact(&compact, raw) != nil || compact.Len() > maxErrorBytes {
		return Error{}, false
	}
	m := object(compact.Bytes())
	code, ok := text(m["code"])
	if !ok || code == "" || utf8.RuneCountInString(code) > maxCodeLength {
		return Error{}, false
	}
	e = Error{Code: code, Recovery: recovery(code, m["recovery"]), Issues: kind(m["issues"], '['), Details: kind(m["details"], '{')}
	e.Message, _ = text(m["message"])
	e.Field, _ = text(m["field"])
	e.Suggestion, _ = text(m["suggestion"])
	if seconds, err := strconv.ParseFloat(string(m["retry_after"]), 64); err == nil {
		e.RetryAfter = ClampRetryAfter(seconds)
	}
	return e, true
}

// ClampRetryAfter turns the seconds that an agent asked us to wait into a delay of 1 s to 1 h: rounded up first, because nothing may be sent earlier
// than asked (contract D8). It is 0, the caller's own back-off, for what is no delay: a negative number, an infinity, not a number.
func ClampRetryAfter(seconds float64) time.Duration {
	if math.IsNaN(seconds) || math.IsInf(seconds, 0) || seconds < 0 {
		return 0
	}
	return time.Duration(min(max(math.Ceil(seconds), 1), 3600)) * time.Second
}

// recovery applies contract D6 and D7 to the code and to what stands in the error's recovery, which may be missing.
func recovery(code string, given json.RawMessage) Recovery {
	if len(given) == 0 || string(given) == "null" {
		r, _ := RecoveryOf(code)
		return r
	}
	s, _ := text(given)
	switch r := Recovery(s); r {
	case Transient, Correctable:
		return r
	}
	return Terminal
}

// object returns the members of a JSON object, nil if raw is none. A map keeps names exact, where a struct would match them in any case.
func object(raw []byte) map[string]json.RawMessage {
	var m map[string]json.RawMessage
	if raw = bytes.TrimLeft(raw, " \t\r\n"); len(raw) == 0 || raw[0] != '{' || json.Unmarshal(raw, &m) != nil {
		return nil
	}
	return m
}

// text returns a JSON string's value.
func text(raw json.RawMessage) (s string, ok bool) {
	return s, len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &s) == nil
}

// kind returns raw if it begins with the opening delimiter, that is, if valid JSON is of that kind.
func kind(raw json.RawMessage, open byte) json.RawMessage {
	if len(raw) == 0 || raw[0] != open {
		return nil
	}
	return raw
}
