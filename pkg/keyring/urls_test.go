package keyring

import "testing"

func TestRegistrableDomain(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"sales.example.co.uk":        "example.co.uk",
		"example.co.uk":              "example.co.uk",
		"co.uk":                      "",
		"a.b.example.com":            "example.com",
		"x.github.io":                "x.github.io",
		"y.x.github.io":              "x.github.io",
		"github.io":                  "",
		"localhost":                  "",
		"127.0.0.1":                  "",
		"::1":                        "",
		"":                           "",
		"a.test":                     "a.test",
		"x.example.com.":             "",
		"xn--bcher-kva.example":      "xn--bcher-kva.example",
		"shop.xn--bcher-kva.example": "xn--bcher-kva.example",
	} {
		if got, ok := registrableDomain(host); got != want && ok || ok != (want != "") {
			t.Errorf("%s: %q, %v, want %q", host, got, ok, want)
		}
	}
}

func TestSameSite(t *testing.T) {
	t.Parallel()
	if hostOf("https://shop.BÜCHER.example/x") != "shop.xn--bcher-kva.example" ||
		!sameSite(hostOf("https://a.bücher.example"), "b.xn--bcher-kva.example") {
		t.Error("hosts must be compared as A-labels")
	}
	if sameSite("", "") || sameSite("127.0.0.1", "127.0.0.2") || !sameSite("127.0.0.1", "127.0.0.1") ||
		sameSite("localhost", "x.localhost") {
		t.Error("hosts without a registrable domain must be compared as they are")
	}
}
