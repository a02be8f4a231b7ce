package stack

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestLambdaBuildSupportsTheArchitecturesOfLambda(t *testing.T) {
	t.Parallel()
	b, err := LambdaBuild(Layout{Root: "/r"}, "arm64")
	if err != nil || b != (Build{Dir: "/r/dist/arm64", GOOS: "linux", GOARCH: "arm64", Release: true}) {
		t.Errorf("got %+v, %v", b, err)
	}
	if _, err := LambdaBuild(Layout{Root: "/r"}, "386"); err == nil || !strings.Contains(err.Error(), "386") {
		t.Errorf("got %v", err)
	}
}

func TestFunctionNamesAreTheDirectoriesWithAMain(t *testing.T) {
	t.Parallel()
	l := Layout{Root: t.TempDir()}
	if _, err := functionNames(l); err == nil {
		t.Error("no error without a function")
	}
	write(t, filepath.Join(l.Root, "functions", "submit", "main.go"), "package main")
	write(t, filepath.Join(l.Root, "functions", "poll", "main.go"), "package main")
	write(t, filepath.Join(l.Root, "functions", "README.md"), "")
	if names, err := functionNames(l); err != nil || !slices.Equal(names, []string{"poll", "submit"}) {
		t.Errorf("got %v, %v", names, err)
	}
}

// TestBuildWritesBootstrapsAndRemovesOldFunctions runs the Go compiler on a small module with two
// functions.
func TestBuildWritesBootstrapsAndRemovesOldFunctions(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it runs the compiler")
	}
	l := Layout{Root: t.TempDir()}
	write(t, filepath.Join(l.Root, "go.mod"), "module example\n\ngo 1.26\n")
	for _, name := range []string{"one", "two"} {
		write(t, filepath.Join(l.Root, "functions", name, "main.go"), "package main\n\nfunc main() {}\n")
	}
	b := localBuild(l)
	write(t, filepath.Join(b.Dir, "gone", "bootstrap"), "")
	build := func() os.FileInfo {
		t.Helper()
		if err := b.run(t.Context(), l, []string{"one", "two"}); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(b.Dir, "one", "bootstrap"))
		if err != nil || info.Mode().Perm()&0o111 == 0 {
			t.Fatalf("got %v, %v; want an executable", info, err)
		}
		return info
	}
	first := build()
	if exists(filepath.Join(b.Dir, "gone")) {
		t.Error("a function that no longer exists was not removed")
	}
	if !os.SameFile(first, build()) {
		t.Error("a build of unchanged sources made another file")
	}
}
