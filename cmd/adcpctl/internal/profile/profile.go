// Package profile keeps the APIs that adcpctl talks to, and their keys. The configuration is one
// file that people edit; the keys are in the system's keychain, or else in a file of mode 0600.
package profile

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// Profile is one API.
type Profile struct {
	API string `toml:"api"`
	// Key is where the API key is: keychain, or file.
	Key string `toml:"key,omitempty"`
	// Confirm asks before each act, as production should.
	Confirm bool `toml:"confirm,omitempty"`
	// OnBehalfOf is the person that acts are sent for.
	OnBehalfOf string `toml:"on_behalf_of,omitempty"`
}

// Config is the configuration file.
type Config struct {
	// Default is the profile that is used if none is named.
	Default  string             `toml:"default,omitempty"`
	Profiles map[string]Profile `toml:"profile"`
}

// Names lists the profiles.
func (c Config) Names() []string { return slices.Sorted(maps.Keys(c.Profiles)) }

// Keychain is the system's store of secrets. Get returns "" if it has none of that name.
type Keychain interface {
	Get(name string) (string, error)
	Set(name, secret string) error
}

// Dir is the directory of the configuration and of the key files.
type Dir struct {
	Path string
	// Keychain is nil where there is none: then keys are kept in files.
	Keychain Keychain
}

// The places of a key.
const (
	InKeychain = "keychain"
	InFile     = "file"
)

func (d Dir) configFile() string { return filepath.Join(d.Path, "config.toml") }

// keyFile is not within the configuration, which people copy and show.
func (d Dir) keyFile(name string) string { return filepath.Join(d.Path, "keys", name) }

// Load reads the configuration. A file that does not exist is an empty one.
func (d Dir) Load() (Config, error) {
	c := Config{Profiles: map[string]Profile{}}
	raw, err := os.ReadFile(d.configFile())
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, err
	}
	meta, err := toml.Decode(string(raw), &c)
	if err != nil {
		return c, fmt.Errorf("%s: %w", d.configFile(), err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return c, fmt.Errorf("%s: %s is not a setting of this version", d.configFile(), unknown[0])
	}
	if c.Profiles == nil {
		c.Profiles = map[string]Profile{}
	}
	return c, nil
}

// Save writes the configuration.
func (d Dir) Save(c Config) error {
	var b strings.Builder
	e := toml.NewEncoder(&b)
	e.Indent = ""
	if err := e.Encode(c); err != nil {
		return err
	}
	return writeFile(d.configFile(), []byte(b.String()))
}

// ErrName says that a name can't be one of a profile.
var ErrName = errors.New("a profile's name has 1 to 64 letters, digits, hyphens and underscores")

// CheckName returns ErrName for what can't be the name of a profile: it is part of a path.
func CheckName(name string) error {
	for _, r := range name {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_') {
			return ErrName
		}
	}
	if name == "" || len(name) > 64 {
		return ErrName
	}
	return nil
}

// KeyOf reads the API key of a profile, "" if it has none.
func (d Dir) KeyOf(name string, p Profile) (string, error) {
	if p.Key == InKeychain {
		if d.Keychain == nil {
			return "", errors.New("the key is in the keychain, which can't be reached here: set ADCPCTL_KEY, " +
				"or log in again with adcpctl profile login --file")
		}
		return d.Keychain.Get(name)
	}
	raw, err := os.ReadFile(d.keyFile(name))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.TrimSpace(string(raw)), err
}

// StoreKey keeps an API key, in the keychain if there is one and inFile does not forbid it, and
// returns the place.
func (d Dir) StoreKey(name, key string, inFile bool) (string, error) {
	if d.Keychain != nil && !inFile {
		if err := d.Keychain.Set(name, key); err == nil {
			return InKeychain, nil
		}
	}
	return InFile, writeFile(d.keyFile(name), []byte(key+"\n"))
}

// writeFile replaces a file as a whole, readable by its owner only.
func writeFile(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // has the mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
