package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// module is a module with tests of every kind of end.
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

func TestPasses(t *testing.T) { t.Log("nobody asks") }

func TestFails(t *testing.T) {
	fmt.Println("said aloud")
	t.Log("a hint")
	t.Run("good", func(t *testing.T) { t.Log("nobody asks") })
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

// plainAndOurs runs go test as it is and behind the printer. Times are left out of both, and the names that -json
// leaves out.
func plainAndOurs(t *testing.T, args ...string) (plain, ours, times string) {
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
	times = filepath.Join(dir, "times")
	var out strings.Builder
	if err := run(times, "", args, strings.NewReader(test(append([]string{"-json"}, args...)...)), &out); err != nil {
		t.Fatal(err)
	}
	return timeless(test(args...)), timeless(out.String()), times
}

var seconds = regexp.MustCompile(`\d+\.\d+s|\+?0x[0-9a-f]+|goroutine \d+`)

var name = regexp.MustCompile("(?m)^=== NAME .*\n")

func timeless(s string) string { return name.ReplaceAllString(seconds.ReplaceAllString(s, "_"), "") }

func TestPrintsWhatGoTestPrints(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it runs the compiler")
	}
	for name, args := range map[string][]string{
		"what passes":            {"./a", "./b"},
		"what passes, all":       {"-v", "./a", "./b"},
		"what fails":             {"./a", "./c"},
		"what fails, all":        {"-v", "./a", "./c"},
		"one that panics":        {"./d"},
		"one that exits":         {"./e"},
		"none of that name":      {"-run", "Nothing", "./a"},
		"one that doesn't build": {"./a", "./f"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plain, ours, _ := plainAndOurs(t, args...)
			if plain != ours {
				t.Errorf("go test prints\n%s\nand we\n%s\n", plain, ours)
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
	tests := make([]timed, 12)
	out.Reset()
	if err := printSlowest(&out, tests, shown); err != nil || strings.Count(out.String(), "\n") != 10 {
		t.Errorf("%v\n%s", err, out.String())
	}
}

func TestNothingIsHeldBackWhenTheEventsBreakOff(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	events := `{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    half a word"}
no event
`
	if err := run(filepath.Join(t.TempDir(), "times"), "", nil, strings.NewReader(events), &out); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.Contains(got, "half a word") || !strings.Contains(got, "no event\n") {
		t.Errorf("got %q", got)
	}
}

func TestShowsAll(t *testing.T) {
	t.Parallel()
	for arg, want := range map[string]bool{
		"-v": true, "--v": true, "-v=true": true, "-test.v": true, "-bench=.": true, "-list": true,
		"-v=false": false, "v": false, "-race": false, "-vet=off": false, "-run": false,
	} {
		if showsAll(arg) != want {
			t.Errorf("%s: %v", arg, !want)
		}
	}
}
