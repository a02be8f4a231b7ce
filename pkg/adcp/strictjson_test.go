package adcp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

func TestCheckObject(t *testing.T) {
	t.Parallel()
	many := func(n int, last string) string {
		var b strings.Builder
		b.WriteString(`{"a":{}`)
		for i := range n {
			fmt.Fprintf(&b, `,"k%d":[%d]`, i, i)
		}
		return b.String() + "," + last + "}"
	}
	for body, dup := range map[string]string{
		`{}`:                                 "",
		` {"a":1,"b":{"a":1}} `:              "",
		`{"a":[{"b":1},{"b":2}]}`:            "",
		`{"a":"{\"a\":1,\"a\":2}","b":"\\"}`: "",
		`{"a":1,"a":2}`:                      "a",
		`{"a":1,"\u0061":2}`:                 "a",
		`{"x":[[{"y":{"z":1,"z":1}}]]}`:      "z",
		`{"a":{"b":1},"b":{"b":1},"a":2}`:    "a",
		`{"":1,"":2}`:                        "",
		many(40, `"k7":1`):                   "k7",
		many(40, `"k40":1`):                  "",
	} {
		err := CheckObject([]byte(body))
		var d *DuplicateKeyError
		found := errors.As(err, &d)
		want := dup != "" || body == `{"":1,"":2}` // whose duplicate key is empty
		if found != want || found && d.Key != dup || !found && err != nil {
			t.Errorf("%s: %v", body, err)
		}
	}
	for _, bad := range []string{
		"", " ", "null", "[]", `"a"`, "{", `{"a":1}}`, `{"a":1}{}`, `{"a":1},`, `{'a':1}`, `{"a":1,}`,
		strings.Repeat(`{"a":`, 101) + "1" + strings.Repeat("}", 101),
	} {
		if CheckObject([]byte(bad)) == nil {
			t.Errorf("%.40s was accepted", bad)
		}
	}
	deep := strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100)
	if err := CheckObject([]byte(deep)); err != nil {
		t.Error(err)
	}
}

// CheckObject decides like a walk over the standard library's tokens.
func FuzzCheckObject(f *testing.F) {
	for _, s := range []string{
		`{"a":1,"a":2}`,
		`{"a":{"b":[{"c":1,"c":2}]}}`,
		`{"\u0061":1,"a":1}`,
		`{"a":1}{}`,
		"{\"\xff\":1,\"\xfe\":2}",
		`[{}]`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, want := CheckObject(data), checkByTokens(data)
		var a, b *DuplicateKeyError
		if (got == nil) != (want == nil) {
			t.Errorf("%q: %v, the token walk says %v", data, got, want)
		}
		if errors.As(got, &a) && errors.As(want, &b) && a.Key != b.Key {
			t.Errorf("%q: key %q, the token walk says %q", data, a.Key, b.Key)
		}
	})
}

// checkByTokens is CheckObject on a json.Decoder, slower and simpler.
func checkByTokens(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	t, err := d.Token()
	if err != nil {
		return err
	}
	if t != json.Delim('{') {
		return errors.New("not a JSON object")
	}
	if err := walkObject(d, 1); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("more than one JSON value")
	}
	return nil
}

func walkObject(d *json.Decoder, depth int) error {
	if depth > maxDepth {
		return errors.New("nested too deeply")
	}
	seen := map[string]struct{}{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		key := t.(string) // the decoder returns only strings here
		if _, dup := seen[key]; dup {
			return &DuplicateKeyError{Key: key}
		}
		seen[key] = struct{}{}
		if err := walkValue(d, depth); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

func walkValue(d *json.Decoder, depth int) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	switch t {
	case json.Delim('{'):
		return walkObject(d, depth+1)
	case json.Delim('['):
		if depth+1 > maxDepth {
			return errors.New("nested too deeply")
		}
		for d.More() {
			if err := walkValue(d, depth+1); err != nil {
				return err
			}
		}
		_, err = d.Token()
	}
	return err
}
