package adcp

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"adcp-orchestrator/pkg/adcp/adcptest"
)

// A member that is missing here makes an end look different by each channel. They are those of each
// release's envelopes.
func TestEnvelopeMembersAreThoseOfTheSchemas(t *testing.T) {
	t.Parallel()
	for _, release := range []string{"3.0", "3.1", "3.2"} {
		for file, list := range map[string][]string{
			"core/protocol-envelope.json":   envelopeMembers(),
			"core/version-envelope.json":    envelopeMembers(),
			"core/mcp-webhook-payload.json": slices.Concat(webhookMembers, []string{"context"}),
		} {
			path := filepath.Join(adcptest.BundleDir(t), "_schemas", release, filepath.FromSlash(file))
			b, err := os.ReadFile(path)
			if release == "3.0" && errors.Is(err, os.ErrNotExist) {
				continue // 3.0 has no version envelope
			}
			var schema struct {
				Properties map[string]json.RawMessage `json:"properties"`
			}
			if err := errors.Join(err, json.Unmarshal(b, &schema)); err != nil || len(schema.Properties) == 0 {
				t.Fatalf("%s: %v", path, err)
			}
			for m := range schema.Properties {
				concept := m == "payload" || m == "result" // they hold the task's own body
				if slices.Contains(list, m) == concept {
					t.Errorf("%s of %s: %s is in the list: %v", file, release, m, concept)
				}
			}
		}
	}
}

// The members as they have been, for a machine without the schemas.
func TestEnvelopeMembersAreKnown(t *testing.T) {
	t.Parallel()
	want := []string{
		"adcp_error", "adcp_major_version", "adcp_version", "context", "context_id", "governance_context",
		"idempotency_key", "message", "operation_id", "push_notification_config", "replayed", "status", "task_id",
		"task_type", "timestamp",
	}
	if got := slices.Sorted(slices.Values(envelopeMembers())); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	for _, m := range append(want, "token", "notification_id", "protocol", "payload", "media_buy_id") {
		if EnvelopeMember(m) != slices.Contains(want, m) {
			t.Errorf("%s is a member: %v", m, EnvelopeMember(m))
		}
	}
}

// The manifest of 3.2 resolves the result of a webhook or a poll by its task type: one type has a
// schema that is no tool's, and its results are reports (contract O4, O14).
func TestTaskTypesWithASchemaOfTheirOwnAreReports(t *testing.T) {
	t.Parallel()
	var manifest struct {
		Resolution struct {
			Discriminator string            `json:"discriminator_field"`
			Template      string            `json:"terminal_schema_pointer_template"`
			Overrides     map[string]string `json:"terminal_schema_overrides"`
		} `json:"task_result_resolution"`
	}
	if err := json.Unmarshal(adcptest.Bundle(t, "_schemas/3.2/manifest.json"), &manifest); err != nil {
		t.Fatal(err)
	}
	r := manifest.Resolution
	if r.Discriminator != "task_type" || r.Template != "/tools/{task_type}/response_schema" || len(r.Overrides) == 0 {
		t.Errorf("results are resolved otherwise: %+v", r)
	}
	for taskType := range r.Overrides {
		if w := (Webhook{TaskType: taskType, Status: StatusCompleted}); w.News().Type.Anchor() != AnchorReport {
			t.Errorf("%s is no report", taskType)
		}
		if _, ok := toolOf(taskType); ok {
			t.Errorf("%s is a tool", taskType)
		}
	}
}

// contract F13, F15: an impairment before the task's end must not be read as that end.
func TestEveryNotificationIsNews(t *testing.T) {
	t.Parallel()
	for result, want := range map[string]bool{
		`{"notification_type":"impairment","media_buy_id":"mb_1"}`:             true,
		`{"notification_type":"scheduled","media_buy_deliveries":[]}`:          true,
		`{"media_buy_id":"mb_1","packages":[]}`:                                false,
		`{"media_buy_id":"mb_1","packages":[],"notification_type":null}`:       false,
		`{"media_buy_id":"mb_1","packages":[{"notification_type":"delayed"}]}`: false,
	} {
		w := Webhook{TaskType: "create_media_buy", Status: StatusCompleted, Result: []byte(result)}
		if got := w.News().Type != ""; got != want {
			t.Errorf("%s: got %v", result, got)
		}
	}
}
