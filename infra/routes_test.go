package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestFunctionsServeTheRoutesThatTheyGet holds three lists equal: what the API sends to each function, what the
// function's main answers, and the SAM template. A key that is misspelled in a main would only show on AWS, as a 404.
func TestFunctionsServeTheRoutesThatTheyGet(t *testing.T) {
	t.Parallel()
	want := map[string]string{}
	for _, r := range routes {
		want[r.method+" "+r.path] = r.function
	}
	if len(want) != len(routes) {
		t.Errorf("%d routes are listed, %d of them different", len(routes), len(want))
	}
	sam := map[string]string{}
	for route, target := range samRoutes(t) {
		sam[route], _, _ = strings.Cut(target, " ")
	}
	compareRoutes(t, "the SAM template", sam, want)
	compareRoutes(t, "functions", servedRoutes(t), want)
}

func compareRoutes(t *testing.T, where string, got, want map[string]string) {
	t.Helper()
	all := maps.Clone(want)
	maps.Copy(all, got)
	for _, route := range slices.Sorted(maps.Keys(all)) {
		if got[route] != want[route] {
			t.Errorf("%s: %q is answered by %q; the API sends it to %q", where, route, got[route], want[route])
		}
	}
}

// servedRoutes reads out of each function's main what it answers.
func servedRoutes(t *testing.T) map[string]string {
	t.Helper()
	mains, err := filepath.Glob("../functions/*/main.go")
	if err != nil || len(mains) == 0 {
		t.Fatalf("%d functions, %v", len(mains), err)
	}
	found := map[string]string{}
	for _, main := range mains {
		name := filepath.Base(filepath.Dir(main))
		keys, err := routeKeys(main)
		if err != nil {
			t.Fatalf("%s: %v", main, err)
		}
		for _, key := range keys {
			if other := found[key]; other != "" {
				t.Errorf("%s is answered by %s and by %s", key, other, name)
			}
			found[key] = name
		}
	}
	return found
}

// webhookRoute is answered by a handler that needs no choice between routes, httpapi.Webhook.
const webhookRoute = "POST /v1/webhooks/{callback_token}"

// routeKeys lists the keys of a file's literals of type map[string]httpapi.Function, and webhookRoute for a call of
// httpapi.Webhook.
func routeKeys(file string) ([]string, error) {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		return nil, err
	}
	var keys []string
	var wrong error
	ast.Inspect(parsed, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if selects(n.Fun, "httpapi", "Webhook") {
				keys = append(keys, webhookRoute)
			}
		case *ast.CompositeLit:
			if m, ok := n.Type.(*ast.MapType); !ok || !selects(m.Value, "httpapi", "Function") {
				return true
			}
			for _, e := range n.Elts {
				key, err := constant(parsed, e.(*ast.KeyValueExpr).Key)
				if err != nil {
					wrong = err
				}
				keys = append(keys, key)
			}
		}
		return wrong == nil
	})
	return keys, wrong
}

func selects(e ast.Expr, pkg, name string) bool {
	s, ok := e.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	x, ok := s.X.(*ast.Ident)
	return ok && x.Name == pkg && s.Sel.Name == name
}

// constant is the value of a text in a file: literals, constants of the file and of this module's packages, and their
// sums.
func constant(file *ast.File, e ast.Expr) (string, error) {
	switch e := e.(type) {
	case *ast.BasicLit:
		return strconv.Unquote(e.Value)
	case *ast.BinaryExpr:
		x, err := constant(file, e.X)
		if err != nil {
			return "", err
		}
		y, err := constant(file, e.Y)
		return x + y, err
	case *ast.Ident:
		if value := declared(file, e.Name); value != nil {
			return constant(file, value)
		}
		return "", fmt.Errorf("no constant %s", e.Name)
	case *ast.SelectorExpr:
		return imported(file, e)
	default:
		return "", fmt.Errorf("a key of another kind than this test knows: %T", e)
	}
}

// imported is the value of a constant of another package of this module.
func imported(file *ast.File, e *ast.SelectorExpr) (string, error) {
	pkg, ok := e.X.(*ast.Ident)
	if !ok {
		return "", fmt.Errorf("a key of another kind than this test knows: %T", e.X)
	}
	for _, i := range file.Imports {
		name, err := strconv.Unquote(i.Path.Value)
		dir, ours := strings.CutPrefix(name, "adcp-orchestrator/")
		if err != nil || !ours || !strings.HasSuffix(dir, "/"+pkg.Name) {
			continue
		}
		sources, err := filepath.Glob(filepath.Join("..", filepath.FromSlash(dir), "*.go"))
		if err != nil {
			return "", err
		}
		for _, source := range sources {
			other, err := parser.ParseFile(token.NewFileSet(), source, nil, 0)
			if err != nil {
				return "", err
			}
			if value := declared(other, e.Sel.Name); value != nil {
				return constant(other, value)
			}
		}
	}
	return "", fmt.Errorf("no constant %s.%s", pkg.Name, e.Sel.Name)
}

// declared is what a constant of a file, or of a function in it, is set to; nil if there is none of that name.
func declared(file *ast.File, name string) ast.Expr {
	var found ast.Expr
	ast.Inspect(file, func(n ast.Node) bool {
		d, ok := n.(*ast.GenDecl)
		if !ok || d.Tok != token.CONST {
			return true
		}
		for _, s := range d.Specs {
			spec := s.(*ast.ValueSpec)
			for i, ident := range spec.Names {
				if ident.Name == name && i < len(spec.Values) {
					found = spec.Values[i]
				}
			}
		}
		return true
	})
	return found
}
