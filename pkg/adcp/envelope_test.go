package adcp

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// envelopeSchemas are the protocol's envelopes with their members as AdCP 3.1.19 has them, and the
// list that has to contain them.
var envelopeSchemas = []struct {
	file    string
	members []string
	list    []string
}{
	{
		"core/protocol-envelope.json",
		[]string{
			"context_id", "context", "task_id", "status", "message", "timestamp", "replayed", "adcp_error",
			"push_notification_config", "governance_context", "payload",
		},
		envelopeMembers(),
	},
	{"core/version-envelope.json", []string{"adcp_version", "adcp_major_version"}, envelopeMembers()},
	{
		"core/mcp-webhook-payload.json",
		[]string{
			"idempotency_key", "notification_id", "operation_id", "task_id", "task_type", "protocol", "status",
			"timestamp", "message", "context_id", "token", "result",
		},
		webhookMembers,
	},
}

// A member that is missing here makes an end look different by each channel. ADCP_SCHEMAS names a
// directory of the protocol's schemas; beside the vectors of ADCP_VECTORS one is looked for too.
// Without either the members of a known release are checked.
func TestEnvelopeMembersAreThoseOfTheSchemas(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("ADCP_SCHEMAS")
	if vectors := os.Getenv("ADCP_VECTORS"); dir == "" && vectors != "" {
		dir = filepath.Join(vectors, "..", "schemas")
	}
	for _, s := range envelopeSchemas {
		members := s.members
		if read := schemaMembers(t, filepath.Join(dir, filepath.FromSlash(s.file))); dir != "" && len(read) > 0 {
			members = append(read, members...)
		}
		for _, m := range members {
			concept := m == "payload" || m == "result" // they hold the task's own body
			if slices.Contains(s.list, m) == concept {
				t.Errorf("%s: %s is in the list: %v", s.file, m, concept)
			}
		}
	}
}

// schemaMembers returns the properties of a JSON schema, nil if there is no such file.
func schemaMembers(t *testing.T, file string) (members []string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Logf("no schema to compare with: %v", err)
		return nil
	}
	var schema struct {
		Properties map[string]json.RawMessage `json:"properties"`
	}
	if err := json.Unmarshal(b, &schema); err != nil || len(schema.Properties) == 0 {
		t.Fatalf("%s: %v", file, err)
	}
	for name := range schema.Properties {
		members = append(members, name)
	}
	return members
}

// contract F13, F15: an impairment before the task's end must not be read as that end.
func TestEveryNotificationIsAReport(t *testing.T) {
	t.Parallel()
	for result, want := range map[string]bool{
		`{"notification_type":"impairment","media_buy_id":"mb_1"}`:             true,
		`{"notification_type":"scheduled","media_buy_deliveries":[]}`:          true,
		`{"media_buy_id":"mb_1","packages":[]}`:                                false,
		`{"media_buy_id":"mb_1","packages":[],"notification_type":null}`:       false,
		`{"media_buy_id":"mb_1","packages":[{"notification_type":"delayed"}]}`: false,
	} {
		w := Webhook{TaskType: "create_media_buy", Status: StatusCompleted, Result: []byte(result)}
		if got := w.IsReport(); got != want {
			t.Errorf("%s: got %v", result, got)
		}
	}
}
