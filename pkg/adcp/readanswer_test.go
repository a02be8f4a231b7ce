package adcp_test

import (
	"strings"
	"testing"

	"adcp-orchestrator/pkg/adcp"
)

func TestReadResultTakesOnlyWhatStandsBesideIt(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ tool, payload, value string }{
		{
			"get_products", `{"status":"completed","message":"two","context_id":"c","adcp_version":"3.1",` +
				`"products":[{"name":"<b>"}],"context":{"mine":1}}`,
			`{"context":{"mine":1},"products":[{"name":"<b>"}]}`,
		},
		{"list_creatives", `{"creatives":[]}`, `{"creatives":[]}`}, // no status; an empty list is a result
		{"get_media_buys", `{"status":"completed","media_buys":[]}`, `{"media_buys":[]}`},
		{"get_signals", `{"signals":[],"errors":[{"code":"X"}]}`, `{"signals":[],"errors":[{"code":"X"}]}`}, // warnings
		{"check_governance", `{"status":"approved","check_id":"k"}`, `{"status":"approved","check_id":"k"}`},
		{"check_governance", `{"status":"completed","governance_context":"g"}`, `{"governance_context":"g"}`},
		{"get_products", `{"status":"ok","products":[]}`, `{"status":"ok","products":[]}`},
		{
			"get_task_status", `{"status":"failed","task_id":"t","message":"m","error":{"code":"X"}}`,
			`{"status":"failed","task_id":"t","message":"m","error":{"code":"X"}}`,
		},
	} {
		a, ok := adcp.ReadResult(tc.tool, adcp.Response{Payload: []byte(tc.payload)})
		if !ok || a.Status != adcp.StatusCompleted || string(a.Value) != tc.value || a.Reason() != nil {
			t.Errorf("%s %s: %v, %s, %s", tc.tool, tc.payload, ok, a.Status, a.Value)
		}
	}
}

func TestReadResultOfWhatIsNoResult(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		payload string
		status  adcp.Status // "" if the answer says nothing
		code    string
	}{
		{`{"status":"submitted","task_id":"t"}`, adcp.StatusSubmitted, ""},
		{`{"status":"working","products":[]}`, adcp.StatusWorking, ""},
		{`{"status":"input-required"}`, adcp.StatusInputRequired, ""},
		{`{"status":"failed","errors":[{"code":"BRAND_REQUIRED"}]}`, adcp.StatusFailed, "BRAND_REQUIRED"},
		{`{"status":"rejected","reason":"no"}`, adcp.StatusRejected, adcp.Unspecified},
		{`{"success":false,"error":"no such brand"}`, adcp.StatusFailed, adcp.Unspecified},
		{`{"status":"completed","message":"done"}`, "", ""},
		{`{"status":"completed","ext":{}}`, "", ""},
		{`{"status":7,"products":[]}`, "", ""},
		{`{}`, "", ""},
	} {
		a, ok := adcp.ReadResult("get_products", adcp.Response{Payload: []byte(tc.payload)})
		code := ""
		if r := a.Reason(); r != nil {
			code = r.Code
		}
		if ok != (tc.status != "") || ok && a.Status != tc.status || a.Value != nil || code != tc.code {
			t.Errorf("%s: %v, %s, %s, %s", tc.payload, ok, a.Status, a.Value, code)
		}
	}
}

// The message stands beside the result, where nobody expects megabytes.
func TestMessageOfAReadIsBounded(t *testing.T) {
	t.Parallel()
	payload := `{"message":"` + strings.Repeat("m", 1<<20) + `","context_id":"` + strings.Repeat("c", 600) +
		`","products":[]}`
	a, ok := adcp.ReadResult("get_products", adcp.Response{Payload: []byte(payload)})
	if !ok || len(a.Message) != 16<<10 || a.ContextID != "" {
		t.Errorf("%v, a message of %d bytes, a context of %d", ok, len(a.Message), len(a.ContextID))
	}
}
