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

// A route that is misspelled in a main would show only on AWS, as a 404. So this test compares
// three lists: the routes of the API, those that the functions' mains serve, and the SAM template.
func TestFunctionsServeTheRoutesThatTheyGet(t *testing.T) {
	t.Parallel()
	want := map[string]string{}
	for _, r := range routes {
		want[r.method+" "+r.path] = r.function
	}
	if len(want) != len(routes) {
		t.Errorf("%d routes are listed, but only %d different ones", len(routes), len(want))
	}
	sam := map[string]string{}
	for route, target := range samRoutes(t) {
		sam[route], _, _ = strings.Cut(target, " ")
	}
	compareRoutes(t, "the SAM template", sam, want)
	compareRoutes(t, "the functions", servedRoutes(t), want)
}

func compareRoutes(t *testing.T, where string, got, want map[string]string) {
	t.Helper()
	all := maps.Clone(want)
	maps.Copy(all, got)
	for _, route := range slices.Sorted(maps.Keys(all)) {
		if got[route] != want[route] {
			t.Errorf("%s: %q is served by %q; the API sends it to %q", where, route, got[route], want[route])
		}
	}
}

// servedRoutes reads from each function's main which routes it serves.
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
				t.Errorf("%s is served by %s and by %s", key, other, name)
			}
			found[key] = name
		}
	}
	return found
}

// webhookRoute is the only route of its function, whose main therefore has no list of routes: it
// calls httpapi.API's Webhook.
const webhookRoute = "POST /v1/webhooks/{callback_token}"

// routeKeys lists the keys of a file's literals of type map[string]httpapi.Function, and
// webhookRoute for a call of the Webhook method of an httpapi.API.
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
			if callsWebhook(n) {
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

// callsWebhook recognizes api.Webhook(...) and httpapi.API{...}.Webhook(...).
func callsWebhook(call *ast.CallExpr) bool {
	if selects(call.Fun, "api", "Webhook") {
		return true
	}
	s, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != "Webhook" {
		return false
	}
	literal, ok := s.X.(*ast.CompositeLit)
	return ok && selects(literal.Type, "httpapi", "API")
}

// selects reports whether an expression is pkg.name, or the member of that name of a variable.
func selects(e ast.Expr, pkg, name string) bool {
	s, ok := e.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	x, ok := s.X.(*ast.Ident)
	return ok && x.Name == pkg && s.Sel.Name == name
}

// constant evaluates a constant string expression in a file: a literal, a constant of the file or
// of a package of this module, or a concatenation of these.
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
		return "", fmt.Errorf("this test can't evaluate a key of type %T", e)
	}
}

// imported evaluates a constant of another package of this module.
func imported(file *ast.File, e *ast.SelectorExpr) (string, error) {
	pkg, ok := e.X.(*ast.Ident)
	if !ok {
		return "", fmt.Errorf("this test can't evaluate a key of type %T", e.X)
	}
	for _, i := range file.Imports {
		name, err := strconv.Unquote(i.Path.Value)
		dir, inModule := strings.CutPrefix(name, "adcp-orchestrator/")
		if err != nil || !inModule || !strings.HasSuffix(dir, "/"+pkg.Name) {
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

// declared returns the value of a constant that is declared in a file or in one of its functions.
// It returns nil if there is no constant of that name.
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
