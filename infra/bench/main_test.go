package main

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// A deployment uploads at most 6 MB for each function. Measured on this machine's architecture, whose code is the larger one if it is not arm64.
func TestZipsAreUnder6MB(t *testing.T) {
	t.Chdir(filepath.Join("..", ".."))
	mains, err := filepath.Glob("functions/*")
	if err != nil || len(mains) < 9 {
		t.Fatalf("%d functions, %v", len(mains), err)
	}
	for _, m := range mains {
		to := filepath.Join(t.TempDir(), "bootstrap")
		if err := build("./"+m, runtime.GOARCH, to); err != nil {
			t.Fatal(err)
		}
		size, err := zipped(to)
		if err != nil {
			t.Fatal(err)
		}
		if size >= 6_000_000 {
			t.Errorf("%s: %d bytes", m, size)
		}
		if err := os.Remove(to); err != nil {
			t.Fatal(err)
		}
	}
}
