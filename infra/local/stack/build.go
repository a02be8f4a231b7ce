package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
)

// Build says how functions are built: each to <Dir>/<name>/bootstrap, the layout that Lambda and
// the CDK app expect.
type Build struct {
	Dir          string
	GOOS, GOARCH string
	// Release leaves out the build ID, so that files are reproducible. With a build ID, a build of
	// unchanged sources links nothing.
	Release bool
}

// LambdaBuild is the build that is deployed to AWS: dist/<arch>. arch is amd64 or arm64.
func LambdaBuild(l Layout, arch string) (Build, error) {
	if arch != "amd64" && arch != "arm64" {
		return Build{}, fmt.Errorf("architecture %q: Lambda supports amd64 and arm64", arch)
	}
	return Build{Dir: filepath.Join(l.Root, "dist", arch), GOOS: "linux", GOARCH: arch, Release: true}, nil
}

// localBuild is the build for this machine, where functions run as child processes of LocalStack.
func localBuild(l Layout) Build {
	return Build{Dir: l.work("dist", runtime.GOARCH), GOOS: runtime.GOOS, GOARCH: runtime.GOARCH}
}

// functionNames returns the directories of functions/ that have a main.go.
func functionNames(l Layout) ([]string, error) {
	mains, err := filepath.Glob(filepath.Join(l.Root, "functions", "*", "main.go"))
	if err != nil {
		return nil, err
	}
	if len(mains) == 0 {
		return nil, errors.New("functions: no directory has a main.go")
	}
	var names []string
	for _, path := range mains {
		names = append(names, filepath.Base(filepath.Dir(path)))
	}
	return names, nil
}

// BuildFunctions builds all functions, and removes functions of earlier builds that no longer
// exist.
func BuildFunctions(ctx context.Context, l Layout, b Build, p *Progress) error {
	names, err := functionNames(l)
	if err != nil {
		return err
	}
	title := fmt.Sprintf("build %d functions for %s/%s", len(names), b.GOOS, b.GOARCH)
	return p.Step(title, func() error { return b.run(ctx, l, names) })
}

func (b Build) run(ctx context.Context, l Layout, names []string) error {
	// One command builds all functions: it compiles each shared package once and keeps every core
	// busy. It names its outputs by package, so they are linked to their places afterwards.
	flat := filepath.Join(b.Dir, ".build")
	if err := os.MkdirAll(flat, 0o755); err != nil {
		return err
	}
	flags := "-s -w" // a third smaller, which makes every upload faster
	if b.Release {
		flags += " -buildid="
	}
	output := flat + string(filepath.Separator)
	args := []string{"build", "-trimpath", "-tags", "lambda.norpc", "-ldflags", flags, "-o", output}
	for _, name := range names {
		args = append(args, "./functions/"+name)
	}
	env := append(os.Environ(), "GOOS="+b.GOOS, "GOARCH="+b.GOARCH, "CGO_ENABLED=0")
	if _, err := (command{dir: l.Root, name: "go", args: args, env: env}).run(ctx); err != nil {
		return err
	}
	keep := map[string]bool{".build": true}
	for _, name := range names {
		keep[name] = true
		if err := linkOrCopy(filepath.Join(flat, name), filepath.Join(b.Dir, name, "bootstrap")); err != nil {
			return err
		}
	}
	if b.Release { // only repeated local builds need it
		keep[".build"] = false
	}
	entries, err := os.ReadDir(b.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !keep[e.Name()] {
			if err := os.RemoveAll(filepath.Join(b.Dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// linkOrCopy makes target the same file as source, or a copy where the file system has no hard
// links.
func linkOrCopy(source, target string) error {
	if a, err := os.Stat(source); err != nil {
		return err
	} else if b, err := os.Stat(target); err == nil && os.SameFile(a, b) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	if err := os.Remove(target); err != nil && !os.IsNotExist(err) {
		return err
	}
	if os.Link(source, target) == nil {
		return nil
	}
	return CopyExecutable(source, target)
}

// CopyExecutable writes the content of source to target, as an executable.
func CopyExecutable(source, target string) error {
	in, err := os.Open(source)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(target, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
