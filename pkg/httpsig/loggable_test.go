package httpsig

import "testing"

// Contract F44.
func TestLoggable(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                                     "",
		"seller-2026":                          "seller-2026",
		"a\nb":                                 "a<sanitized:2>",
		"a\u202eb":                             "a<sanitized:4>",
		"\x7f":                                 "<sanitized:1>",
		"a\u200b":                              "a<sanitized:3>",
		"a\xff":                                "a<sanitized:1>",
		"0123456789012345678901234567890123":   "01234567890123456789012345678901",
		"012345678901234567890123456789€":      "012345678901234567890123456789",
		"0123456789012345678901234567890123\n": "01234567890123456789012345678901<sanitized:1>",
	} {
		if got := Loggable(in); got != want {
			t.Errorf("%q gave %q, want %q", in, got, want)
		}
	}
}
