package adcptest

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Vector reads one vector file. name is its path below the directory of the vectors. Vector skips
// the test if there is no such file.
func Vector(t *testing.T, name string) []byte {
	t.Helper()
	if dir := os.Getenv("ADCP_VECTORS"); dir != "" {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Skipf("ADCP_VECTORS has no %s: %v", name, err)
		}
		return b
	}
	path := installed(name, false)
	if path == "" {
		t.Skipf("no %s: set ADCP_VECTORS to a directory of the protocol's test vectors", name)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// installed returns the path of a vector file or directory in the npm package, "" if there is none.
func installed(name string, dir bool) string {
	var found string
	root := filepath.Join("..", "..", ".local", "install")
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		slash := filepath.ToSlash(path)
		if err == nil && d.IsDir() == dir && strings.HasSuffix(slash, "/"+name) &&
			strings.Contains(slash, "node_modules/@adcp/sdk/compliance/") {
			found = path
			return fs.SkipAll
		}
		return nil
	})
	return found
}
