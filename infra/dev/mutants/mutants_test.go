package main

import (
	"go/parser"
	"go/token"
	"slices"
	"testing"
)

// An entry whose quoted text has changed would mutate nothing.
func TestMutantsApplyToTheSource(t *testing.T) {
	t.Parallel()
	for _, m := range slices.Concat(mutants, proofs) {
		b, err := m.apply("../../..")
		if err != nil {
			t.Errorf("%s: %v", m.name, err)
			continue
		}
		if _, err := parser.ParseFile(token.NewFileSet(), m.file, b, 0); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
	}
}
