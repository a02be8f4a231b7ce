package httpapi

import (
	"encoding/json"
	"unicode/utf8"
)

// maxAnswer is the largest body of an answer, in bytes as it stands in the function's own answer. A
// function can answer 6 MB; the rest is for the header.
const maxAnswer = 6_000_000

// fit leaves out of an operation what does not fit into one answer, and names it in Omitted. An
// agent's result must not hide the operation and its timeline from a person who has to look at it.
func (o Operation) fit() Operation {
	for _, omitted := range [][]string{nil, {"request"}, {"result"}, {"request", "result"}} {
		shown := o
		shown.Omitted = omitted
		for _, member := range omitted {
			switch member {
			case "request":
				shown.Request = nil
			case "result":
				shown.Result = nil
			}
		}
		if body, err := json.Marshal(shown); err != nil || fits(body) {
			return shown
		}
	}
	o.Request, o.Result, o.Events, o.Omitted = nil, nil, nil, []string{"request", "result", "events"}
	return o
}

// fits reports whether a body can be answered. The function's answer holds it as a JSON string, in
// which a character takes up to six bytes.
func fits(body []byte) bool {
	if len(body) <= maxAnswer/6 {
		return true
	}
	size := 0
	for i := 0; i < len(body) && size <= maxAnswer; {
		r, n := utf8.DecodeRune(body[i:])
		switch {
		case r == '"' || r == '\\':
			size += 2
		case r < ' ' || r == utf8.RuneError && n == 1 || r == '\u2028' || r == '\u2029' || r == 0x7f:
			size += 6
		default:
			size += n
		}
		i += n
	}
	return size <= maxAnswer
}
