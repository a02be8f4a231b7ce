package main

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A variable that is missing would show only on AWS, as a function that does not start or that does
// less than it should.
func TestFunctionsGetTheVariablesThatTheyRead(t *testing.T) {
	t.Parallel()
	mains, err := filepath.Glob("../functions/*/main.go")
	if err != nil {
		t.Fatal(err)
	}
	if len(mains) != len(functionSpecs) {
		t.Errorf("%d functions are written, %d deployed", len(mains), len(functionSpecs))
	}
	shared := wireVariables(t)
	for _, main := range mains {
		name := filepath.Base(filepath.Dir(main))
		i := slices.IndexFunc(functionSpecs, func(s functionSpec) bool { return s.name == name })
		if i < 0 {
			t.Errorf("functions/%s is not deployed", name)
			continue
		}
		given := append([]string{"TABLE_NAME", "LOG_LEVEL"}, functionSpecs[i].env...)
		for _, variable := range requiredVariables(t, main, shared) {
			if !slices.Contains(given, variable) {
				t.Errorf("functions/%s reads %s, which the stack does not set", name, variable)
			}
		}
	}
}

// The test above would pass if pkg/wire read its variables in a way that it does not see.
func TestVariablesOfWireAreFound(t *testing.T) {
	t.Parallel()
	shared := wireVariables(t)
	for name, want := range map[string][]string{
		"wire.Agents":      {"ALLOW_LOOPBACK", "SIGNING_KEY_IDS"},
		"wire.CanSign":     {"SIGNING_KEY_IDS"},
		"wire.Deps":        nil,
		"keys.Source":      {"ALLOW_LOOPBACK"},
		"inbound.Receiver": {"ALLOW_LOOPBACK", "TENANT_LIMITS"},
		"outbound.Batch":   {"ALLOW_LOOPBACK"},
		"outbound.Manage":  {"ALLOW_LOOPBACK"},
	} {
		got := slices.Sorted(slices.Values(shared[name]))
		if !slices.Equal(got, want) {
			t.Errorf("%s reads %q, want %q", name, got, want)
		}
	}
}

// requiredVariables lists the variables that a main reads, directly or through pkg/wire. A main
// has at least one config.Require.
func requiredVariables(t *testing.T, path string, shared map[string][]string) []string {
	t.Helper()
	file := parse(t, path)
	direct, calls := readsOf(t, file)
	if direct == nil {
		t.Errorf("%s: no config.Require found", path)
	}
	for _, call := range calls {
		if !slices.Contains([]string{"wire", "inbound", "keys", "outbound"}, call.pkg) {
			continue
		}
		variables, ok := shared[call.pkg+"."+call.name]
		if !ok {
			t.Errorf("%s calls %s.%s, which does not exist", path, call.pkg, call.name)
		}
		direct = append(direct, variables...)
	}
	slices.Sort(direct)
	return slices.Compact(direct)
}

// wireVariables lists the variables that each function of pkg/wire and the packages in it reads,
// directly or through other functions of theirs. The names are like "wire.Agents".
func wireVariables(t *testing.T) map[string][]string {
	t.Helper()
	sources, err := filepath.Glob("../pkg/wire/*.go")
	inner, err2 := filepath.Glob("../pkg/wire/*/*.go")
	if err != nil || err2 != nil || len(sources) == 0 || len(inner) == 0 {
		t.Fatalf("%d sources of pkg/wire, %d in it, %v, %v", len(sources), len(inner), err, err2)
	}
	direct, calls := map[string][]string{}, map[string][]call{}
	for _, source := range append(sources, inner...) {
		file := parse(t, source)
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				name := file.Name.Name + "." + f.Name.Name
				direct[name], calls[name] = readsOf(t, f)
			}
		}
	}
	all := map[string][]string{}
	for name := range direct {
		seen := map[string]bool{}
		var collect func(string)
		collect = func(f string) {
			if seen[f] {
				return
			}
			seen[f] = true
			all[name] = append(all[name], direct[f]...)
			for _, c := range calls[f] {
				pkg, _, _ := strings.Cut(f, ".")
				collect(cmp.Or(c.pkg, pkg) + "." + c.name)
			}
		}
		collect(name)
		slices.Sort(all[name])
		all[name] = slices.Compact(all[name])
	}
	return all
}

func parse(t *testing.T, path string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// call is a call of a function. pkg is empty for a function of the same package.
type call struct{ pkg, name string }

// readsOf lists the variables that a piece of source reads by config.Require, os.Getenv and
// config.Loopback, and the functions that it calls.
func readsOf(t *testing.T, source ast.Node) (variables []string, calls []call) {
	t.Helper()
	ast.Inspect(source, func(n ast.Node) bool {
		e, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		c := callOf(e)
		switch c {
		case call{"config", "Require"}, call{"os", "Getenv"}:
			for _, arg := range e.Args {
				s, ok := arg.(*ast.BasicLit)
				if !ok {
					t.Errorf("%s.%s has an argument that is no literal", c.pkg, c.name)
					continue
				}
				name, err := strconv.Unquote(s.Value)
				if err != nil {
					t.Fatal(err)
				}
				variables = append(variables, name)
			}
		case call{"config", "Loopback"}:
			variables = append(variables, "ALLOW_LOOPBACK")
		default:
			calls = append(calls, c)
		}
		return true
	})
	return variables, calls
}

func callOf(e *ast.CallExpr) call {
	switch f := e.Fun.(type) {
	case *ast.Ident:
		return call{name: f.Name}
	case *ast.SelectorExpr:
		if p, ok := f.X.(*ast.Ident); ok {
			return call{pkg: p.Name, name: f.Sel.Name}
		}
	}
	return call{pkg: "?"}
}
