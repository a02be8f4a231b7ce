package adcp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// maxDepth bounds the nesting of foreign JSON: deeper than any AdCP payload, shallow enough for any
// stack.
const maxDepth = 100

// DuplicateKeyError names a key that occurs twice in one object.
type DuplicateKeyError struct{ Key string }

func (e *DuplicateKeyError) Error() string { return fmt.Sprintf("duplicate object key %q", e.Key) }

// CheckObject checks that data is exactly one JSON object without a duplicate key at any depth
// (contract F43, C28): two parsers may read an object with duplicate keys in two ways. It compares
// the keys after unescaping. It returns a *DuplicateKeyError, or another error for data that is not
// one JSON object.
func CheckObject(data []byte) error {
	data = bytes.TrimLeft(data, " \t\r\n")
	if len(data) == 0 || data[0] != '{' {
		return errors.New("not a JSON object")
	}
	if !json.Valid(data) {
		return errors.New("not one JSON value")
	}
	return checkKeys(data)
}

// scope is an object or an array that the walk is inside of. An array has no keys.
type scope struct {
	object bool
	first  int                 // index of its first key
	seen   map[string]struct{} // set only for more than maxScan keys
}

// maxScan is the number of keys up to which they are compared one by one.
const maxScan = 16

// checkKeys walks valid JSON, so it only has to find the strings and to recognize which of them are
// keys. A json.Decoder would allocate twice for each token.
func checkKeys(data []byte) error {
	var (
		scopes = make([]scope, 0, 8)
		keys   = make([][]byte, 0, 32) // of all open objects, innermost last
		key    bool                    // the next string is a key
	)
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '{', '[':
			if len(scopes) == maxDepth {
				return errors.New("nested too deeply")
			}
			key = data[i] == '{'
			scopes = append(scopes, scope{object: key, first: len(keys)})
		case '}', ']':
			keys = keys[:scopes[len(scopes)-1].first]
			scopes = scopes[:len(scopes)-1]
		case ',':
			key = scopes[len(scopes)-1].object
		case '"':
			start := i
			for i++; data[i] != '"'; i++ {
				if data[i] == '\\' {
					i++
				}
			}
			if !key {
				continue
			}
			key = false
			name, err := unescapeKey(data[start : i+1])
			if err != nil {
				return err
			}
			if scopes[len(scopes)-1].add(keys, name) {
				return &DuplicateKeyError{Key: string(name)}
			}
			keys = append(keys, name)
		}
	}
	return nil
}

// add reports whether the scope already has the key.
func (s *scope) add(keys [][]byte, key []byte) bool {
	own := keys[s.first:]
	if len(own) < maxScan {
		for _, k := range own {
			if bytes.Equal(k, key) {
				return true
			}
		}
		return false
	}
	if s.seen == nil {
		s.seen = make(map[string]struct{}, 2*maxScan)
		for _, k := range own {
			s.seen[string(k)] = struct{}{}
		}
	}
	_, dup := s.seen[string(key)]
	s.seen[string(key)] = struct{}{}
	return dup
}

// unescapeKey returns what a parser would read from a quoted key.
func unescapeKey(quoted []byte) ([]byte, error) {
	raw := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(raw, '\\') < 0 && utf8.Valid(raw) {
		return raw, nil
	}
	var s string
	err := json.Unmarshal(quoted, &s)
	return []byte(s), err
}
