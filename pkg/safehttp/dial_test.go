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

// names is a resolver whose answers for a host change with each look-up; the last one stays.
type names struct {
	mu      sync.Mutex
	answers map[string][][]string
	lookups int
}

func (n *names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lookups++
	list := n.answers[host]
	if len(list) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if len(list) > 1 {
		n.answers[host] = list[1:]
	}
	var out []netip.Addr
	for _, s := range list[0] {
		out = append(out, netip.MustParseAddr(s))
	}
	return out, nil
}

// dialled records what would have been connected to, and answers with each error in turn, the last one for ever.
type dialled struct {
	mu        sync.Mutex
	addresses []string
	errs      []error
}

func (d *dialled) connect(_ context.Context, _, address string) (net.Conn, error) {
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

func TestDialChecksWhatItDials(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		host     string
		resolved []string
		loopback bool
		dialled  []string
		rule     Rule
	}{
		"public":                     {"seller.example", []string{"8.8.8.8"}, false, []string{"8.8.8.8:443"}, ""},
		"public IPv6":                {"seller.example", []string{"2606:4700::1111"}, false, []string{"[2606:4700::1111]:443"}, ""},
		"IPv4 in IPv6 form":          {"seller.example", []string{"::ffff:8.8.8.8"}, false, []string{"8.8.8.8:443"}, ""},
		"private":                    {"seller.example", []string{"10.0.0.1"}, false, nil, RuleAddress},
		"metadata in IPv6 form":      {"seller.example", []string{"::ffff:169.254.169.254"}, false, nil, RuleAddress},
		"one bad among good":         {"seller.example", []string{"8.8.8.8", "2606:4700::1111", "192.168.0.1"}, false, nil, RuleAddress},
		"loopback":                   {"seller.example", []string{"127.0.0.1"}, false, nil, RuleAddress},
		"a number the resolver read": {"2130706433", []string{"127.0.0.1"}, false, nil, RuleAddress},
		"loopback allowed":           {"seller.example", []string{"127.0.0.1"}, true, []string{"127.0.0.1:443"}, ""},
		"nothing else is allowed":    {"seller.example", []string{"127.0.0.1", "10.0.0.1"}, true, nil, RuleAddress},
		"localhost is loopback":      {"localhost", []string{"8.8.8.8"}, true, nil, RuleAddress},
		"literal":                    {"8.8.4.4", nil, false, []string{"8.8.4.4:443"}, ""},
		"reserved literal":           {"169.254.169.254", nil, false, nil, RuleAddress},
		"IPv4 in IPv6 form, literal": {"::ffff:8.8.8.8", nil, false, nil, RuleAddress},
		"literal with a zone":        {"fe80::1%lo", nil, true, nil, RuleAddress},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rec := &dialled{errs: []error{nil}}
			d := dialer{guard: guard{loopback: c.loopback}, timeout: time.Minute, connect: rec.connect,
				resolver: &names{answers: map[string][][]string{c.host: {c.resolved}}}}
			conn, err := d.dial(t.Context(), "tcp", net.JoinHostPort(c.host, "443"))
			if ruleOf(err) != c.rule {
				t.Fatalf("err = %v, want rule %q", err, c.rule)
			}
			if conn != nil {
				_ = conn.Close()
			}
			if !slices.Equal(rec.addresses, c.dialled) {
				t.Errorf("dialled %v, want %v", rec.addresses, c.dialled)
			}
		})
	}
}

// A name that is public when it is checked and private when it is looked up again must not be looked up again.
func TestRebinding(t *testing.T) {
	t.Parallel()
	resolver := &names{answers: map[string][][]string{"seller.example": {{"8.8.8.8"}, {"127.0.0.1"}}}}
	rec := &dialled{errs: []error{errRefused}}
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
		t.Errorf("dialled %v, want %v", rec.addresses, want)
	}
}

func TestDialGoesOnToTheNextAddress(t *testing.T) {
	t.Parallel()
	resolver := &names{answers: map[string][][]string{"seller.example": {{"8.8.8.8", "8.8.4.4", "1.1.1.1"}}}}
	rec := &dialled{errs: []error{errRefused, nil}}
	d := dialer{resolver: resolver, timeout: time.Minute, connect: rec.connect}
	conn, err := d.dial(t.Context(), "tcp", "seller.example:8443")
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	if want := []string{"8.8.8.8:8443", "8.8.4.4:8443"}; !slices.Equal(rec.addresses, want) {
		t.Errorf("dialled %v, want %v", rec.addresses, want)
	}
}

func TestDialSharesItsTime(t *testing.T) {
	t.Parallel()
	resolver := &names{answers: map[string][][]string{"seller.example": {{"8.8.8.8", "8.8.4.4"}}}}
	var shares []time.Duration
	d := dialer{resolver: resolver, timeout: 40 * time.Millisecond, connect: func(ctx context.Context, _, _ string) (net.Conn, error) {
		deadline, _ := ctx.Deadline()
		shares = append(shares, time.Until(deadline))
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	if _, err := d.dial(t.Context(), "tcp", "seller.example:443"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("err = %v", err)
	}
	if len(shares) != 2 || shares[0] > 20*time.Millisecond {
		t.Errorf("shares = %v, want two of at most 20 ms", shares)
	}
}

func TestDialReportsTheResolversError(t *testing.T) {
	t.Parallel()
	d := dialer{resolver: &names{answers: map[string][][]string{"empty.example": {{}}}}, timeout: time.Minute}
	var dns *net.DNSError
	if _, err := d.dial(t.Context(), "tcp", "nowhere.example:443"); !errors.As(err, &dns) {
		t.Errorf("err = %v, want a DNS error", err)
	}
	if _, err := d.dial(t.Context(), "tcp", "empty.example:443"); err == nil {
		t.Error("a name without addresses was dialled")
	}
}
