// Package adcptest finds the protocol's official test vectors for tests. They are not part of this repository.
package adcptest

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Vector reads one of the vector files, named by its path below the vectors' directory: from ADCP_VECTORS, else from the npm package that the local stack
// installs its seller with. It skips the test where there is none.
func Vector(t *testing.T, name string) []byte {
	t.Helper()
	if dir := os.Getenv("ADCP_VECTORS"); dir != "" {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Skipf("ADCP_VECTORS holds no %s: %v", name, err)
		}
		return b
	}
	var found string
	_ = filepath.WalkDir(filepath.Join("..", "..", ".local", "install"), func(path string, d fs.DirEntry, err error) error {
		slash := filepath.ToSlash(path)
		if err == nil && !d.IsDir() && strings.HasSuffix(slash, "/"+name) && strings.Contains(slash, "node_modules/@adcp/sdk/compliance/") {
			found = path
			return fs.SkipAll
		}
		return nil
	})
	if found == "" {
		t.Skipf("no %s: set ADCP_VECTORS to a directory of the protocol's test vectors", name)
	}
	b, err := os.ReadFile(found)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
