package safehttp

import "net/netip"

// reserved4 are all IPv4 blocks without ordinary public addresses (contract L1, and IANA's
// special-purpose registry for the rest).
var reserved4 = prefixes(
	"0.0.0.0/8",       // this network
	"10.0.0.0/8",      // private
	"100.64.0.0/10",   // carrier-grade NAT
	"127.0.0.0/8",     // loopback
	"169.254.0.0/16",  // link-local, the metadata service
	"172.16.0.0/12",   // private
	"192.0.0.0/24",    // protocol assignments
	"192.0.2.0/24",    // documentation
	"192.88.99.0/24",  // 6to4 relays
	"192.168.0.0/16",  // private
	"198.18.0.0/15",   // benchmarks
	"198.51.100.0/24", // documentation
	"203.0.113.0/24",  // documentation
	"224.0.0.0/4",     // multicast
	"240.0.0.0/4",     // future use, broadcast
)

// public6 is the only IPv6 block with public addresses. Everything outside is refused: unspecified,
// loopback, IPv4-mapped, NAT64, discard, unique local (including the metadata service's
// fd00:ec2::254), link-local, site-local, multicast.
var public6 = netip.MustParsePrefix("2000::/3")

// reserved6 are the blocks inside public6 without ordinary addresses or with ones that embed IPv4
// addresses.
var reserved6 = prefixes(
	"2001::/23",     // protocol assignments, Teredo
	"2001:db8::/32", // documentation
	"2002::/16",     // 6to4
	"3fff::/20",     // documentation
)

func prefixes(s ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(s))
	for i, p := range s {
		out[i] = netip.MustParsePrefix(p)
	}
	return out
}

// reserved returns the block because of which an address must not be dialed, "" if there is none.
func reserved(a netip.Addr) string {
	blocks := reserved4
	if !a.Is4() {
		if a.Zone() != "" || !public6.Contains(a) {
			return "outside " + public6.String()
		}
		blocks = reserved6
	}
	for _, p := range blocks {
		if p.Contains(a) {
			return p.String()
		}
	}
	return ""
}
