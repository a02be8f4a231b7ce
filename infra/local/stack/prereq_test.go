package stack

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
)

// fakeMachine returns a probe of a machine with these programs: paths mapped to what each prints.
// "broken" stands for a program that fails.
func fakeMachine(programs map[string]string) probe {
	return probe{
		find: func(name string) (string, error) {
			if _, ok := programs["/bin/"+name]; ok {
				return "/bin/" + name, nil
			}
			return "", errors.New("not found")
		},
		run: func(_ context.Context, name string, args ...string) (string, error) {
			if out := programs[name]; out != "broken" {
				return out, nil
			}
			return "", errors.New("exit status 127\nshim: command not found")
		},
		glob: func(pattern string) []string {
			var found []string
			for path := range programs {
				prefix, suffix, wild := strings.Cut(pattern, "*")
				if path == pattern || wild && strings.HasPrefix(path, prefix) && strings.HasSuffix(path, suffix) {
					found = append(found, path)
				}
			}
			return found
		},
	}
}

// completePrograms are the programs of a machine that lacks nothing.
func completePrograms() map[string]string {
	return map[string]string{
		"/bin/go":         "go version go1.26.8 linux/amd64",
		"/bin/node":       "v20.20.2\n",
		"/bin/npm":        "10.9.0\n",
		"/bin/java":       "Property settings:\n    java.home = /usr/lib/jvm/java-21\n    java.specification.version = 21\n",
		"/bin/python3.13": "3.13\n",
	}
}

func TestFindToolsOnACompleteMachine(t *testing.T) {
	t.Parallel()
	got, err := fakeMachine(completePrograms()).tools(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := Tools{
		Go:        "/bin/go",
		Node:      "/bin/node",
		NPM:       "/bin/npm",
		JavaHome:  "/usr/lib/jvm/java-21",
		Python:    "/bin/python3.13",
		AnyPython: "/bin/python3.13",
	}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestFindToolsNamesEverythingMissingWithItsRemedy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		brew bool
		want []string
	}{
		{"apt", false, []string{
			"Go\n",
			"Node.js 18 or later\n      sudo apt-get install -y nodejs",
			"npm\n      sudo apt-get install -y npm",
			"a Java runtime, 17 or later\n      sudo apt-get install -y default-jre-headless",
			"sudo apt-get install -y python3-venv",
		}},
		{"brew", true, []string{"brew install node", "brew install openjdk", "brew install python@3.13"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := fakeMachine(nil)
			p.brew = c.brew
			_, err := p.tools(t.Context())
			var missing MissingError
			if !errors.As(err, &missing) || len(missing) != 5 {
				t.Fatalf("got %v, want five things missing", err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in:\n%v", want, err)
				}
			}
		})
	}
}

func TestFindToolsReportsVersionsThatAreTooOld(t *testing.T) {
	t.Parallel()
	programs := completePrograms()
	programs["/bin/node"] = "v12.22.9\n"
	programs["/bin/java"] = "    java.home = /usr/lib/jvm/java-8\n    java.specification.version = 1.8\n"
	_, err := fakeMachine(programs).tools(t.Context())
	if err == nil || !strings.Contains(err.Error(), "found: v12.22.9") ||
		!strings.Contains(err.Error(), "found: 1.8") || strings.Contains(err.Error(), "Python") {
		t.Errorf("got %v, want Node.js and Java with the versions found, and nothing else", err)
	}
}

func TestPythonIsFoundDespiteABrokenShim(t *testing.T) {
	t.Parallel()
	home, err := os.UserHomeDir()
	if err != nil {
		t.Skip("no home directory")
	}
	inPyenv := home + "/.pyenv/versions/3.13.0/bin/python3.13"
	programs := completePrograms()
	programs["/bin/python3.13"] = "broken"
	programs[inPyenv] = "3.13\n"
	got, err := fakeMachine(programs).tools(t.Context())
	if err != nil || got.Python != inPyenv {
		t.Errorf("got %q, %v; want %q", got.Python, err, inPyenv)
	}
}

func TestAnyPythonOrUVIsEnough(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		path  string
		check func(Tools) bool
	}{
		{"older Python", "/bin/python3", func(t Tools) bool { return t.AnyPython == "/bin/python3" }},
		{"uv", "/bin/uv", func(t Tools) bool { return t.UV == "/bin/uv" && t.AnyPython == "" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			programs := completePrograms()
			delete(programs, "/bin/python3.13")
			programs[c.path] = "fine"
			got, err := fakeMachine(programs).tools(t.Context())
			if err != nil || got.Python != "" || !c.check(got) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}
