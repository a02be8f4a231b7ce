package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

// TestFunctionsGetTheVariablesThatTheyAskFor reads what each function requires out of its main: one that is missing would only show on AWS, as a
// function that does not start.
func TestFunctionsGetTheVariablesThatTheyAskFor(t *testing.T) {
	t.Parallel()
	mains, err := filepath.Glob("../functions/*/main.go")
	if err != nil {
		t.Fatal(err)
	}
	if len(mains) != len(functionSpecs) {
		t.Errorf("%d functions are written, %d deployed", len(mains), len(functionSpecs))
	}
	for _, main := range mains {
		name := filepath.Base(filepath.Dir(main))
		i := slices.IndexFunc(functionSpecs, func(s functionSpec) bool { return s.name == name })
		if i < 0 {
			t.Errorf("functions/%s is not deployed", name)
			continue
		}
		given := append([]string{"TABLE_NAME", "LOG_LEVEL"}, functionSpecs[i].env...)
		for _, variable := range required(t, main) {
			if !slices.Contains(given, variable) {
				t.Errorf("functions/%s requires %s, which the stack does not set", name, variable)
			}
		}
	}
}

// required lists the arguments of config.Require, and ALLOW_LOOPBACK where config.Loopback is asked.
func required(t *testing.T, path string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		f, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if p, ok := f.X.(*ast.Ident); !ok || p.Name != "config" {
			return true
		}
		switch f.Sel.Name {
		case "Require":
			for _, arg := range call.Args {
				if s, ok := arg.(*ast.BasicLit); ok {
					name, err := strconv.Unquote(s.Value)
					if err != nil {
						t.Fatal(err)
					}
					names = append(names, name)
				}
			}
		case "Loopback":
			names = append(names, "ALLOW_LOOPBACK")
		}
		return true
	})
	if names == nil {
		t.Errorf("%s: no config.Require found", path)
	}
	return names
}
