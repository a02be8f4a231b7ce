package adcp

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A constant without a row in the table would be a task that no one can submit.
func TestEveryTaskConstantHasOneRowInTheTable(t *testing.T) {
	t.Parallel()
	constants := taskConstants(t)
	if len(constants) == 0 {
		t.Fatal("task.go declares no Task constants")
	}
	if got := Tasks(); !slices.Equal(got, constants) {
		t.Errorf("the table has %q, the constants are %q", got, constants)
	}
}

// taskConstants reads the values of the Task constants from task.go, in their order.
func taskConstants(t *testing.T) []Task {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "task.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []Task
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); !ok || name.Name != "Task" {
			return true
		}
		for _, v := range spec.Values {
			literal, ok := v.(*ast.BasicLit)
			if !ok {
				t.Fatalf("%s has a value that is not a literal", spec.Names[0])
			}
			s, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, Task(s))
		}
		return true
	})
	return all
}

func TestEveryRowOfTheTaskTableIsComplete(t *testing.T) {
	t.Parallel()
	for _, row := range tasks {
		traits, ok := TraitsOf(row.task)
		if !ok || traits != row.traits || traits.Deadline <= 0 {
			t.Errorf("%s: traits %+v, %v", row.task, traits, ok)
		}
		if len(row.successes) == 0 || hasResult(row.task, object([]byte(`{}`))) {
			t.Errorf("%s: successes %+v, and an empty result is one", row.task, row.successes)
		}
		for _, success := range row.successes {
			if success.member == "" || !strings.ContainsRune(`"[{t`, rune(success.opens)) {
				t.Errorf("%s: success %+v", row.task, success)
			}
		}
	}
	if traits, ok := TraitsOf("get_media_buys"); ok || traits != (Traits{}) {
		t.Errorf("a task outside the table has traits %+v", traits)
	}
}
