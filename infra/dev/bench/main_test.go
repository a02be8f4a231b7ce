package main

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// A deployment uploads at most 6 MB for each function, so it is enough to zip the largest one. It
// is built for this machine's architecture; if that is not arm64, its code is larger than what is
// deployed.
func TestZipsAreUnder6MB(t *testing.T) {
	t.Chdir(filepath.Join("..", "..", ".."))
	dir := t.TempDir()
	if err := build("./functions/...", runtime.GOARCH, dir+"/"); err != nil {
		t.Fatal(err)
	}
	programs, err := os.ReadDir(dir)
	if err != nil || len(programs) < 9 {
		t.Fatalf("%d functions, %v", len(programs), err)
	}
	largest, maxSize := "", int64(0)
	for _, f := range programs {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > maxSize {
			largest, maxSize = f.Name(), info.Size()
		}
	}
	size, err := zipSize(filepath.Join(dir, largest))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %d bytes", largest, size)
	if size >= 6_000_000 {
		t.Errorf("%s: %d bytes", largest, size)
	}
}
