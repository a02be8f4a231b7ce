package adcp

import (
	"encoding/json"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp/adcptest"
)

// TestVectorMCPResponseExtraction runs the vectors of contract B4.
func TestVectorMCPResponseExtraction(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []struct {
			ID           string          `json:"id"`
			Response     json.RawMessage `json:"response"`
			ExpectedData json.RawMessage `json:"expected_data"`
		} `json:"vectors"`
	}
	if err := json.Unmarshal(adcptest.Vector(t, "mcp-response-extraction.json"), &file); err != nil {
		t.Fatal(err)
	}
	for _, v := range file.Vectors {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			r, err := ReadToolResult(v.Response)
			if err != nil {
				t.Fatal(err)
			}
			equalData(t, r.Response().Payload, v.ExpectedData)
		})
	}
}

// TestVectorTransportErrorMapping runs the vectors of contract D2 to D8.
func TestVectorTransportErrorMapping(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []struct {
			ID        string          `json:"id"`
			Transport string          `json:"transport"`
			Response  json.RawMessage `json:"response"`
			Expected  *struct {
				Code       string          `json:"code"`
				Message    string          `json:"message"`
				Recovery   Recovery        `json:"recovery"`
				RetryAfter *float64        `json:"retry_after"`
				Field      string          `json:"field"`
				Suggestion string          `json:"suggestion"`
				Details    json.RawMessage `json:"details"`
			} `json:"expected_error"`
			Action string `json:"expected_action"`
		} `json:"vectors"`
	}
	if err := json.Unmarshal(adcptest.Vector(t, "transport-error-mapping.json"), &file); err != nil {
		t.Fatal(err)
	}
	actions := map[Recovery]string{Transient: "retry", Correctable: "surface_to_caller", Terminal: "escalate_to_human"}
	for _, v := range file.Vectors {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			got := failure(t, v.Transport, v.Response)
			if v.Expected == nil {
				if got != nil || v.Action != "generic_error" {
					t.Fatalf("error = %+v for action %s, want none", got, v.Action)
				}
				return
			}
			if got == nil {
				t.Fatal("no error found")
			}
			want := v.Expected
			if got.Code != want.Code || got.Message != want.Message ||
				got.Field != want.Field || got.Suggestion != want.Suggestion {
				t.Errorf("error = %+v, want %+v", *got, *want)
			}
			if a := actions[got.Recovery]; a != v.Action {
				t.Errorf("recovery %s means %s, want %s", got.Recovery, a, v.Action)
			}
			var retryAfter time.Duration
			if want.RetryAfter != nil {
				retryAfter = ClampRetryAfter(*want.RetryAfter)
			}
			if got.RetryAfter != retryAfter {
				t.Errorf("retry after %v, want %v", got.RetryAfter, retryAfter)
			}
			if want.Details != nil {
				equalJSON(t, got.Details, want.Details)
			}
		})
	}
}

// failure finds the error in a JSON-RPC error, an MCP tool result or an A2A task: the vectors have
// all three.
func failure(t *testing.T, transport string, response json.RawMessage) *Error {
	t.Helper()
	if rpc := object(object(response)["error"]); rpc != nil {
		return errorOrNil(ReadRPCError(rpc["data"]))
	}
	switch transport {
	case "mcp":
		r, err := ReadToolResult(response)
		if err != nil {
			t.Fatal(err)
		}
		return r.Response().Err
	case "a2a":
		return errorOrNil(ReadA2AError(response))
	}
	t.Fatalf("transport %s", transport)
	return nil
}

func errorOrNil(e Error, ok bool) *Error {
	if !ok {
		return nil
	}
	return &e
}

// TestVectorA2AResponseExtraction runs the vectors of contract B22.
func TestVectorA2AResponseExtraction(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []struct {
			ID           string          `json:"id"`
			Response     json.RawMessage `json:"response"`
			ExpectedData json.RawMessage `json:"expected_data"`
		} `json:"vectors"`
	}
	if err := json.Unmarshal(adcptest.Vector(t, "a2a-response-extraction.json"), &file); err != nil {
		t.Fatal(err)
	}
	for _, v := range file.Vectors {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			got, err := ExtractA2A(v.Response)
			equalData(t, got.Data, v.ExpectedData)
			if got.Data != nil && err != nil {
				t.Error(err)
			}
		})
	}
}

// TestVectorWebhookPayloadExtraction runs the vectors of contract F23, F26 and F27.
func TestVectorWebhookPayloadExtraction(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []struct {
			ID             string          `json:"id"`
			Format         Format          `json:"format"`
			Payload        json.RawMessage `json:"payload"`
			ExpectedFormat Format          `json:"expected_format"`
			ExpectedData   json.RawMessage `json:"expected_data"`
		} `json:"vectors"`
	}
	if err := json.Unmarshal(adcptest.Vector(t, "webhook-payload-extraction.json"), &file); err != nil {
		t.Fatal(err)
	}
	for _, v := range file.Vectors {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			if got := DetectFormat(v.Payload); got != v.ExpectedFormat {
				t.Errorf("format %q, want %q", got, v.ExpectedFormat)
			}
			var data json.RawMessage
			switch v.Format {
			case FormatMCP:
				w, _ := ParseWebhook(v.Payload) // some vectors have no complete envelope
				data = w.Result
			case FormatA2A:
				a, _ := ExtractA2A(v.Payload)
				data = a.Data
			}
			equalData(t, data, v.ExpectedData)
		})
	}
}

// equalData compares extracted data. A wanted null means no data.
func equalData(t *testing.T, got, want json.RawMessage) {
	t.Helper()
	if len(want) == 0 || string(want) == "null" {
		if got != nil {
			t.Fatalf("data = %s, want none", got)
		}
		return
	}
	equalJSON(t, got, want)
}

func equalJSON(t *testing.T, got, want json.RawMessage) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal(got, &g); err != nil {
		t.Fatalf("%q: %v", got, err)
	}
	if err := json.Unmarshal(want, &w); err != nil {
		t.Fatal(err)
	}
	gb, _ := json.Marshal(g)
	wb, _ := json.Marshal(w)
	if string(gb) != string(wb) {
		t.Errorf("got  %s\nwant %s", gb, wb)
	}
}
