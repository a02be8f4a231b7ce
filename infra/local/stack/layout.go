// Package stack installs, starts, deploys onto and stops the local stack: LocalStack's open edition in host mode, DynamoDB Local and a demo
// sales agent, all as plain processes of this machine. Everything that it writes lies in .local below the repository's root.
package stack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// Layout says where things lie, by the repository's root.
type Layout struct{ Root string }

// FindLayout looks for the repository's root from the working directory upwards.
func FindLayout() (Layout, error) {
	dir, err := os.Getwd()
	if err != nil {
		return Layout{}, err
	}
	for {
		if exists(filepath.Join(dir, "go.mod")) && exists(filepath.Join(dir, "infra", "local", "jars.txt")) {
			return Layout{Root: dir}, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return Layout{}, errors.New("no infra/local in this directory or above it: run the command inside the repository")
		}
		dir = parent
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// source is a committed file of infra/local.
func (l Layout) source(elem ...string) string {
	return filepath.Join(append([]string{l.Root, "infra", "local"}, elem...)...)
}

// local is a path in .local.
func (l Layout) local(elem ...string) string {
	return filepath.Join(append([]string{l.Root, ".local"}, elem...)...)
}

// install is a path among what Install fetched.
func (l Layout) install(elem ...string) string {
	return l.local(append([]string{"install"}, elem...)...)
}

// work is a copy in outline of the repository for the CDK app, which reads ../dist and ../template: here ../dist holds functions that were
// built for this machine, which on macOS are none that Lambda could run.
func (l Layout) work(elem ...string) string {
	return l.local(append([]string{"work"}, elem...)...)
}

var instanceName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,30}$`)

// CheckName says what is wrong with an instance's name.
func CheckName(name string) error {
	if !instanceName.MatchString(name) {
		return fmt.Errorf("name %q must be 1 to 31 lower case letters, digits or hyphens and begin with a letter", name)
	}
	if name == "install" || name == "work" {
		return fmt.Errorf("name %q is taken by a directory of .local; choose another", name)
	}
	return nil
}
