package adcp_test

import (
	"strings"
	"testing"

	"adcp-orchestrator/pkg/adcp"
)

func TestObjectFaultNamesTheRule(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{}`:                        "",
		``:                          "empty",
		" \n":                       "empty",
		"\xef\xbb\xbf{}":            "byte order mark",
		"\xff\xfe{\x00}\x00":        "UTF-16",
		"\x1f\x8b\x08":              "compressed",
		`[]`:                        "an array",
		`"x"`:                       "a string",
		`null`:                      "null",
		`7`:                         "a number",
		`{"a":1,}`:                  "at byte 8 of 8",
		`{"a":1} {}`:                "at byte 9 of 10",
		`{"a":`:                     "at byte 5 of 5",
		`{"a":1,"b":{"c":1,"c":2}}`: `"c" is there twice`,
		strings.Repeat(`{"a":`, 101) + "1" + strings.Repeat("}", 101): "100 deep",
	} {
		got := adcp.ObjectFault([]byte(body))
		if (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%.30q: got %q, want %q", body, got, want)
		}
	}
}
