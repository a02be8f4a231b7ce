package schema

import (
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// typeOf is JSON Schema's type of a decoded value. An integer is a number too.
func typeOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case json.Number, float64:
		return "number"
	case []any:
		return "array"
	}
	return "object"
}

func (t types) allow(v any) bool {
	if len(t) == 0 || slices.Contains(t, typeOf(v)) {
		return true
	}
	f, ok := number(v)
	return ok && f == math.Trunc(f) && slices.Contains(t, "integer")
}

// number is a number's value; one that is too large for a double is infinite.
func number(v any) (f float64, ok bool) {
	switch n := v.(type) {
	case json.Number:
		f, _ = strconv.ParseFloat(string(n), 64)
		return f, true
	case float64:
		return n, true
	}
	return 0, false
}

// equal compares two decoded values as JSON Schema does: numbers by their value.
func equal(a, b any) bool {
	x, isNumber := number(a)
	y, both := number(b)
	if isNumber || both {
		return isNumber && both && x == y
	}
	switch a := a.(type) {
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, equal)
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for name, v := range a {
			if w, has := b[name]; !has || !equal(v, w) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(a, b)
}

// duplicate returns the index of the first element that equals an earlier one, -1 if there is none.
// It takes time in proportion to the list's size, however the values are.
func duplicate(list []any) int {
	seen := make(map[string]struct{}, len(list))
	for i, v := range list {
		text, err := json.Marshal(plain(v))
		if err != nil {
			continue
		}
		if _, again := seen[string(text)]; again {
			return i
		}
		seen[string(text)] = struct{}{}
	}
	return -1
}

// plain is a value with numbers that are written in one way only.
func plain(v any) any {
	switch v := v.(type) {
	case json.Number:
		if f, _ := number(v); !math.IsInf(f, 0) {
			return f
		}
		return string(v)
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = plain(e)
		}
		return list
	case map[string]any:
		members := make(map[string]any, len(v))
		for name, e := range v {
			members[name] = plain(e)
		}
		return members
	}
	return v
}

// hasFormat reports whether a text has one of the formats that are checked.
func hasFormat(format, s string) bool {
	switch format {
	case "date-time":
		return isInstant(s)
	case "date":
		_, err := time.Parse(time.DateOnly, s)
		return err == nil
	case "uri":
		scheme, rest, ok := strings.Cut(s, ":")
		return ok && rest != "" && isScheme(scheme)
	case "email":
		at := strings.LastIndexByte(s, '@')
		return at > 0 && at < len(s)-1 && !strings.ContainsAny(s, " \t\r\n")
	}
	return true
}

// isInstant reports whether s is a time of RFC 3339. Its letters may be small, and a leap second is
// one.
func isInstant(s string) bool {
	s = strings.ToUpper(s)
	if strings.ContainsRune(s, ',') {
		return false
	}
	const second = len("2006-01-02T15:04:")
	if len(s) > second+2 && s[second:second+2] == "60" {
		s = s[:second] + "59" + s[second+2:]
	}
	_, err := time.Parse(time.RFC3339, s)
	return err == nil
}

// isScheme reports whether s can be a URI's scheme.
func isScheme(s string) bool {
	for i := range len(s) {
		b := s[i] | 0x20
		if !('a' <= b && b <= 'z') && (i == 0 || !('0' <= s[i] && s[i] <= '9') && !strings.ContainsRune("+-.", rune(s[i]))) {
			return false
		}
	}
	return s != ""
}

// length is a text's length in characters.
func length(s string) int { return utf8.RuneCountInString(s) }
