package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"

	"github.com/zalando/go-keyring"
	"golang.org/x/term"
)

// version is set by the linker for a release.
var version = ""

// release is the version of this program.
func release() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}

// systemKeychain keeps keys in macOS's keychain, Windows' credential manager, or the Secret
// Service.
type systemKeychain struct{}

const keychainService = "adcpctl"

// Get reads the key of a profile.
func (systemKeychain) Get(name string) (string, error) {
	key, err := keyring.Get(keychainService, name)
	if errors.Is(err, keyring.ErrNotFound) {
		return "", nil
	}
	return key, err
}

// Set stores the key of a profile.
func (systemKeychain) Set(name, key string) error { return keyring.Set(keychainService, name, key) }

var ttyName = map[bool]string{true: "CONIN$", false: "/dev/tty"}[runtime.GOOS == "windows"]

// startProgram runs a program on this terminal until it ends.
func startProgram(ctx context.Context, name string, args ...string) error {
	c := exec.CommandContext(ctx, name, args...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stderr, os.Stderr
	return c.Run()
}

// keysOfStdin makes the terminal give each key at once, until restore. readKey waits for one.
func keysOfStdin() (readKey func() (byte, error), restore func(), err error) {
	fd := int(os.Stdin.Fd())
	old, err := term.MakeRaw(fd)
	if err != nil {
		return nil, nil, err
	}
	readKey = func() (byte, error) {
		b := make([]byte, 1)
		_, err := io.ReadFull(os.Stdin, b)
		return b[0], err
	}
	return readKey, func() { _ = term.Restore(fd, old) }, nil
}
