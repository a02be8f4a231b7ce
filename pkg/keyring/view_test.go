package keyring

import (
	"strings"
	"testing"
)

// The member names of a View are part of the API, and those of a state are stored.
func TestJSONNames(t *testing.T) {
	t.Parallel()
	change := &PendingChange{JWKSURI: "https://a.example/new", Since: start}
	const members = `"pinned_at":"2026-11-23T12:00:00Z",` +
		`"pending_change":{"jwks_uri":"https://a.example/new","since":"2026-11-23T12:00:00Z"}`
	if got := encoded(View{PinnedAt: start, PendingChange: change}); !strings.Contains(got, members) {
		t.Errorf("view %s", got)
	}
	got, err := state{PinnedAt: start, PendingChange: change, TuningReported: true}.encode()
	if err != nil || strings.TrimSpace(string(got)) != `{`+members+`,"tuning_reported":true}` {
		t.Errorf("state %s, %v", got, err)
	}
}
