package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
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

// slowStarters are packages that build so much at the start of a process that a function which only
// imports them starts noticeably later.
var slowStarters = []string{
	"encoding/gob",
	"github.com/google/jsonschema-go/jsonschema",
	"github.com/modelcontextprotocol/go-sdk/jsonrpc", // for its JSON package
	"github.com/modelcontextprotocol/go-sdk/mcp",     // for all of the above
}

func TestFunctionsContainNoSlowStarters(t *testing.T) {
	t.Parallel()
	list := exec.Command("go", "list", "-tags", "lambda.norpc", "-f", `{{.ImportPath}} {{join .Deps " "}}`,
		"adcp-orchestrator/functions/...")
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	functions := 0
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		functions++
		for _, slow := range slowStarters {
			if slices.Contains(words[1:], slow) {
				t.Errorf("%s contains %s", words[0], slow)
			}
		}
	}
	if functions < 9 {
		t.Errorf("%d functions", functions)
	}
}
