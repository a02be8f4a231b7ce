package stack

import (
	"os"
	"path/filepath"
	"testing"
)

// write writes a file and makes the directories above it.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func treeSum(t *testing.T, root string) string {
	t.Helper()
	f := newFingerprint(root)
	if err := f.tree(root, buildInput); err != nil {
		t.Fatal(err)
	}
	return f.sum()
}

func TestFingerprintDependsOnBuildInputsOnly(t *testing.T) {
	t.Parallel()
	a, b := t.TempDir(), t.TempDir()
	for _, root := range []string{a, b} {
		write(t, filepath.Join(root, "pkg", "x.go"), "package x")
	}
	if treeSum(t, a) != treeSum(t, b) {
		t.Error("the same files in two places have different fingerprints")
	}
	before := treeSum(t, a)
	for name, ignored := range map[string]bool{
		"pkg/x_test.go":       true,
		"pkg/testdata/a.json": true,
		"pkg/README.md":       true,
		"pkg/schema.json":     false, // a program may embed it
		"pkg/y.go":            false,
	} {
		path := filepath.Join(a, name)
		write(t, path, "package x")
		if got := treeSum(t, a) == before; got != ignored {
			t.Errorf("%s: ignored %v, want %v", name, got, ignored)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(a, "pkg", "x.go"), "package y")
	if treeSum(t, a) == before {
		t.Error("different content has the same fingerprint")
	}
}

func TestFingerprintTellsAbsentFromEmpty(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	absent, empty := newFingerprint(root), newFingerprint(root)
	if err := absent.file(filepath.Join(root, "a")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(root, "a"), "")
	if err := empty.file(filepath.Join(root, "a")); err != nil {
		t.Fatal(err)
	}
	if absent.sum() == empty.sum() {
		t.Error("an absent file and an empty one have the same fingerprint")
	}
}

func TestAppInputLeavesOutLocalAndDev(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{
		"stack.go":          true,
		"stack_test.go":     false,
		"cdk.json":          true,
		"local/main.go":     false,
		"dev/bench/main.go": false,
	} {
		if appInput(path) != want {
			t.Errorf("%s: %v", path, !want)
		}
	}
}
