package adcp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// ObjectFault says which rule a client's body breaks that CheckObject refuses, "" if it breaks
// none. It quotes nothing of the body but the name of a member.
func ObjectFault(body []byte) (rule string) {
	err := CheckObject(body)
	if err == nil {
		return ""
	}
	var twice *DuplicateKeyError
	var syntax *json.SyntaxError
	text := bytes.TrimLeft(body, " \t\r\n")
	switch {
	case errors.As(err, &twice):
		return "must have each member once: " + quoteName(twice.Key) + " is there twice in one object"
	case len(text) == 0:
		return "must be sent: it is empty"
	case bytes.HasPrefix(body, []byte("\xef\xbb\xbf")):
		return "must not begin with a byte order mark (the bytes EF BB BF)"
	case bytes.HasPrefix(body, []byte("\xff\xfe")), bytes.HasPrefix(body, []byte("\xfe\xff")),
		bytes.IndexByte(body, 0) >= 0:
		return "must be JSON in UTF-8: this is UTF-16, or no text"
	case bytes.HasPrefix(body, []byte("\x1f\x8b")):
		return "must not be compressed"
	case errors.As(json.Unmarshal(body, new(json.RawMessage)), &syntax):
		return fmt.Sprintf("must be one JSON object: it can't be read at byte %d of %d", syntax.Offset, len(body))
	case text[0] != '{':
		return "must be one JSON object: it is " + kindOf(text[0])
	}
	return fmt.Sprintf("must be nested at most %d deep", maxDepth)
}

// maxQuoted is how much of a member's name is quoted, in bytes.
const maxQuoted = 64

func quoteName(name string) string {
	if len(name) > maxQuoted {
		name = name[:maxQuoted]
		for !utf8.ValidString(name) && name != "" {
			name = name[:len(name)-1]
		}
	}
	return strconv.QuoteToASCII(name)
}

// kindOf names the kind of a JSON value by its first byte.
func kindOf(first byte) string {
	switch first {
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}
