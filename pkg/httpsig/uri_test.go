package httpsig

import (
	"strings"
	"testing"
)

// Contract B53: the cases that the official vectors do not cover.
func TestCanonicalURI(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"https://a.example":                                "https://a.example/",
		"https://a.example:/p":                             "https://a.example/p",
		"http://a.example:443/p":                           "http://a.example:443/p",
		"https://[2001:DB8::1]:443/p":                      "https://[2001:db8::1]/p",
		"https://a.example/a/..":                           "https://a.example/",
		"https://a.example/a/b/.":                          "https://a.example/a/b/",
		"https://a.example/../../a":                        "https://a.example/a",
		"https://a.example/..//a":                          "https://a.example//a",
		"https://a.example/.../.a":                         "https://a.example/.../.a",
		"https://a.example/a/%2e%2E/b":                     "https://a.example/a/../b", // dots go before escapes are decoded
		"https://a.example/%2f%3a%41":                      "https://a.example/%2F%3AA",
		"https://a.example/p?a=%7e/../b":                   "https://a.example/p?a=%7e/../b", // contract B53a
		"https://a.example?#f":                             "https://a.example/?",
		"https://a.example/p#?q":                           "https://a.example/p",
		"https://u:p@A.example:8443/p":                     "https://a.example:8443/p",
		"https://faß.example/":                             "https://xn--fa-hia.example/", // nontransitional
		"https://a。example/":                               "https://a.example/",
		"https://a_b.example./":                            "https://a_b.example/", // the root's dot
		"":                                                 "",
		"a.example/p":                                      "",
		"ftp://a.example/":                                 "",
		"https:/a.example/":                                "",
		"https://a@b@c.example/":                           "",
		"https://a.example:x/":                             "",
		"https://a.example:0443/":                          "",
		"https://a.example:65536/":                         "",
		"https://a.example:-1/":                            "",
		"https://a.example:1:2/":                           "",
		"https://[::1]x/":                                  "",
		"https://[::1/":                                    "",
		"https://[1.2.3.4]/":                               "",
		"https://[]/":                                      "",
		"https://[v1.a]/":                                  "",
		"https://[fe80::1%25eth0]/":                        "",
		"https://a..example/":                              "",
		"https://.example/":                                "",
		"https://a%2eexample/":                             "",
		"https://a b.example/":                             "",
		"https://a.example\\@b.example/":                   "",
		"https://a℀b.example/":                             "", // maps to a/c
		"https://\xff.example/":                            "",
		"https://a.example/%zz":                            "",
		"https://a.example/%4":                             "",
		"https://a.example/a b":                            "",
		"https://a.example/ä":                              "",
		"https://a.example/a\\b":                           "",
		"https://a.example/?a\nb":                          "",
		"https://a.example/" + strings.Repeat("a", maxURI): "",
		"https://" + strings.Repeat("ä", 200) + "/":        "",
	} {
		got, err := CanonicalURI(raw)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%q gave %q, %v, want %q", raw, got, err, want)
		}
	}
}
