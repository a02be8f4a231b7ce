package keyring

import (
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/store"
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

// What newer code has stored with a sender's keys stays when this code refreshes them.
func TestKeyringKeepsWhatNewerCodeStored(t *testing.T) {
	t.Parallel()
	body := []byte(`{"jwks_uri":"https://a.example/k?a=1&b=2","issuer":{"name":"<a>"}}`)
	snap, err := readSnapshot(store.Document{Version: 3, Body: body})
	if err != nil {
		t.Fatal(err)
	}
	r := (&Source{Now: func() time.Time { return start }}).newRefresh(Sender{}, snap)
	r.next.Failure = "x"
	got, err := r.next.encode()
	want := `{"failure":"x","issuer":{"name":"<a>"},"jwks_uri":"https://a.example/k?a=1&b=2"}`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v", got, err)
	}
}
