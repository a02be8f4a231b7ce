package main

import (
	"go/parser"
	"go/token"
	"testing"
)

// A mutant whose text is gone would be found by nothing.
func TestMutantsApply(t *testing.T) {
	t.Parallel()
	for _, m := range mutants {
		b, err := m.broken("../../..")
		if err != nil {
			t.Errorf("%s: %v", m.name, err)
			continue
		}
		if _, err := parser.ParseFile(token.NewFileSet(), m.file, b, 0); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
	}
}
