package operation

import (
	"encoding/json"
	"testing"

	"adcp-orchestrator/pkg/adcp"
)

func TestFingerprintIgnoresOrderAndSpace(t *testing.T) {
	t.Parallel()
	fingerprint := func(task adcp.Task, value string) string {
		return Fingerprint(task, adcp.Answer{Status: "completed", Value: json.RawMessage(value)})
	}
	a := fingerprint(adcp.CreateMediaBuy, `{"a":1,"b":[1.0,2]}`)
	b := fingerprint(adcp.CreateMediaBuy, ` { "b":[1,2], "a":1.0 } `)
	c := fingerprint(adcp.UpdateMediaBuy, `{"a":1,"b":[1,2]}`)
	if a != b || a == c || len(a) != 64 {
		t.Errorf("got %s, %s, %s", a, b, c)
	}
}

// One channel's answer can lose its secrets, another's not: the end is the same.
func TestFingerprintIsOfWhatTheAgentSent(t *testing.T) {
	t.Parallel()
	sent := json.RawMessage(`{"echo":"secret"}`)
	whole := Fingerprint(adcp.BuildCreative, adcp.Answer{Status: "completed", Value: sent})
	redacted := adcp.Answer{Status: "completed", Value: json.RawMessage(`{"echo":"[redacted]"}`), Original: sent}
	if got := Fingerprint(adcp.BuildCreative, redacted); got != whole {
		t.Errorf("got %s, want %s", got, whole)
	}
}
