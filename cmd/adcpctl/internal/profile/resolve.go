package profile

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// Choice is what the flags or the environment say, "" for what they don't.
type Choice struct{ Profile, API, Key string }

// Target is the API that a command talks to.
type Target struct {
	// Name is the profile's, "" if the address and the key came without one.
	Name string
	Profile
	Secret string
}

// ErrNoAPI says that nothing names the API.
var ErrNoAPI = errors.New("no API is configured")

// Resolve finds the API and its key: flags before the environment before the file.
func (d Dir) Resolve(flags, env Choice) (Target, error) {
	c, err := d.Load()
	if err != nil {
		return Target{}, err
	}
	var t Target
	name := first(flags.Profile, env.Profile)
	t.Name = first(name, c.Default)
	if t.Name == "" && len(c.Profiles) == 1 {
		t.Name = c.Names()[0]
	}
	p, ok := c.Profiles[t.Name]
	if !ok && name != "" {
		return t, fmt.Errorf("there is no profile %q: choose from %s, or make it with adcpctl profile set %s --api URL",
			name, strings.Join(append(c.Names(), "(none)")[:max(len(c.Names()), 1)], ", "), name)
	}
	t.Profile = p
	// An address that was named for this command alone is not the profile's: its key stays here.
	api := first(flags.API, env.API)
	foreign := api != "" && strings.TrimRight(api, "/") != strings.TrimRight(p.API, "/")
	if foreign {
		t = Target{Profile: Profile{API: api, Confirm: p.Confirm, OnBehalfOf: p.OnBehalfOf}}
	}
	if t.API == "" {
		return t, ErrNoAPI
	}
	if err := CheckAPI(t.API); err != nil {
		return t, err
	}
	t.API = strings.TrimRight(t.API, "/")
	if t.Secret = first(flags.Key, env.Key); t.Secret == "" && !foreign {
		t.Secret, err = d.KeyOf(t.Name, p)
	}
	return t, err
}

// CheckAPI returns an error for what can't be the address of an API: an API key is sent in clear to
// this machine only.
func CheckAPI(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
		u.Scheme != "https" && u.Scheme != "http" {
		return fmt.Errorf("%q is not an address such as https://api.example.com/live", address)
	}
	host := u.Hostname()
	ip, err := netip.ParseAddr(host)
	local := host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && ip.IsLoopback()
	if u.Scheme == "http" && !local {
		return fmt.Errorf("%s would get the key without encryption: use https", address)
	}
	return nil
}

func first(choices ...string) string {
	for _, c := range choices {
		if c != "" {
			return c
		}
	}
	return ""
}
