package safehttp

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

func TestCheckURL(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		url             string
		strict, onLocal Rule // "" is allowed
	}{
		{"https://seller.example/mcp", "", ""},
		{"https://seller.example:8443/mcp?x=1", "", ""},
		{"https://seller.example./mcp", "", ""},
		{"https://xn--bcher-kva.example", "", ""},
		{"https://8.8.8.8/mcp", "", ""},
		{"https://[2606:4700::1111]/mcp", "", ""},
		{"HTTPS://SELLER.EXAMPLE", "", ""},

		{"http://seller.example/mcp", RuleHTTPS, RuleHTTPS},
		{"http://8.8.8.8/mcp", RuleHTTPS, RuleHTTPS},
		{"http://10.0.0.1/mcp", RuleHTTPS, RuleHTTPS},
		{"http://127.0.0.1:3901/mcp", RuleHTTPS, ""},
		{"http://[::1]:3901/mcp", RuleHTTPS, ""},
		{"http://localhost:3901/mcp", RuleHTTPS, ""},
		{"http://localhost.seller.example/", RuleHTTPS, RuleHTTPS},
		{"https://localhost/mcp", RuleAddress, ""},
		{"https://127.0.0.1/mcp", RuleAddress, ""},
		{"https://127.255.255.254/", RuleAddress, ""},
		{"ftp://seller.example/", RuleHTTPS, RuleHTTPS},
		{"ws://127.0.0.1/", RuleHTTPS, RuleHTTPS},
		{"file:///etc/passwd", RuleURL, RuleURL},

		{"https://10.0.0.1/", RuleAddress, RuleAddress},
		{"https://169.254.169.254/latest/meta-data/", RuleAddress, RuleAddress},
		{"https://[fd00:ec2::254]/", RuleAddress, RuleAddress},
		{"https://[::]/", RuleAddress, RuleAddress},
		{"https://0.0.0.0/", RuleAddress, RuleAddress},
		{"https://[::ffff:169.254.169.254]/", RuleHost, RuleHost},
		{"https://[::ffff:8.8.8.8]/", RuleHost, RuleHost},
		{"https://[::ffff:127.0.0.1]/", RuleHost, RuleHost},
		{"https://[fe80::1%25eth0]/", RuleHost, RuleHost},

		// Notations that another resolver may read as one of these addresses.
		{"https://2130706433/", RuleHost, RuleHost},
		{"https://0x7f000001/", RuleHost, RuleHost},
		{"https://0X7F.1/", RuleHost, RuleHost},
		{"https://0177.0.0.1/", RuleHost, RuleHost},
		{"https://127.1/", RuleHost, RuleHost},
		{"https://127.0.0.1./", RuleHost, RuleHost},
		{"https://1.2.3.4.5/", RuleHost, RuleHost},
		{"https://seller.example.0x/", RuleHost, RuleHost},
		{"https://127。0。0。1/", RuleHost, RuleHost},
		{"https://bücher.example/", RuleHost, RuleHost},
		{"https://a b/", RuleURL, RuleURL},
		{"https://a_b.example/", "", ""},
		{"https://.../", RuleHost, RuleHost},
		{"https://" + strings.Repeat("a.", 130) + "example/", RuleHost, RuleHost},

		{"https://user:pass@seller.example/", RuleURL, RuleURL},
		{"https://seller.example/#a", RuleURL, RuleURL},
		{"https://seller.example:0/", RuleURL, RuleURL},
		{"https://seller.example:99999/", RuleURL, RuleURL},
		{"https://seller.example:/", RuleURL, RuleURL},
		{"https:seller.example", RuleURL, RuleURL},
		{"//seller.example/", RuleHTTPS, RuleHTTPS},
		{"/mcp", RuleURL, RuleURL},
		{"", RuleURL, RuleURL},
		{"https://seller.example/" + strings.Repeat("a", maxURL), RuleURL, RuleURL},
	} {
		for _, local := range []bool{false, true} {
			want := c.strict
			if local {
				want = c.onLocal
			}
			if got := ruleOf(CheckURL(c.url, local)); got != want {
				t.Errorf("CheckURL(%.80q, %v): rule %q, want %q", c.url, local, got, want)
			}
		}
	}
}

func TestCheckURLQuotesNoCredentials(t *testing.T) {
	t.Parallel()
	for _, u := range []string{
		"https://user:hunter2@seller.example/",
		"https://user:hunter2@%zz/",
		"https://seller.example/\x7fhunter2",
	} {
		if err := CheckURL(u, false); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("CheckURL(%q) = %v", u, err)
		}
	}
}

func TestReserved(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"0.0.0.0", "0.1.2.3", "10.1.2.3", "100.64.0.1", "100.127.255.255", "127.0.0.1", "169.254.169.254",
		"172.16.0.1", "172.31.255.255", "192.0.0.170", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1",
		"198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::7f00:1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "64:ff9b::a00:1", "64:ff9b:1::1", "100::1",
		"2001::1", "2001:db8::1", "2002:a00:1::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1",
		"fec0::1", "ff02::1", "4000::1",
	} {
		if reserved(netip.MustParseAddr(s)) == "" {
			t.Errorf("%s is not reserved", s)
		}
	}
	for _, s := range []string{
		"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "172.15.255.255",
		"172.32.0.0", "192.0.1.0", "198.17.255.255", "198.20.0.0", "223.255.255.255", "2606:4700::1111",
		"2001:4860:4860::8888", "2a00::1", "3ffe::1",
	} {
		if r := reserved(netip.MustParseAddr(s)); r != "" {
			t.Errorf("%s is reserved by %s", s, r)
		}
	}
}

func ruleOf(err error) Rule {
	var b *BlockedError
	if err == nil {
		return ""
	}
	if errors.As(err, &b) {
		return b.Rule
	}
	return Rule("not a BlockedError: " + err.Error())
}
