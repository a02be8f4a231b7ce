package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/operation"
)

// fakeRecords returns one record for every id.
type fakeRecords struct{ record operation.Record }

func (f fakeRecords) Load(context.Context, string, string) (operation.Record, error) {
	return f.record, nil
}

// maxFunctionAnswer is what a function can answer, in bytes.
const maxFunctionAnswer = 6_291_556

func TestOperationStaysReadableWhateverTheAgentSent(t *testing.T) {
	t.Parallel()
	quoted := func(text string, size int) json.RawMessage {
		return json.RawMessage(`{"x":"` + strings.Repeat(text, size/len(text)) + `"}`)
	}
	const result, submission = 3<<20 - 8, 1 << 20
	for name, tc := range map[string]struct {
		request, result json.RawMessage
		omitted         []string
	}{
		"HTML":                {quoted("<", submission), quoted("<", result), []string{"request", "result"}},
		"HTML in the result":  {quoted("a", submission), quoted("<", result), []string{"result"}},
		"some HTML":           {quoted("a", submission), quoted("<b>"+strings.Repeat("text ", 20)+"</b>", result), nil},
		"quotes":              {quoted(`a`, submission), quoted(`\"`, result), []string{"result"}},
		"quotes on each side": {quoted(`\"`, submission), quoted("a", 11*submission/4), nil},
		"a large request":     {quoted(`\"`, 7*submission/4), quoted("a", 11*submission/4), []string{"request"}},
		"broken characters":   {quoted("\xff", submission), quoted("\xff", result), []string{"request", "result"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			op := operation.Operation{Tenant: "acme", ID: "op_1", State: operation.Completed}
			record := operation.Record{Op: op, Request: tc.request, Result: tc.result,
				Events: []operation.Event{{Seq: 1, Kind: operation.EventCreated}}}
			get := request(t, "operations")
			got := call(t, api.Serve(apikey.ScopeOperationsRead, api.ShowOperation(fakeRecords{record})), get)
			var answer bytes.Buffer
			encoder := json.NewEncoder(&answer)
			encoder.SetEscapeHTML(false) // as the Lambda library writes it
			if err := encoder.Encode(got); err != nil || answer.Len() > maxFunctionAnswer {
				t.Errorf("the function answers %d bytes, %v", answer.Len(), err)
			}
			v := decode[httpapi.Operation](t, got, 200)
			if len(v.Events) != 1 || v.State != operation.Completed || !slices.Equal(v.Omitted, tc.omitted) {
				t.Errorf("%d events, %s, omitted %v", len(v.Events), v.State, v.Omitted)
			}
			if (v.Result == nil) != slices.Contains(tc.omitted, "result") ||
				(v.Request == nil) != slices.Contains(tc.omitted, "request") {
				t.Errorf("request of %d bytes, result of %d", len(v.Request), len(v.Result))
			}
		})
	}
}
