package adcptest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// VectorDir reads the JSON files of one directory of vectors, by their names without ".json". name
// is its path below the directory of the vectors. VectorDir skips the test if there is no such
// directory. A copy of the vectors may be incomplete, but every file in it must pass.
func VectorDir(t *testing.T, name string) map[string][]byte {
	t.Helper()
	dir := filepath.Join(os.Getenv("ADCP_VECTORS"), filepath.FromSlash(name))
	if os.Getenv("ADCP_VECTORS") == "" {
		dir = installed(name, true)
	}
	entries, err := os.ReadDir(dir)
	if dir == "" || err != nil {
		t.Skipf("no %s: set ADCP_VECTORS to a directory of the protocol's test vectors", name)
	}
	files := make(map[string][]byte, len(entries))
	for _, e := range entries {
		if filepath.Ext(e.Name()) != ".json" {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[strings.TrimSuffix(e.Name(), ".json")] = b
	}
	return files
}
