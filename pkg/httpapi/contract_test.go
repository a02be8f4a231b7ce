package httpapi_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/httpapi/contract"
	"adcp-orchestrator/pkg/signing"
)

// constants of paths and what they stand for, in the sources that are only parsed here.
var paths = map[string]string{
	"brandPath": signing.PathBrand, "signing.PathBrand": signing.PathBrand,
	"keysPath": signing.PathKeys, "signing.PathKeys": signing.PathKeys,
	"httpapi.ProblemsPath": httpapi.ProblemsPath, "httpapi.OpenAPIPath": httpapi.OpenAPIPath,
}

// The description, the API and the functions have the same routes.
func TestContractRoutes(t *testing.T) {
	t.Parallel()
	described, deployed, served := map[string]bool{}, deployedRoutes(t), servedScopes(t)
	for _, o := range contract.API().Operations() {
		described[o.Route()] = true
	}
	for _, route := range notYet {
		if !described[route] {
			t.Errorf("%s is in notYet, and is not described", route)
		}
		if _, ok := served[route]; ok || deployed[route] {
			t.Errorf("%s exists: take it out of notYet", route)
		}
		delete(described, route)
	}
	all := maps.Clone(described)
	maps.Copy(all, deployed)
	for route := range served {
		all[route] = true
	}
	equal := 0
	for _, route := range slices.Sorted(maps.Keys(all)) {
		_, inMain := served[route]
		if described[route] && deployed[route] && inMain {
			equal++
			continue
		}
		t.Errorf("%s: in openapi.yaml %t, in infra/api.go %t, in a main %t", route, described[route], deployed[route], inMain)
	}
	t.Logf("routes of openapi.yaml, infra/api.go and functions/*/main.go: equal %d of %d, described before they exist %d",
		equal, len(all), len(notYet))
}

// A route asks for the scope that is described, and an open route for none.
func TestContractScopes(t *testing.T) {
	t.Parallel()
	served := servedScopes(t)
	for _, o := range contract.API().Operations() {
		if scope, ok := served[o.Route()]; ok && scope != o.Scope {
			t.Errorf("%s asks for %q, and %q is described", o.Route(), scope, o.Scope)
		}
	}
}

// Every code of a problem is described on the page of codes, and every code of that page, but for
// those of fields and findings, is an answer of some operation.
func TestContractCodes(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "problems.md"))
	if err != nil {
		t.Fatal(err)
	}
	explained, ofProblems := map[string]bool{}, map[string]bool{}
	for _, part := range regexp.MustCompile(`(?m)^# `).Split(string(page), -1) {
		for _, m := range regexp.MustCompile(`(?m)^## (\S+)$`).FindAllStringSubmatch(part, -1) {
			explained[m[1]] = true
			if strings.HasPrefix(part, "Problems of the API") || strings.HasPrefix(part, "Answers to webhooks") {
				ofProblems[m[1]] = true
			}
		}
	}
	// Answers to requests that no operation describes.
	for _, code := range []string{"no_such_route", "unsupported_media_type", "method_not_allowed"} {
		delete(ofProblems, code)
	}
	listed := map[string]bool{}
	for _, o := range contract.API().Operations() {
		for status, a := range o.Answers {
			if status >= 400 && len(a.Codes) == 0 {
				t.Errorf("%s, %d: no codes are listed", o.ID, status)
			}
			for _, code := range a.Codes {
				listed[code] = true
			}
		}
	}
	for _, code := range slices.Sorted(maps.Keys(listed)) {
		if !explained[code] && !slices.Contains(codesNotYet, code) {
			t.Errorf("docs/problems.md does not explain %s", code)
		}
	}
	for _, code := range slices.Sorted(maps.Keys(ofProblems)) {
		if !listed[code] {
			t.Errorf("no operation lists %s", code)
		}
	}
	for _, code := range codesNotYet {
		if explained[code] || !listed[code] {
			t.Errorf("%s is explained, or not listed: take it out of codesNotYet", code)
		}
	}
	t.Logf("codes that operations list: %d of %d are explained", len(listed)-len(codesNotYet), len(listed))
}

// deployedRoutes reads the routes of infra/api.go, which this package can't import.
func deployedRoutes(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	inspect(t, filepath.Join("..", "..", "infra", "api.go"), func(n ast.Node) {
		literal, ok := n.(*ast.CompositeLit)
		if !ok {
			return
		}
		var method, path string
		for _, e := range literal.Elts {
			if member, ok := e.(*ast.KeyValueExpr); ok {
				switch name, _ := member.Key.(*ast.Ident); {
				case name == nil:
				case name.Name == "method":
					method = textOf(t, member.Value, nil)
				case name.Name == "path":
					path = textOf(t, member.Value, nil)
				}
			}
		}
		if method != "" {
			found[method+" "+path] = true
		}
	})
	return found
}

// servedScopes reads which routes the functions' mains serve, and the scope that each asks for.
func servedScopes(t *testing.T) map[string]string {
	t.Helper()
	scopes := scopeConstants(t)
	found := map[string]string{"POST /v1/webhooks/{callback_token}": ""} // its main has no list
	mains, err := filepath.Glob(filepath.Join("..", "..", "functions", "*", "main.go"))
	if err != nil || len(mains) == 0 {
		t.Fatalf("%d functions, %v", len(mains), err)
	}
	for _, main := range mains {
		local := localValues(t, main)
		text := func(e ast.Expr) string { return textOf(t, e, local) }
		inspect(t, main, func(n ast.Node) {
			literal, ok := n.(*ast.CompositeLit)
			if !ok {
				return
			}
			if m, ok := literal.Type.(*ast.MapType); !ok || nameOf(m.Value) != "httpapi.Function" {
				return
			}
			for _, e := range literal.Elts {
				entry := e.(*ast.KeyValueExpr)
				scope := ""
				if call, ok := entry.Value.(*ast.CallExpr); ok && strings.HasPrefix(nameOf(call.Fun), "api.Serve") {
					arg := call.Args[0]
					if value, ok := local[nameOf(arg)]; ok {
						arg = value
					}
					name := strings.TrimPrefix(nameOf(arg), "apikey.")
					anyKey := name == "" // a literal: the empty scope
					if scope = scopes[name]; scope == "" && !anyKey {
						t.Errorf("%s: the scope %s is not known", main, name)
					}
				}
				found[text(entry.Key)] = scope
			}
		})
	}
	return found
}

func scopeConstants(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	files, err := filepath.Glob(filepath.Join("..", "apikey", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		inspect(t, file, func(n ast.Node) {
			if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Values) == 1 && strings.HasPrefix(spec.Names[0].Name, "Scope") {
				found[spec.Names[0].Name] = textOf(t, spec.Values[0], nil)
			}
		})
	}
	return found
}

func inspect(t *testing.T, file string, f func(ast.Node)) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool { f(n); return true })
}

// nameOf returns a name, or a selector such as api.Serve.
func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return nameOf(e.X) + "." + e.Sel.Name
	}
	return ""
}

// localValues returns what the names of a file stand for that are given a value once.
func localValues(t *testing.T, file string) map[string]ast.Expr {
	t.Helper()
	found := map[string]ast.Expr{}
	inspect(t, file, func(n ast.Node) {
		switch n := n.(type) {
		case *ast.ValueSpec:
			for i, name := range n.Names {
				if i < len(n.Values) {
					found[name.Name] = n.Values[i]
				}
			}
		case *ast.AssignStmt:
			for i, left := range n.Lhs {
				if name, ok := left.(*ast.Ident); ok && len(n.Lhs) == len(n.Rhs) {
					found[name.Name] = n.Rhs[i]
				}
			}
		}
	})
	return found
}

// textOf returns the value of a text that is made of literals, of local names and of the constants
// of paths.
func textOf(t *testing.T, e ast.Expr, local map[string]ast.Expr) string {
	t.Helper()
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		if err != nil {
			t.Fatal(err)
		}
		return s
	case *ast.BinaryExpr:
		return textOf(t, e.X, local) + textOf(t, e.Y, local)
	}
	if value, ok := local[nameOf(e)]; ok {
		return textOf(t, value, local)
	}
	s, ok := paths[nameOf(e)]
	if !ok {
		t.Errorf("the constant %s is not known here: add it to paths", nameOf(e))
	}
	return s
}
