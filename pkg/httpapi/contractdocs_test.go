package httpapi_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/httpapi/contract"
)

// shownIn says which schema an example in docs/api.md has, by a text that only such examples have.
// "" is for what is not part of the API's description. The first one that fits counts.
var shownIn = []struct{ text, schema string }{
	{`"problems#`, "Problem"}, {`/problems#`, "Problem"}, {`"code": "invalid_request"`, "Problem"},
	{`"would"`, "Validation"},
	{`"idempotency_key_prefix"`, "Operation"},
	{`"jwks_uri": "…"`, "KeySetAddress"},
	{`"specversion"`, "NoticePage"},
	{`"outcome"`, "AuditEvent"},
	{`"on_behalf_of"`, "Input"},
	{`"needs_attention"`, "OperationCounts"},
	{`"circuit"`, "Traffic"},
	{`"reached"`, "Probe"},
	{`"applied"`, "Replayed"},
	{`"evidence"`, "Resolution"},
	{`"overlap_until"`, "APIKey"},
	{`"secrets"`, "WebhookEndpoint"},
	{`"findings": [`, "Discovery"},
	{`"oauth_client_credentials"`, "AgentEntry"},
	{`"task": "get_media_buys"`, "ReadAnswer"},
	{`"body_sha256"`, "QuarantinePage"},
}

// The examples of docs/api.md are as the API is described: no member or value in them is unknown.
func TestContractExamplesOfTheDocuments(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "api.md"))
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, m := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		text, schema, known := strings.TrimSpace(m[1]), "", false
		for _, s := range shownIn {
			if strings.Contains(text, s.text) {
				schema, known = s.schema, true
				break
			}
		}
		if !strings.HasPrefix(text, "{") {
			text = "{" + text + "}"
		}
		if !known {
			t.Errorf("say in shownIn which schema this example has: %s", text)
		}
		if schema == "" {
			continue
		}
		if err := contract.CheckPart(schema, text); err != nil {
			t.Errorf("%s: %v: %s", schema, err, text)
		}
		checked++
	}
	if checked < 5 {
		t.Errorf("only %d examples were found", checked)
	}
	t.Logf("%d examples of docs/api.md are as openapi.yaml says", checked)
}
