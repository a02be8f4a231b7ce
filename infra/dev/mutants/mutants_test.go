package main

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const root = "../../.."

// An entry whose quoted text has changed would mutate nothing, and one that does not compile ends
// the run.
func TestMutantsApplyToTheSourceAndCompile(t *testing.T) {
	t.Parallel()
	exports := exportData(t)
	for _, m := range slices.Concat(mutants, acts, proofs, notices) {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			b, err := m.apply(root)
			if err != nil {
				t.Fatal(err)
			}
			if err := check(m.file, b, exports); err != nil {
				t.Error(err)
			}
		})
	}
}

// exportData returns the file with the compiler's export data of each package that the packages of
// the mutants need.
func exportData(t *testing.T) map[string]string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-export", "-deps", "-json=ImportPath,Export", "./pkg/...")
	list.Dir, list.Stderr = root, os.Stderr
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	exports := map[string]string{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct{ ImportPath, Export string }
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return exports
		} else if err != nil {
			t.Fatal(err)
		}
		exports[p.ImportPath] = p.Export
	}
}

// check type-checks a file's package with the file's source replaced.
func check(file string, source []byte, exports map[string]string) error {
	fset := token.NewFileSet()
	names, err := filepath.Glob(filepath.Join(root, filepath.Dir(file), "*.go"))
	if err != nil {
		return err
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		var src any
		if filepath.Base(name) == filepath.Base(file) {
			src = source
		}
		f, err := parser.ParseFile(fset, name, src, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files = append(files, f)
	}
	config := types.Config{Importer: importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(exports[path])
	})}
	_, err = config.Check(filepath.Dir(file), fset, files, nil)
	return err
}
