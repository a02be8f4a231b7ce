package profile_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"adcp-orchestrator/cmd/adcpctl/internal/profile"
)

type chain map[string]string

func (c chain) Get(name string) (string, error) { return c[name], nil }
func (c chain) Set(name, secret string) error   { c[name] = secret; return nil }

type noChain struct{}

func (noChain) Get(string) (string, error) { return "", errors.New("no service") }
func (noChain) Set(string, string) error   { return errors.New("no service") }

func two(t *testing.T) profile.Dir {
	t.Helper()
	d := profile.Dir{Path: t.TempDir()}
	err := d.Save(profile.Config{Default: "local", Profiles: map[string]profile.Profile{
		"local": {API: "http://127.0.0.1:4566/live", Key: profile.InFile},
		"prod":  {API: "https://api.example.com/live/", Key: profile.InFile, Confirm: true},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]string{"local": "key-l", "prod": "key-p"} {
		if _, err := d.StoreKey(name, key, true); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func TestFlagsBeforeEnvironmentBeforeFile(t *testing.T) {
	t.Parallel()
	d := two(t)
	type choice = profile.Choice
	for _, c := range []struct {
		name       string
		flags, env choice
		want       [3]string // profile, API, key
	}{
		{"file", choice{}, choice{}, [3]string{"local", "http://127.0.0.1:4566/live", "key-l"}},
		{"environment", choice{}, choice{Profile: "prod"}, [3]string{"prod", "https://api.example.com/live", "key-p"}},
		{"flag", choice{Profile: "local"}, choice{Profile: "prod"}, [3]string{"local", "http://127.0.0.1:4566/live",
			"key-l"}},
		{"environment's key", choice{}, choice{Key: "k"}, [3]string{"local", "http://127.0.0.1:4566/live", "k"}},
		{"another address gets no stored key", choice{API: "https://other.example"}, choice{},
			[3]string{"", "https://other.example", ""}},
		{"another address with its key", choice{}, choice{API: "https://other.example", Key: "k"},
			[3]string{"", "https://other.example", "k"}},
	} {
		got, err := d.Resolve(c.flags, c.env)
		if err != nil || [3]string{got.Name, got.API, got.Secret} != c.want {
			t.Errorf("%s: got %q %q %q, %v; want %q", c.name, got.Name, got.API, got.Secret, err, c.want)
		}
	}
	if _, err := d.Resolve(choice{Profile: "nope"}, choice{}); err == nil ||
		!strings.Contains(err.Error(), "local, prod") {
		t.Errorf("an unknown profile: %v", err)
	}
	if _, err := (profile.Dir{Path: t.TempDir()}).Resolve(choice{}, choice{}); !errors.Is(err, profile.ErrNoAPI) {
		t.Errorf("nothing configured: %v", err)
	}
}

func TestKeysAreInTheKeychainOrInAFileForTheOwnerOnly(t *testing.T) {
	t.Parallel()
	kept := chain{}
	d := profile.Dir{Path: t.TempDir(), Keychain: kept}
	if place, err := d.StoreKey("a", "secret-a", false); place != profile.InKeychain || err != nil ||
		kept["a"] != "secret-a" {
		t.Errorf("got %q, %v", place, err)
	}
	for _, keychain := range []profile.Keychain{nil, noChain{}} {
		d := profile.Dir{Path: t.TempDir(), Keychain: keychain}
		place, err := d.StoreKey("a", "secret-a", false)
		got, readErr := d.KeyOf("a", profile.Profile{Key: place})
		if place != profile.InFile || err != nil || got != "secret-a" || readErr != nil {
			t.Errorf("got %q, %v, %q, %v", place, err, got, readErr)
		}
		info, err := os.Stat(filepath.Join(d.Path, "keys", "a"))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("got %v, %v", info, err)
		}
		if _, err := d.KeyOf("b", profile.Profile{Key: profile.InKeychain}); err == nil {
			t.Error("a keychain that can't be reached must be named")
		}
	}
}

func TestKeysGoToNoAddressInClear(t *testing.T) {
	t.Parallel()
	for address, ok := range map[string]bool{"https://api.example.com/live": true, "http://127.0.0.1:4566": true,
		"http://localhost:1/x": true, "http://api.example.com": false, "ftp://x": false, "": false,
		"https://u:p@x": false, "https://x/?a=b": false, "http://127.example.com": false} {
		if err := profile.CheckAPI(address); (err == nil) != ok {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func TestNamesCantLeaveTheDirectory(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{"prod": true, "a_B-9": true, "": false, "../x": false, "a/b": false,
		"a.b":                   false,
		strings.Repeat("a", 65): false} {
		if err := profile.CheckName(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestAMisspelledSettingIsAnError(t *testing.T) {
	t.Parallel()
	d := profile.Dir{Path: t.TempDir()}
	err := os.WriteFile(filepath.Join(d.Path, "config.toml"),
		[]byte("[profile.prod]\napi = 'https://x'\nconfrim = true\n"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Load(); err == nil || !strings.Contains(err.Error(), "confrim") {
		t.Errorf("got %v", err)
	}
}
