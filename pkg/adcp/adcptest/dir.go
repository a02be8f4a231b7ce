package adcptest

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// VectorDir reads the JSON files of one of the vectors' directories, named by its path below the vectors' directory, from where Vector finds its files. It
// skips the test where there is no such directory: a copy of the vectors may be a part of them, but what is there has to pass.
func VectorDir(t *testing.T, name string) map[string][]byte {
	t.Helper()
	dir := filepath.Join(os.Getenv("ADCP_VECTORS"), filepath.FromSlash(name))
	if os.Getenv("ADCP_VECTORS") == "" {
		dir = installedDir(name)
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

// installedDir finds a directory of vectors in the npm package, or "".
func installedDir(name string) string {
	var found string
	_ = filepath.WalkDir(filepath.Join("..", "..", ".local", "install"), func(path string, d fs.DirEntry, err error) error {
		slash := filepath.ToSlash(path)
		if err == nil && d.IsDir() && strings.HasSuffix(slash, "/"+name) && strings.Contains(slash, "node_modules/@adcp/sdk/compliance/") {
			found = path
			return fs.SkipAll
		}
		return nil
	})
	return found
}
