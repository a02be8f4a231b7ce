package keyring

import (
	"encoding/json"
	"errors"
	"time"
)

// object is a JSON object by its exact keys. A struct would also accept keys in another case: to
// adcp.CheckObject, agents and Agents are two keys, and only one of them is the protocol's.
type object map[string]json.RawMessage

var errType = errors.New("a member is not of the schema's type")

// readString returns the string, or "" if there is none.
func readString(raw json.RawMessage) (s string, err error) {
	if len(raw) > 0 && json.Unmarshal(raw, &s) != nil {
		return "", errType
	}
	return s, nil
}

// readObjects returns the list of objects, or nil if there is none.
func readObjects(raw json.RawMessage) (list []object, err error) {
	if len(raw) > 0 && json.Unmarshal(raw, &list) != nil {
		return nil, errType
	}
	return list, nil
}

// readInstant returns the time, or the zero time if there is none. ok is false if the member is not
// a time with an offset (contract L22).
func readInstant(raw json.RawMessage) (t time.Time, ok bool) {
	s, err := readString(raw)
	if err != nil {
		return time.Time{}, false
	}
	if s == "" {
		return time.Time{}, true
	}
	t, err = time.Parse(time.RFC3339, s)
	return t, err == nil
}
