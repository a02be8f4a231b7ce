package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// module is a Go module whose tests end in every way that tests can end.
var module = map[string]string{
	"go.mod": "module example\n\ngo 1.26\n",
	"a/a_test.go": `package a

import ("testing"; "time")

func TestSlow(t *testing.T) { time.Sleep(60 * time.Millisecond); t.Log("slow") }

func TestQuick(t *testing.T) { t.Run("part", func(t *testing.T) { t.Log("quick") }) }
`,
	"b/b.go": "package b\n",
	"c/c_test.go": `package c

import ("fmt"; "testing")

func TestPasses(t *testing.T) { t.Log("only with -v") }

func TestFails(t *testing.T) {
	fmt.Println("printed")
	t.Log("a hint")
	t.Run("good", func(t *testing.T) { t.Log("only with -v") })
	t.Run("bad", func(t *testing.T) {
		t.Error("wrong")
		t.Run("inner", func(t *testing.T) { t.Error("very wrong") })
	})
	t.Skip("no more")
}
`,
	"d/d_test.go": `package d

import "testing"

func TestPanics(t *testing.T) { var m map[string]int; m["x"] = 1 }
`,
	"e/e_test.go": `package e

import ("fmt"; "os"; "testing")

func TestMain(m *testing.M) { m.Run(); fmt.Println("leaks"); os.Exit(3) }

func TestPasses(t *testing.T) {}
`,
	"f/f_test.go": "package f\n\nimport \"testing\"\n\nfunc TestX(t *testing.T) { nonsense() }\n",
}

// runBoth runs go test plainly and with -json behind the printer, and returns what each prints.
// Both are without durations, addresses and "=== NAME" lines, because -json leaves these lines out.
func runBoth(t *testing.T, args ...string) (plain, printed string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range module {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	test := func(args ...string) string {
		c := exec.CommandContext(t.Context(), "go", append([]string{"test", "-count=1"}, args...)...)
		c.Dir = dir
		out, _ := c.CombinedOutput() // some tests fail
		return string(out)
	}
	var out strings.Builder
	events := strings.NewReader(test(append([]string{"-json"}, args...)...))
	if err := run(filepath.Join(dir, "times"), "", args, events, &out); err != nil {
		t.Fatal(err)
	}
	return normalize(test(args...)), normalize(out.String())
}

var variable = regexp.MustCompile(`\d+\.\d+s|\+?0x[0-9a-f]+|goroutine \d+`)

var nameLine = regexp.MustCompile("(?m)^=== NAME .*\n")

func normalize(s string) string {
	return nameLine.ReplaceAllString(variable.ReplaceAllString(s, "_"), "")
}

func TestPrintsWhatGoTestPrints(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it runs the compiler")
	}
	for name, args := range map[string][]string{
		"passing":                  {"./a", "./b"},
		"passing, verbose":         {"-v", "./a", "./b"},
		"failing":                  {"./a", "./c"},
		"failing, verbose":         {"-v", "./a", "./c"},
		"a test panics":            {"./d"},
		"the test binary exits":    {"./e"},
		"no test matches":          {"-run", "Nothing", "./a"},
		"a package does not build": {"./a", "./f"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plain, printed := runBoth(t, args...)
			if plain != printed {
				t.Errorf("go test prints\n%s\nand slowest\n%s\n", plain, printed)
			}
		})
	}
}

func TestListsTheSlowest(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "times")
	for _, events := range []string{
		`{"Action":"pass","Package":"adcp-orchestrator/x","Test":"TestA","Elapsed":1.5}
{"Action":"pass","Package":"adcp-orchestrator/x","Test":"TestA/part","Elapsed":1.4}
{"Action":"pass","Package":"adcp-orchestrator/x","Elapsed":9}
`, `{"Action":"fail","Package":"adcp-orchestrator/y/z","Test":"TestB","Elapsed":20}
`,
	} {
		if err := run(file, "", nil, strings.NewReader(events), new(strings.Builder)); err != nil {
			t.Fatal(err)
		}
	}
	var out strings.Builder
	if err := run("", file, nil, nil, &out); err != nil {
		t.Fatal(err)
	}
	if want := "  20.00 s  y/z  TestB\n   1.50 s  x  TestA\n"; out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
	tests := make([]testTime, 12)
	out.Reset()
	if err := printSlowest(&out, tests, shown); err != nil || strings.Count(out.String(), "\n") != 10 {
		t.Errorf("%v\n%s", err, out.String())
	}
}

func TestTruncatedEventsAreStillPrinted(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	events := `{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    half a line"}
not an event
`
	if err := run(filepath.Join(t.TempDir(), "times"), "", nil, strings.NewReader(events), &out); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.Contains(got, "half a line") || !strings.Contains(got, "not an event\n") {
		t.Errorf("got %q", got)
	}
}

func TestArgumentsThatPrintPassingTests(t *testing.T) {
	t.Parallel()
	for arg, want := range map[string]bool{
		"-v": true, "--v": true, "-v=true": true, "-test.v": true, "-bench=.": true, "-list": true,
		"-v=false": false, "v": false, "-race": false, "-vet=off": false, "-run": false,
	} {
		if printsPassing(arg) != want {
			t.Errorf("%s: %v", arg, !want)
		}
	}
}
