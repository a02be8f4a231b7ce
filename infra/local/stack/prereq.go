package stack

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Tools are the paths of this machine's programs that the local stack uses.
type Tools struct {
	Go, Node, NPM string
	JavaHome      string
	Python        string // 3.13; if empty, uv downloads it
	AnyPython     string // any Python 3 that can make a virtual environment; it installs uv
	UV            string // uv, if this machine has it
}

// Missing is a program that this machine lacks. Found is what was found instead, if anything;
// Remedy is a command or an address.
type Missing struct{ What, Found, Remedy string }

// MissingError lists everything that is missing, each with the command that installs it.
type MissingError []Missing

func (e MissingError) Error() string {
	var b strings.Builder
	b.WriteString("this machine lacks programs that the local stack needs:")
	for _, m := range e {
		fmt.Fprintf(&b, "\n  %s", m.What)
		if m.Found != "" {
			fmt.Fprintf(&b, " (found: %s)", m.Found)
		}
		fmt.Fprintf(&b, "\n      %s", m.Remedy)
	}
	return b.String()
}

// probe looks for programs and runs them, because a version manager's shim may be on the PATH and
// still not work.
type probe struct {
	find func(name string) (string, error)
	run  func(ctx context.Context, name string, args ...string) (string, error)
	glob func(pattern string) []string
	brew bool // the remedies are for Homebrew instead of apt
}

func systemProbe() probe {
	_, err := exec.LookPath("brew")
	return probe{
		find: exec.LookPath,
		run: func(ctx context.Context, name string, args ...string) (string, error) {
			ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
			defer cancel()
			return command{name: name, args: args}.run(ctx)
		},
		glob: func(pattern string) []string {
			found, _ := filepath.Glob(pattern) // the patterns are well-formed
			return found
		},
		brew: runtime.GOOS == "darwin" || err == nil,
	}
}

// FindTools looks for every program that the local stack needs. Its error is a MissingError, or
// that of ctx.
func FindTools(ctx context.Context) (Tools, error) { return systemProbe().tools(ctx) }

func (p probe) tools(ctx context.Context) (Tools, error) {
	var t Tools
	checks := []func() *Missing{
		func() *Missing { return p.goTool(ctx, &t) },
		func() *Missing { return p.node(ctx, &t) },
		func() *Missing { return p.npm(ctx, &t) },
		func() *Missing { return p.java(ctx, &t) },
		func() *Missing { return p.python(ctx, &t) },
	}
	missing := make([]*Missing, len(checks))
	var wg sync.WaitGroup
	for i, check := range checks { // each check sets different fields
		wg.Go(func() { missing[i] = check() })
	}
	wg.Wait()
	var all MissingError
	for _, m := range missing {
		if m != nil {
			all = append(all, *m)
		}
	}
	if all != nil {
		return t, all
	}
	return t, ctx.Err()
}

func (p probe) remedy(apt, brew string) string {
	if p.brew {
		return "brew install " + brew
	}
	return "sudo apt-get install -y " + apt
}

func (p probe) goTool(ctx context.Context, t *Tools) *Missing {
	path, err := p.find("go")
	if err == nil {
		if _, err = p.run(ctx, path, "version"); err == nil {
			t.Go = path
			return nil
		}
	}
	return &Missing{
		What: "Go",
		Remedy: "https://go.dev/doc/install (or: " + p.remedy("golang-go", "go") +
			"; an older Go downloads the version that go.mod names)",
	}
}

const (
	minNode = 18
	minJava = 17
)

func (p probe) node(ctx context.Context, t *Tools) *Missing {
	m := &Missing{What: fmt.Sprintf("Node.js %d or later", minNode), Remedy: p.remedy("nodejs", "node")}
	path, err := p.find("node")
	if err != nil {
		return m
	}
	out, err := p.run(ctx, path, "--version")
	if err != nil || major(out) < minNode {
		m.Found = describe(out, err)
		m.Remedy += " (if that is too old as well: https://nodejs.org/en/download)"
		return m
	}
	t.Node = path
	return nil
}

func (p probe) npm(ctx context.Context, t *Tools) *Missing {
	path, err := p.find("npm")
	if err == nil {
		if _, err = p.run(ctx, path, "--version"); err == nil {
			t.NPM = path
			return nil
		}
	}
	return &Missing{What: "npm", Remedy: p.remedy("npm", "node")}
}

var javaProperty = regexp.MustCompile(`(?m)^\s*(java\.home|java\.specification\.version) = (.*?)\s*$`)

func (p probe) java(ctx context.Context, t *Tools) *Missing {
	m := &Missing{
		What:   fmt.Sprintf("a Java runtime, %d or later", minJava),
		Remedy: p.remedy("default-jre-headless", "openjdk"),
	}
	candidates := p.glob("/opt/homebrew/opt/openjdk/bin/java") // Homebrew does not put it on the PATH
	candidates = append(candidates, p.glob("/usr/local/opt/openjdk/bin/java")...)
	if path, err := p.find("java"); err == nil {
		candidates = append([]string{path}, candidates...)
	}
	for _, path := range candidates {
		out, err := p.run(ctx, path, "-XshowSettings:properties", "-version")
		found := map[string]string{}
		for _, match := range javaProperty.FindAllStringSubmatch(out, -1) {
			found[match[1]] = match[2]
		}
		version := found["java.specification.version"]
		if err == nil && major(version) >= minJava {
			t.JavaHome = found["java.home"]
			return nil
		}
		m.Found = describe(version, err)
	}
	return m
}

var number = regexp.MustCompile(`[0-9]+`)

// major returns the first number of a version. Java 8 calls itself 1.8: 1 is too old as well.
func major(version string) int {
	n, _ := strconv.Atoi(number.FindString(version))
	return n
}

// describe says what was found in place of a program that works.
func describe(version string, err error) string {
	if err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		return "a program that does not run: " + first
	}
	return strings.TrimSpace(version)
}
