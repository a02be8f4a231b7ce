package adcp

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// The bounds of an error object (contract D1, D3). What exceeds them is not an error object.
const (
	maxErrorBytes = 4096
	maxCodeLength = 64
)

// DecodeError reads AdCP's error object. ok is false when raw is not one (contract D3): not an
// object, over 4096 bytes, or without a code of 1 to 64 characters. It leaves out members of the
// wrong type. It always sets Recovery: to the agent's value, and to Terminal if that is unknown,
// else to the one that the code implies, and to Transient for an unknown code (contract D6, D7).
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
	r, assumed := recovery(code, m["recovery"])
	e = Error{
		Code:     code,
		Recovery: r,
		Assumed:  assumed,
		Issues:   startingWith(m["issues"], '['),
		Details:  startingWith(m["details"], '{'),
	}
	e.Message, _ = text(m["message"])
	e.Field, _ = text(m["field"])
	e.Suggestion, _ = text(m["suggestion"])
	if seconds, err := strconv.ParseFloat(string(m["retry_after"]), 64); err == nil {
		e.RetryAfter = ClampRetryAfter(seconds)
	}
	return e, true
}

// ClampRetryAfter turns the seconds of an agent's retry_after into a delay of 1 s to 1 h. It rounds
// up first, because nothing may be sent earlier than the agent allows (contract D8). It returns 0,
// which means the caller's own back-off, for a negative number, an infinity and NaN.
func ClampRetryAfter(seconds float64) time.Duration {
	if math.IsNaN(seconds) || math.IsInf(seconds, 0) || seconds < 0 {
		return 0
	}
	return time.Duration(min(max(math.Ceil(seconds), 1), 3600)) * time.Second
}

// recovery applies contract D6 and D7 to an error's code and to its recovery member, which may be
// missing. assumed is true if neither says anything.
func recovery(code string, given json.RawMessage) (r Recovery, assumed bool) {
	if len(given) == 0 || string(given) == "null" {
		r, known := RecoveryOf(code)
		return r, !known
	}
	s, _ := text(given)
	switch r := Recovery(s); r {
	case Transient, Correctable:
		return r, false
	}
	return Terminal, false
}

// firstListed decodes the first element of a list of errors.
func firstListed(errs json.RawMessage) (Error, bool) {
	return DecodeError(head(list(errs, 1)))
}

// firstError finds the error of a failed payload, in the payload itself or in its result
// (contract D2, D23).
func firstError(payload json.RawMessage) *Error { return errorIn(payload, object(payload)) }

// errorIn is firstError for a payload whose members are known. It looks no deeper than the result,
// because each level costs a reading of everything below it.
func errorIn(payload json.RawMessage, m map[string]json.RawMessage) *Error {
	for range 2 {
		candidates := []json.RawMessage{m["adcp_error"], m["error"], head(list(m["errors"], 1))}
		if code := m["code"]; len(code) > 0 { // the payload is the error
			candidates = append(candidates, payload)
		}
		for _, c := range candidates {
			if e, ok := DecodeError(c); ok {
				return &e
			}
		}
		if payload = m["result"]; len(payload) == 0 {
			return nil
		}
		m = object(payload)
	}
	return nil
}
