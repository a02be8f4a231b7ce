package adcptest

import (
	"os"
	"path/filepath"
	"testing"
)

// BundleDir returns the directory of PyPI's package adcp, below which _schemas and _compliance are
// AdCP's own schemas, manifests and vectors: the one that ADCP_BUNDLE names, else that of the local
// stack. Without either it skips the test. make test names one.
func BundleDir(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("ADCP_BUNDLE"); dir != "" {
		if _, err := os.Stat(filepath.Join(dir, "_schemas")); err != nil {
			t.Fatalf("ADCP_BUNDLE: %v", err)
		}
		return dir
	}
	root, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	for ; root != filepath.Dir(root); root = filepath.Dir(root) {
		packages := filepath.Join(root, ".local", "install", "senders", "lib", "python3*", "site-packages", "adcp")
		if dirs, _ := filepath.Glob(packages); len(dirs) > 0 {
			return dirs[0]
		}
	}
	t.Skip("ADCP_BUNDLE names no directory of PyPI's package adcp, and the local stack has not installed it")
	return ""
}

// Bundle reads a file of the bundle, for example _schemas/3.2/manifest.json. It skips the test if
// there is no bundle.
func Bundle(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(BundleDir(t), filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Compliance reads a test vector of the newest release in the bundle. name is its path below
// test-vectors.
func Compliance(t testing.TB, name string) []byte {
	t.Helper()
	return Bundle(t, "_compliance/3.2.4/test-vectors/"+name)
}
