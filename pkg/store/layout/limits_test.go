package layout

import (
	"strings"
	"testing"
)

func TestSizesAreThoseOfDynamoDB(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		item Item
		want int
	}{
		"nothing":           {Item{}, 0},
		"a string in UTF-8": {Item{"ab": "é"}, 4},
		"bytes":             {Item{"ab": []byte{1, 2, 3}}, 5},
		"zero":              {Item{"n": int64(0)}, 2},
		"one digit":         {Item{"n": int64(7)}, 3},
		"three digits":      {Item{"n": int64(-123)}, 4},
		"round":             {Item{"n": int64(5000)}, 3},
	} {
		if got := tc.item.Size(); got != tc.want {
			t.Errorf("%s: %d bytes, want %d", name, got, tc.want)
		}
	}
}

func TestKeysAreNeitherEmptyNorTooLong(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		pk, sk string
		want   bool
	}{
		"the longest":          {strings.Repeat("p", 2048), strings.Repeat("s", 1024), true},
		"no partition key":     {"", "s", false},
		"no sort key":          {"p", "", false},
		"a long partition key": {strings.Repeat("p", 2049), "s", false},
		"a long sort key":      {"p", strings.Repeat("s", 1025), false},
	} {
		if got := (Item{"pk": tc.pk, "sk": tc.sk}).Check() == nil; got != tc.want {
			t.Errorf("%s: storable is %v", name, got)
		}
	}
}
