package validation

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A value that another parser would read as something else is refused: it has no canonical form
// (contract C28), two of them would have the same digest, and the agent might buy something else
// than the client meant (RFC 7493).
var (
	notUTF8 = FieldError{Code: InvalidValue, Rule: "must be valid UTF-8",
		Remedy: "encode the whole body as UTF-8, and send the same text again"}
	halfPair = FieldError{Code: InvalidValue, Rule: `must not have one half of a surrogate pair (\ud800 to \udfff)`,
		Remedy: "send whole characters: cut a text between characters, not within one"}
	inexact = FieldError{Code: InvalidValue,
		Rule: "must be a number that a double can hold: at most 9007199254740991 (2^53 - 1) in size, " +
			"with no more digits than a double keeps, and not too close to 0",
		Remedy: "send an identifier as a string, and an amount in a larger unit or with at most 15 digits"}
)

// maxExact bounds the numbers that are accepted: from 2^53 on, different integers are the same
// double.
const maxExact = 1 << 53

// AddBadValues records each string and each number in a JSON object that can't be kept as it is, by
// its path: "request.packages[0].budget". A field that is recorded already is left out. The object
// must be one that adcp.CheckObject accepts.
func (c *Checks) AddBadValues(object []byte) {
	w := walk{checks: c}
	for i := 0; i < len(object); i++ {
		switch b := object[i]; {
		case b == '{' || b == '[':
			w.open = append(w.open, container{object: b == '{', awaitsName: b == '{'})
		case len(w.open) == 0:
		case b == '}' || b == ']':
			w.open = w.open[:len(w.open)-1]
		case b == ',':
			w.inner().next()
		case b == '"':
			end := stringEnd(object, i)
			w.text(object[i:end])
			i = end - 1
		case b == '-' || '0' <= b && b <= '9':
			end := i + 1
			for end < len(object) && strings.IndexByte("0123456789.eE+-", object[end]) >= 0 {
				end++
			}
			if !exact(string(object[i:end])) {
				w.add(inexact)
			}
			i = end - 1
		}
	}
}

// container is an object or an array that a walk is inside of.
type container struct {
	object     bool
	awaitsName bool   // the next string is a member's name
	name       []byte // of the present member, in quotes
	index      int    // of the present element
}

func (c *container) next() {
	c.index++
	c.awaitsName = c.object
}

// walk is the way through a JSON object, with the containers that it is inside of.
type walk struct {
	checks *Checks
	open   []container
}

func (w *walk) inner() *container { return &w.open[len(w.open)-1] }

// text checks a string, which may be a member's name.
func (w *walk) text(quoted []byte) {
	in := w.inner()
	if in.awaitsName {
		in.name, in.awaitsName = quoted, false
	}
	switch {
	case !utf8.Valid(quoted):
		w.add(notUTF8)
	case !wholePairs(quoted):
		w.add(halfPair)
	}
}

func (w *walk) add(f FieldError) {
	if w.checks.full() {
		w.checks.more++
		return
	}
	f.Field = w.path()
	if !w.checks.Has(f.Field) {
		w.checks.Add(f.Field, f.Code, f.Rule, f.Remedy)
	}
}

func (w *walk) path() (path string) {
	for _, c := range w.open {
		if c.object {
			path = Member(path, unquote(c.name))
		} else {
			path += "[" + strconv.Itoa(c.index) + "]"
		}
	}
	return cutField(path)
}

// stringEnd returns the index behind a JSON string that begins at start.
func stringEnd(data []byte, start int) int {
	for i := start + 1; i < len(data); i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(data)
}

// wholePairs reports whether each escaped surrogate of a JSON string is followed, or preceded, by
// its other half.
func wholePairs(quoted []byte) bool {
	for i := 0; i < len(quoted); i++ {
		if quoted[i] != '\\' {
			continue
		}
		unit := utf16Unit(quoted[i:])
		switch {
		case unit < 0xd800 || unit > 0xdfff:
			i++
		case unit > 0xdbff:
			return false
		default:
			if low := utf16Unit(quoted[i+6:]); low < 0xdc00 || low > 0xdfff {
				return false
			}
			i += 11
		}
	}
	return true
}

// utf16Unit returns the value of the escape \uXXXX that s begins with, 0 if it begins otherwise.
func utf16Unit(s []byte) uint64 {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0
	}
	unit, err := strconv.ParseUint(string(s[2:6]), 16, 16)
	if err != nil {
		return 0
	}
	return unit
}

// unquote is a JSON string's content, for a path: only quotes and backslashes are unescaped.
func unquote(quoted []byte) string {
	if len(quoted) < 2 {
		return ""
	}
	return strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\/`, `/`).Replace(string(quoted[1 : len(quoted)-1]))
}

// exact reports whether a double keeps a number as it is written: it reads neither another number
// nor infinity, nor 0 where there is something. Two numbers that are read as one double would have
// one digest.
func exact(number string) bool {
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || math.Abs(f) >= maxExact {
		return false
	}
	digits, exponent := decimal(number)
	kept, keptExponent := decimal(strconv.FormatFloat(f, 'e', -1, 64)) // the fewest digits that mean this double
	return digits == kept && exponent == keptExponent
}

// decimal returns a number's digits without zeros at either end, and the power of ten that they are
// multiplied with. The sign is left out; 0 has no digits. The number is one that a double can read,
// so an exponent that is too large for an int belongs to a 0.
func decimal(number string) (digits string, exponent int) {
	mantissa, power, _ := strings.Cut(strings.ToLower(strings.TrimPrefix(number, "-")), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	all := strings.TrimLeft(whole+fraction, "0")
	digits = strings.TrimRight(all, "0")
	if digits == "" {
		return "", 0
	}
	exponent, _ = strconv.Atoi(power)
	return digits, exponent - len(fraction) + len(all) - len(digits)
}
