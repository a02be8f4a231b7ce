package stack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// Layout knows the paths of the local stack, by the repository's root.
type Layout struct{ Root string }

// FindLayout looks for the repository's root in the working directory and the directories above it.
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

// source returns the path of a committed file of infra/local.
func (l Layout) source(elem ...string) string {
	return filepath.Join(append([]string{l.Root, "infra", "local"}, elem...)...)
}

// local returns a path in .local.
func (l Layout) local(elem ...string) string {
	return filepath.Join(append([]string{l.Root, ".local"}, elem...)...)
}

// install returns a path in .local/install, which Install fills.
func (l Layout) install(elem ...string) string {
	return l.local(append([]string{"install"}, elem...)...)
}

// work returns a path in .local/work. The CDK app runs there because it reads ../dist and
// ../template: here ../dist holds functions built for this machine's system, which on macOS is
// not Lambda's.
func (l Layout) work(elem ...string) string {
	return l.local(append([]string{"work"}, elem...)...)
}

var instanceName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,30}$`)

// CheckName returns an error that explains what is wrong with an instance's name, or nil.
func CheckName(name string) error {
	if !instanceName.MatchString(name) {
		return fmt.Errorf("name %q must be 1 to 31 lowercase letters, digits or hyphens and begin with a letter", name)
	}
	if name == "install" || name == "work" {
		return fmt.Errorf("name %q is taken by a directory of .local; choose another", name)
	}
	return nil
}
