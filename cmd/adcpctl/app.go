package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/term"

	"adcp-orchestrator/cmd/adcpctl/internal/pending"
	"adcp-orchestrator/cmd/adcpctl/internal/profile"
	"adcp-orchestrator/cmd/adcpctl/internal/show"
	"adcp-orchestrator/pkg/client"
)

// app is one run of adcpctl: what it was started with, and what the flags say.
type app struct {
	in       io.Reader
	out, err io.Writer
	env      func(name string) string
	now      func() time.Time
	zone     *time.Location
	random   io.Reader
	keychain profile.Keychain
	// The terminals among in, out and err, and how wide the one of out is.
	inTTY, outTTY, errTTY bool
	width                 int
	// openTTY opens the terminal for a question while in is something else.
	openTTY func() (io.ReadCloser, error)
	// rawKeys makes the terminal give each key at once, until restore; nil if in is no terminal.
	rawKeys func() (readKey func() (byte, error), restore func(), err error)
	// start runs another program in the foreground: an editor, a browser.
	start func(ctx context.Context, name string, args ...string) error

	flags   globals
	target  profile.Target
	started bool // the arguments were right
	lines   *bufio.Reader
	subject string // the id that a remedy names
}

// globals are the flags of every verb.
type globals struct {
	output, profile, api, times, color string
	timeout                            time.Duration
	yes                                bool
}

// system is an app on this machine's terminal.
func system() *app {
	a := &app{in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.Getenv, now: time.Now, zone: time.Local,
		random: rand.Reader, keychain: systemKeychain{}, start: startProgram}
	a.inTTY = term.IsTerminal(int(os.Stdin.Fd()))
	a.outTTY, a.errTTY = term.IsTerminal(int(os.Stdout.Fd())), term.IsTerminal(int(os.Stderr.Fd()))
	if a.outTTY {
		if w, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil {
			a.width = w
		}
	}
	a.openTTY = func() (io.ReadCloser, error) { return os.Open(ttyName) }
	if a.inTTY {
		a.rawKeys = keysOfStdin
	}
	return a
}

// directory returns a directory of adcpctl below one of the XDG base directories.
func (a *app) directory(variable string, fallback ...string) string {
	base := a.env(variable)
	if !filepath.IsAbs(base) {
		home := a.env("HOME")
		if home == "" {
			home, _ = os.UserHomeDir()
		}
		base = filepath.Join(append([]string{home}, fallback...)...)
	}
	return filepath.Join(base, "adcpctl")
}

func (a *app) profiles() profile.Dir {
	return profile.Dir{Path: a.directory("XDG_CONFIG_HOME", ".config"), Keychain: a.keychain}
}

func (a *app) ledger() pending.Ledger {
	return pending.Ledger{Dir: filepath.Join(a.directory("XDG_STATE_HOME", ".local", "state"), "submissions"),
		Now: a.now, Random: a.random}
}

// client returns the client of the API that the flags, the environment or the profile name.
func (a *app) client() (*client.Client, error) {
	c, err := a.anonymous()
	if err == nil && c.Key == "" {
		err = &exitError{exitKey, "there is no API key", a.loginRemedy()}
	}
	return c, err
}

func (a *app) loginRemedy() string {
	if a.target.Name == "" {
		return "set ADCPCTL_KEY, or make a profile: adcpctl profile set NAME --api URL, adcpctl profile login NAME"
	}
	return "store one: adcpctl profile login " + a.target.Name + ", or set ADCPCTL_KEY"
}

// anonymous is client for what needs no key.
func (a *app) anonymous() (*client.Client, error) {
	t, err := a.profiles().Resolve(profile.Choice{Profile: a.flags.profile, API: a.flags.api},
		profile.Choice{Profile: a.env("ADCPCTL_PROFILE"), API: a.env("ADCPCTL_API"), Key: a.env("ADCPCTL_KEY")})
	if err != nil {
		return nil, &exitError{exitUsage, err.Error(), "adcpctl profile set NAME --api URL stores one; " +
			"--api or ADCPCTL_API name one for a command; make run stores the local stack's as local"}
	}
	a.target = t
	c := client.New(t.API, t.Secret)
	c.UserAgent = "adcpctl/" + release()
	c.Retrying = func(why error, in time.Duration) {
		a.say("%s; trying again in %s", show.Line(why.Error()), in.Round(100*time.Millisecond))
	}
	return c, nil
}

// tenant is the tenant that the key names, "" for a key of another form.
func tenantOf(key string) string {
	parts := strings.Split(key, "_")
	if len(parts) < 3 || parts[0] != "adcp" {
		return ""
	}
	return parts[1]
}

// clock shows times as the flags say.
func (a *app) clock() show.Clock {
	return show.Clock{Style: a.flags.times, Now: a.now(), Zone: a.zone}
}

// colors reports whether an output that is a terminal or not gets colors.
func (a *app) colors(tty bool) bool {
	switch a.flags.color {
	case "always":
		return true
	case "never":
		return false
	}
	return tty && a.env("NO_COLOR") == "" && a.env("TERM") != "dumb"
}

// textWidth is how wide text may be: the terminal's width, or what a page has.
func (a *app) textWidth() int {
	if a.width > 0 {
		return a.width
	}
	return 100
}
