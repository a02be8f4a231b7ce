package config

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const sdk = "github.com/aws/aws-sdk-go-v2"

// clientFile is one source file, and where it may get AWS clients from.
type clientFile struct {
	t     *testing.T
	name  string
	names map[string]string // the SDK's packages that it imports, by their names in the file
	found map[string]bool   // selectors such as config.HTTPClient
	made  int               // clients
}

// selector returns the package of the SDK and the name that an expression selects, "" if none.
func (f *clientFile) selector(e ast.Expr) (path, name string) {
	s, ok := e.(*ast.SelectorExpr)
	if !ok {
		return "", ""
	}
	if x, ok := s.X.(*ast.Ident); ok {
		return f.names[x.Name], s.Sel.Name
	}
	return "", ""
}

func (f *clientFile) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.SelectorExpr:
		if x, ok := n.X.(*ast.Ident); ok {
			f.found[x.Name+"."+n.Sel.Name] = true
		}
		if path, name := f.selector(n); path == sdk+"/aws" && name == "NewConfig" {
			f.t.Errorf("%s makes a configuration of its own: use config.AWS", f.name)
		}
	case *ast.CallExpr:
		if path, name := f.selector(n.Fun); strings.HasPrefix(path, sdk+"/service/") && name == "NewFromConfig" {
			f.made++
		}
	case *ast.CompositeLit:
		path, name := f.selector(n.Type)
		if path == sdk+"/aws" && name == "Config" {
			f.t.Errorf("%s makes a configuration of its own: use config.AWS", f.name)
		}
		if strings.HasPrefix(path, sdk+"/service/") && name == "Options" {
			f.made++
			if !slices.ContainsFunc(n.Elts, func(e ast.Expr) bool {
				kv, ok := e.(*ast.KeyValueExpr)
				if !ok {
					return false
				}
				key, named := kv.Key.(*ast.Ident)
				return named && key.Name == "HTTPClient"
			}) {
				f.t.Errorf("%s makes a client without HTTPClient: use config.HTTPClient", f.name)
			}
		}
	}
	return true
}

// A client gets its configuration from config.AWS, or its HTTPClient by name: any other waits for a
// dead connection without end.
func TestEveryAWSClientHasATimeLimitForOneAttempt(t *testing.T) {
	t.Parallel()
	made := 0
	for _, root := range []string{"functions", "infra", "pkg"} {
		err := filepath.WalkDir(filepath.Join("..", "..", root), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") ||
				strings.Contains(path, "pkg/config/") {
				return err
			}
			made += checkClients(t, path)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if made < 8 {
		t.Errorf("%d clients were found", made)
	}
}

// checkClients checks the clients that a file makes, and returns their number.
func checkClients(t *testing.T, path string) int {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	f := &clientFile{t: t, name: path, names: map[string]string{}, found: map[string]bool{}}
	loads := false
	for _, i := range parsed.Imports {
		imported, _ := strconv.Unquote(i.Path.Value)
		if imported != sdk && !strings.HasPrefix(imported, sdk+"/") {
			continue
		}
		loads = loads || imported == sdk+"/config"
		name := filepath.Base(imported)
		if i.Name != nil {
			name = i.Name.Name
		}
		f.names[name] = imported
	}
	if len(f.names) == 0 {
		return 0
	}
	ast.Inspect(parsed, f.visit)
	if loads && !f.found["config.HTTPClient"] {
		t.Errorf("%s loads the SDK's own configuration: give it config.HTTPClient", path)
	}
	return f.made
}
