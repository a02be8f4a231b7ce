package baseline

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"adcp-orchestrator/infra/local/stack"
)

// pinned is the last release while the repository has no tag: `git tag` replaces it.
const pinned = "edb07493eda616027dc6ee5dfe85aef49b97b3f6"

// lostBy names the members of documents inside which a release loses what it does not know. A
// release that is not listed keeps everything.
var lostBy = map[string][]string{
	// It keeps unknown members of the structs that it changes itself, but not of these.
	pinned: {"error", "capabilities"},
}

// build is the functions of one version of the code.
type build struct {
	name, dir string
	loses     []string
}

// builds makes today's functions and those of the last release, once for all tests. It skips the
// test if the release is not in the clone, and fails it in CI, where nobody would see that.
func builds(t *testing.T) (today, release build) {
	t.Helper()
	l, err := stack.FindLayout()
	if err != nil {
		t.Fatal(err)
	}
	commit := lastRelease(l.Root)
	if out, err := git(l.Root, "cat-file", "-e", commit+"^{commit}"); err != nil {
		t.Skipf("the last release, %s, is not in this clone: run `git fetch --unshallow --tags` (%s)", commit, out)
	}
	building.Do(func() { buildErr = buildBoth(l.Root, commit) })
	if buildErr != nil {
		t.Fatal(buildErr)
	}
	t.Logf("the last release is %s", commit)
	return build{"today", functionsOf(l.Root, "today"), nil},
		build{"release", functionsOf(l.Root, commit), lostBy[commit]}
}

var (
	building sync.Once
	buildErr error
)

// lastRelease returns the commit of the last tag before this one, else the pinned commit.
func lastRelease(root string) string {
	if tag, err := git(root, "describe", "--tags", "--abbrev=0", "HEAD^"); err == nil {
		if commit, err := git(root, "rev-parse", tag+"^{commit}"); err == nil {
			return commit
		}
	}
	return pinned
}

func git(root string, args ...string) (string, error) {
	out, err := exec.Command("git", append([]string{"-C", root}, args...)...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// functionsOf is where the functions of a version are kept for the next run.
func functionsOf(root, version string) string {
	return filepath.Join(root, ".local", "work", "baseline", version)
}

func buildBoth(root, commit string) error {
	if err := buildFunctions(root, functionsOf(root, "today")); err != nil {
		return err
	}
	target := functionsOf(root, commit)
	if _, err := os.Stat(target); err == nil {
		return nil
	}
	source, err := os.MkdirTemp("", "baseline-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(source)
	archive := filepath.Join(source, "release.tar")
	if out, err := git(root, "archive", "--output", archive, commit); err != nil {
		return &exec.Error{Name: "git archive: " + out, Err: err}
	}
	if out, err := exec.Command("tar", "-xf", archive, "-C", source).CombinedOutput(); err != nil {
		return &exec.Error{Name: "tar: " + string(out), Err: err}
	}
	// Built beside its place and moved there: what is there is whole.
	made, err := os.MkdirTemp(filepath.Dir(target), commit+".")
	if err != nil {
		return err
	}
	defer os.RemoveAll(made)
	if err := buildFunctions(source, made); err != nil {
		return err
	}
	if err := os.Rename(made, target); err != nil && !os.IsExist(err) {
		return err
	}
	return nil
}

// buildFunctions builds as the local stack does, so that both share what is compiled.
func buildFunctions(source, into string) error {
	return stack.BuildFunctions(ctx, stack.Layout{Root: source},
		stack.Build{Dir: into, GOOS: runtime.GOOS, GOARCH: runtime.GOARCH}, stack.NewProgress(io.Discard))
}
