package operation_test

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"adcp-orchestrator/pkg/operation"
)

// EventKinds are what a timeline can be filtered by: a kind that is missing could not be asked for.
func TestEventKindsAreAll(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("event.go")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`(?m)^\tEvent\w+ +(?:EventKind )?= "(\w+)"`).FindAllStringSubmatch(string(source), -1)
	if len(named) == 0 {
		t.Fatal("no kinds in event.go")
	}
	for _, m := range named {
		if !slices.Contains(operation.EventKinds(), operation.EventKind(m[1])) {
			t.Errorf("EventKinds lacks %s", m[1])
		}
	}
}
