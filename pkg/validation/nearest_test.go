package validation_test

import (
	"strings"
	"testing"

	"adcp-orchestrator/pkg/validation"
)

func TestNearestName(t *testing.T) {
	t.Parallel()
	known := []string{"limit", "cursor", "state", "created_after", "created_before", "q"}
	for wrong, want := range map[string]string{
		"limt": "limit", "Limit": "limit", "limits": "limit", "curosr": "cursor", "created-after": "created_after",
		"created_afte": "created_after", "createdAfter": "created_after", "offset": "", "x": "", "": "",
		strings.Repeat("limit", 10_000): "",
	} {
		if got := validation.Nearest(wrong, known); got != want {
			t.Errorf("%.20q: got %q, want %q", wrong, got, want)
		}
	}
}
