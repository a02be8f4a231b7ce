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

// A constant without a row in the tables would be a task that no one can submit.
func TestEveryTaskConstantCanBeSubmitted(t *testing.T) {
	t.Parallel()
	constants := taskConstants(t)
	if len(constants) == 0 {
		t.Fatal("task.go declares no Task constants")
	}
	for _, c := range constants {
		if !slices.Contains(Tasks(), c) {
			t.Errorf("%s can't be submitted", c)
		}
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

func TestEveryTaskHasADeadlineAndAProofOfItsSuccess(t *testing.T) {
	t.Parallel()
	for _, task := range Tasks() {
		traits, ok := TraitsOf(task)
		if !ok || traits.Deadline <= 0 || traits.Releases == 0 {
			t.Errorf("%s: traits %+v, %v", task, traits, ok)
		}
		if len(successesOf(task)) == 0 || hasResult(task, object([]byte(`{}`))) {
			t.Errorf("%s: successes %+v, and an empty result is one", task, successesOf(task))
		}
		for _, s := range successesOf(task) {
			if len(s) == 0 {
				t.Errorf("%s: a success requires nothing", task)
			}
			for _, p := range s {
				if p.member == "" || strings.Trim(p.opens, "\"[{tfn0") != "" {
					t.Errorf("%s: proof %+v", task, p)
				}
			}
		}
	}
	if traits, ok := TraitsOf("get_media_buys"); ok || traits != (Traits{}) {
		t.Errorf("a task outside the table has traits %+v", traits)
	}
}

// The three tables have an order that they are searched by, and a tool once.
func TestTablesAreSorted(t *testing.T) {
	t.Parallel()
	if !slices.IsSortedFunc(tools[:], func(a, b tool) int { return strings.Compare(a.name, b.name) }) ||
		len(slices.Compact(Tools())) != len(tools) {
		t.Error("the tools are not in order")
	}
	if !slices.IsSortedFunc(recoveries[:], func(a, b codeRecovery) int { return strings.Compare(a.code, b.code) }) {
		t.Error("the codes are not in order")
	}
}
