package safehttp

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"
)

// fakeResolver gives the next of a host's answers at each look-up; the last one stays.
type fakeResolver struct {
	mu      sync.Mutex
	answers map[string][][]string
	lookups int
}

func (r *fakeResolver) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lookups++
	list := r.answers[host]
	if len(list) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if len(list) > 1 {
		r.answers[host] = list[1:]
	}
	var out []netip.Addr
	for _, s := range list[0] {
		out = append(out, netip.MustParseAddr(s))
	}
	return out, nil
}

// fakeNetwork records the dialed addresses and returns each error in turn, the last one forever.
type fakeNetwork struct {
	mu        sync.Mutex
	addresses []string
	errs      []error
}

func (d *fakeNetwork) connect(_ context.Context, _, address string) (net.Conn, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.addresses = append(d.addresses, address)
	err := d.errs[min(len(d.addresses), len(d.errs))-1]
	if err != nil {
		return nil, err
	}
	c, s := net.Pipe()
	_ = s.Close()
	return c, nil
}

var errRefused = errors.New("connection refused")

func TestDialedAddressIsTheCheckedOne(t *testing.T) {
	t.Parallel()
	const host = "seller.example"
	for name, c := range map[string]struct {
		host     string
		resolved []string
		loopback bool
		dialed   []string
		rule     Rule
	}{
		"public": {host: host, resolved: []string{"8.8.8.8"}, dialed: []string{"8.8.8.8:443"}},
		"public IPv6": {
			host:     host,
			resolved: []string{"2606:4700::1111"},
			dialed:   []string{"[2606:4700::1111]:443"},
		},
		"IPv4 in IPv6 form": {
			host:     host,
			resolved: []string{"::ffff:8.8.8.8"},
			dialed:   []string{"8.8.8.8:443"},
		},
		"private":               {host: host, resolved: []string{"10.0.0.1"}, rule: RuleAddress},
		"metadata in IPv6 form": {host: host, resolved: []string{"::ffff:169.254.169.254"}, rule: RuleAddress},
		"one bad among good": {
			host:     host,
			resolved: []string{"8.8.8.8", "2606:4700::1111", "192.168.0.1"},
			rule:     RuleAddress,
		},
		"loopback": {host: host, resolved: []string{"127.0.0.1"}, rule: RuleAddress},
		"a number that the resolver reads as an address": {
			host:     "2130706433",
			resolved: []string{"127.0.0.1"},
			rule:     RuleAddress,
		},
		"loopback allowed": {
			host:     host,
			resolved: []string{"127.0.0.1"},
			loopback: true,
			dialed:   []string{"127.0.0.1:443"},
		},
		"only loopback is allowed": {
			host:     host,
			resolved: []string{"127.0.0.1", "10.0.0.1"},
			loopback: true,
			rule:     RuleAddress,
		},
		"localhost is loopback": {
			host:     "localhost",
			resolved: []string{"8.8.8.8"},
			loopback: true,
			rule:     RuleAddress,
		},
		"literal":                    {host: "8.8.4.4", dialed: []string{"8.8.4.4:443"}},
		"reserved literal":           {host: "169.254.169.254", rule: RuleAddress},
		"IPv4 in IPv6 form, literal": {host: "::ffff:8.8.8.8", rule: RuleAddress},
		"literal with a zone":        {host: "fe80::1%lo", loopback: true, rule: RuleAddress},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rec := &fakeNetwork{errs: []error{nil}}
			d := dialer{
				guard:    guard{loopback: c.loopback},
				resolver: &fakeResolver{answers: map[string][][]string{c.host: {c.resolved}}},
				timeout:  time.Minute,
				connect:  rec.connect,
			}
			conn, err := d.dial(t.Context(), "tcp", net.JoinHostPort(c.host, "443"))
			if ruleOf(err) != c.rule {
				t.Fatalf("err = %v, want rule %q", err, c.rule)
			}
			if conn != nil {
				_ = conn.Close()
			}
			if !slices.Equal(rec.addresses, c.dialed) {
				t.Errorf("dialed %v, want %v", rec.addresses, c.dialed)
			}
		})
	}
}

// A name may be public when it is checked and private at the next look-up. A request therefore
// resolves it only once.
func TestRebindingIsRefused(t *testing.T) {
	t.Parallel()
	resolver := &fakeResolver{answers: map[string][][]string{"seller.example": {{"8.8.8.8"}, {"127.0.0.1"}}}}
	rec := &fakeNetwork{errs: []error{errRefused}}
	client := newClient(Options{}, dialer{resolver: resolver, timeout: time.Minute, connect: rec.connect})
	for i, want := range []func(error) bool{
		func(err error) bool { return errors.Is(err, errRefused) },
		func(err error) bool { return ruleOf(err) == RuleAddress },
	} {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://seller.example/", nil)
		if _, err := client.Do(req); !want(err) {
			t.Errorf("request %d: %v", i, err)
		}
		if resolver.lookups != i+1 {
			t.Errorf("request %d: %d look-ups", i, resolver.lookups)
		}
	}
	if want := []string{"8.8.8.8:443"}; !slices.Equal(rec.addresses, want) {
		t.Errorf("dialed %v, want %v", rec.addresses, want)
	}
}

func TestDialContinuesWithTheNextAddress(t *testing.T) {
	t.Parallel()
	resolver := &fakeResolver{answers: map[string][][]string{"seller.example": {{"8.8.8.8", "8.8.4.4", "1.1.1.1"}}}}
	rec := &fakeNetwork{errs: []error{errRefused, nil}}
	d := dialer{resolver: resolver, timeout: time.Minute, connect: rec.connect}
	conn, err := d.dial(t.Context(), "tcp", "seller.example:8443")
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	if want := []string{"8.8.8.8:8443", "8.8.4.4:8443"}; !slices.Equal(rec.addresses, want) {
		t.Errorf("dialed %v, want %v", rec.addresses, want)
	}
}

func TestDialDividesItsTimeAmongTheAddresses(t *testing.T) {
	t.Parallel()
	resolver := &fakeResolver{answers: map[string][][]string{"seller.example": {{"8.8.8.8", "8.8.4.4"}}}}
	var shares []time.Duration
	d := dialer{
		resolver: resolver,
		timeout:  40 * time.Millisecond,
		connect: func(ctx context.Context, _, _ string) (net.Conn, error) {
			deadline, _ := ctx.Deadline()
			shares = append(shares, time.Until(deadline))
			<-ctx.Done()
			return nil, ctx.Err()
		},
	}
	if _, err := d.dial(t.Context(), "tcp", "seller.example:443"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("err = %v", err)
	}
	if len(shares) != 2 || shares[0] > 20*time.Millisecond {
		t.Errorf("shares = %v, want two of at most 20 ms", shares)
	}
}

func TestDialReturnsTheResolversError(t *testing.T) {
	t.Parallel()
	d := dialer{resolver: &fakeResolver{answers: map[string][][]string{"empty.example": {{}}}}, timeout: time.Minute}
	var dns *net.DNSError
	if _, err := d.dial(t.Context(), "tcp", "nowhere.example:443"); !errors.As(err, &dns) {
		t.Errorf("err = %v, want a DNS error", err)
	}
	if _, err := d.dial(t.Context(), "tcp", "empty.example:443"); err == nil {
		t.Error("a name without addresses was dialed")
	}
}
