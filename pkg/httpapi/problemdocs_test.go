package httpapi

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/registry"
)

// Every code that a client or an agent can get is a heading of docs/problems.md, where the type of
// a problem leads.
func TestEveryCodeIsDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "problems.md"))
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^## (\S+)$`).FindAllStringSubmatch(string(page), -1) {
		documented[m[1]] = true
	}
	for _, tc := range []struct {
		name  string
		codes []string
		known string // one of them, to prove that they are found
	}{
		{"problems of handlers", constants(t, ".", named("code")), codeUnauthorized},
		{"refusals of inputs", constants(t, "../orchestrator", typed("InputRefusal")), "input_superseded"},
		{"refusals of submissions", constants(t, "../orchestrator", typed("SubmitRefusal")), "po_number_in_use"},
		{"findings of submissions", constants(t, "../orchestrator", named("finding")), "older_release"},
		{"refusals of acts", constants(t, "../operation", typed("Refusal")), "live_buy"},
		{"refusals of reads", constants(t, "../orchestrator", typed("ReadRefusal")), "answers_later"},
		{"field errors", constants(t, "../validation", typed("Code")), "unknown_agent"},
		{"findings", findingCodes(t), "webhooks_not_signed"},
		{"OAuth", constants(t, "../oauth", typed("Code")), "oauth_client_refused"},
		{"webhook replies", replyCodes(t, "../webhook"), "unknown_operation"},
		{"the webhook mode", constants(t, "../webhook", named("code")), "webhook_mode_mismatch"},
		{"webhook envelopes", replyCodes(t, "../adcp"), "invalid_envelope_status"},
		{"webhook signatures", signatureCodes(t), "webhook_signature_invalid"},
	} {
		if !slices.Contains(tc.codes, tc.known) {
			t.Errorf("%s: %s is not among the codes that were found: %v", tc.name, tc.known, tc.codes)
		}
		for _, code := range tc.codes {
			if !documented[code] {
				t.Errorf("%s: docs/problems.md does not describe %s", tc.name, code)
			}
		}
	}
}

// A problem's code is a constant, so that the test above finds it.
func TestCodesOfProblemsAreConstants(t *testing.T) {
	t.Parallel()
	for _, f := range parseDir(t, ".") {
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) < 2 {
				return true
			}
			if name, ok := call.Fun.(*ast.Ident); ok && name.Name == "NewProblem" {
				if literal, ok := call.Args[1].(*ast.BasicLit); ok {
					t.Errorf("%s is no constant", literal.Value)
				}
			}
			return true
		})
	}
}

// parseDir parses the sources of a package, without its tests.
func parseDir(t *testing.T, dir string) []*ast.File {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%s has no sources: %v", dir, err)
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return files
}

// text returns the value of a string literal, "" of any other expression.
func text(e ast.Expr) string {
	literal, ok := e.(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return ""
	}
	s, _ := strconv.Unquote(literal.Value)
	return s
}

// constant is a named constant of a package with a string value.
type constant struct{ name, kind, value string }

func named(prefix string) func(constant) bool {
	return func(c constant) bool { return strings.HasPrefix(c.name, prefix) }
}

func typed(kind string) func(constant) bool {
	return func(c constant) bool { return c.kind == kind }
}

// constants returns the values of a package's constants that match.
func constants(t *testing.T, dir string, match func(constant) bool) (values []string) {
	t.Helper()
	for _, f := range parseDir(t, dir) {
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			kind, _ := spec.Type.(*ast.Ident)
			for i, value := range spec.Values {
				c := constant{name: spec.Names[i].Name, value: text(value)}
				if kind != nil {
					c.kind = kind.Name
				}
				if c.value != "" && match(c) {
					values = append(values, c.value)
				}
			}
			return true
		})
	}
	return values
}

// replyCodes returns the members Code of a package's literals, without those of replies that are
// 200.
func replyCodes(t *testing.T, dir string) (codes []string) {
	t.Helper()
	for _, f := range parseDir(t, dir) {
		ast.Inspect(f, func(n ast.Node) bool {
			literal, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			code, taken := "", false
			for _, e := range literal.Elts {
				member, ok := e.(*ast.KeyValueExpr)
				if !ok {
					continue
				}
				switch name, _ := member.Key.(*ast.Ident); {
				case name == nil:
				case name.Name == "Code":
					code = text(member.Value)
				case name.Name == "Status":
					status, ok := member.Value.(*ast.SelectorExpr)
					taken = ok && status.Sel.Name == "StatusOK"
				}
			}
			if code != "" && !taken {
				codes = append(codes, code)
			}
			return true
		})
	}
	return codes
}

// findingCodes returns the codes of the agent registry's findings: those of its calls of
// report.add.
func findingCodes(t *testing.T) []string {
	t.Helper()
	codes := constants(t, "../registry", func(c constant) bool { return c.name == "code" })
	for _, f := range parseDir(t, "../registry") {
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 5 {
				return true
			}
			if method, ok := call.Fun.(*ast.SelectorExpr); ok && method.Sel.Name == "add" {
				if code := text(call.Args[1]); code != "" {
					codes = append(codes, code)
				} else if name, ok := call.Args[1].(*ast.Ident); !ok || name.Name != "code" {
					t.Errorf("a finding's code is neither a literal nor the constant code")
				}
			}
			return true
		})
	}
	return codes
}

// signatureCodes returns the codes of refused signatures of webhooks. Two of httpsig's codes exist
// for requests only.
func signatureCodes(t *testing.T) (codes []string) {
	t.Helper()
	requestsOnly := []string{"signature_required", "signature_components_unexpected"}
	form := regexp.MustCompile(`^(signature|target|body)_[a-z_]+$`)
	for _, code := range constants(t, "../httpsig", func(c constant) bool { return form.MatchString(c.value) }) {
		if !slices.Contains(requestsOnly, code) {
			codes = append(codes, "webhook_"+code)
		}
	}
	return codes
}

// A code of package oauth that the registry does not describe would be called an outage.
func TestEveryFaultOfOAuthIsDescribed(t *testing.T) {
	t.Parallel()
	describe := func(code string) string {
		text := registry.DescribeCallError(&adcp.CallError{Authorization: code})
		return strings.ReplaceAll(text, code, "")
	}
	codes := constants(t, "../oauth", typed("Code"))
	for _, code := range codes {
		if describe(code) == describe("an unknown one") && code != "oauth_token_unavailable" {
			t.Errorf("%s is not described", code)
		}
	}
	if len(codes) < 20 {
		t.Errorf("only %d codes: %v", len(codes), codes)
	}
}
