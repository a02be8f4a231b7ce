package main

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// A deployment uploads at most 6 MB for each function: the largest is looked at. Measured on this machine's architecture, whose code is the larger one if it is not arm64.
func TestZipsAreUnder6MB(t *testing.T) {
	t.Chdir(filepath.Join("..", "..", ".."))
	dir := t.TempDir()
	if err := build("./functions/...", runtime.GOARCH, dir+"/"); err != nil {
		t.Fatal(err)
	}
	made, err := os.ReadDir(dir)
	if err != nil || len(made) < 9 {
		t.Fatalf("%d functions, %v", len(made), err)
	}
	largest, most := "", int64(0)
	for _, f := range made {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > most {
			largest, most = f.Name(), info.Size()
		}
	}
	size, err := zipped(filepath.Join(dir, largest))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %d bytes", largest, size)
	if size >= 6_000_000 {
		t.Errorf("%s: %d bytes", largest, size)
	}
}
