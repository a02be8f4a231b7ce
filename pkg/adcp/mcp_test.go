package adcp

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestToolResultResponse(t *testing.T) {
	t.Parallel()
	long := `{"pad":"` + strings.Repeat("x", maxText) + `"}`
	for name, c := range map[string]struct{ result, payload, code string }{
		"structured": {
			result:  `{"content":[],"structuredContent":{"status":"submitted","task_id":"t"}}`,
			payload: `{"status":"submitted","task_id":"t"}`,
		},
		"numbers keep their digits": {
			result:  `{"structuredContent":{"n":12345678901234567890,"b":1000.00}}`,
			payload: `{"n":12345678901234567890,"b":1000.00}`,
		},
		"text only": {
			result:  `{"content":[{"type":"text","text":"hello"},{"type":"text","text":" {\"status\": \"completed\"}\n"}]}`,
			payload: `{"status":"completed"}`,
		},
		"structured before text": {`{"content":[{"type":"text","text":"{\"a\":1}"}],"structuredContent":{}}`, `{}`, ""},
		"structured null: the text is read": {
			result:  `{"content":[{"type":"text","text":"{\"a\":1}"}],"structuredContent":null}`,
			payload: `{"a":1}`,
		},
		"a text with an array is not a payload": {`{"content":[{"type":"text","text":"[{}]"}]}`, ``, ""},
		"structured array: the text is read": {
			result:  `{"content":[{"type":"text","text":"{\"a\":1}"}],"structuredContent":[1]}`,
			payload: `{"a":1}`,
		},
		"text over 1 MiB": {
			result:  `{"content":[{"type":"text","text":` + quote(long) + `},{"type":"text","text":"{\"a\":1}"}]}`,
			payload: `{"a":1}`,
		},
		"malformed content is skipped": {
			result:  `{"content":[1,null,{"type":"hologram","text":7},{"type":"text"}],"structuredContent":{"a":1}}`,
			payload: `{"a":1}`,
		},
		"content that is not a list": {`{"content":"hi","structuredContent":{"a":1}}`, `{"a":1}`, ""},
		"content missing":            {`{}`, ``, ""},
		"error": {
			result: `{"isError":true,"structuredContent":{"adcp_error":{"code":"CONFLICT"},"context":{}}}`,
			code:   "CONFLICT",
		},
		"error in text": {
			result: `{"isError":true,"content":[{"type":"text","text":"oops"},{"type":"text",` +
				`"text":"{\"adcp_error\":{\"code\":\"CONFLICT\"}}"}]}`,
			code: "CONFLICT",
		},
		"structured error before text": {
			result: `{"isError":true,"content":[{"type":"text","text":"{\"adcp_error\":{\"code\":\"A\"}}"}],` +
				`"structuredContent":{"adcp_error":{"code":"B"}}}`,
			code: "B",
		},
		"text error before errors[0]": {
			result: `{"isError":true,"content":[{"type":"text","text":"{\"adcp_error\":{\"code\":\"A\"}}"}],` +
				`"structuredContent":{"errors":[{"code":"B"}]}}`,
			code: "A",
		},
		"errors[0] of a failed call": {
			result: `{"isError":true,"structuredContent":{"errors":[{"code":"B"},{"code":"C"}]}}`,
			code:   "B",
		},
		"a failed call has no payload":  {`{"isError":true,"structuredContent":{"media_buy_id":"mb"}}`, ``, ""},
		"isError that is not a boolean": {`{"isError":"true","structuredContent":{"a":1}}`, `{"a":1}`, ""},
		"adcp_error without isError":    {`{"structuredContent":{"adcp_error":{"code":"A"},"products":[]}}`, ``, ""},
		"adcp_error without isError, beside data": {
			result:  `{"structuredContent":{"adcp_error":{"code":"A"},"products":[1]}}`,
			payload: `{"adcp_error":{"code":"A"},"products":[1]}`,
		},
		"errors and nothing else": {
			result: `{"structuredContent":{"errors":[{"code":"A"}],"context":{"x":1},"adcp_version":"3.0",` +
				`"packages":[],"media_buy_id":null}}`,
			code: "A",
		},
		"warnings beside a body": {
			result:  `{"structuredContent":{"errors":[{"code":"A"}],"media_buy_id":"mb"}}`,
			payload: `{"errors":[{"code":"A"}],"media_buy_id":"mb"}`,
		},
		"warnings on completed": {
			result:  `{"structuredContent":{"status":"completed","errors":[{"code":"A"}]}}`,
			payload: `{"status":"completed","errors":[{"code":"A"}]}`,
		},
		"warnings on submitted": {
			result:  `{"structuredContent":{"status":"submitted","task_id":"t","errors":[{"code":"A"}]}}`,
			payload: `{"status":"submitted","task_id":"t","errors":[{"code":"A"}]}`,
		},
		"a rejected task is a task's answer": {
			result:  `{"structuredContent":{"status":"rejected","errors":[{"code":"A"}]}}`,
			payload: `{"status":"rejected","errors":[{"code":"A"}]}`,
		},
		"empty list of errors": {`{"structuredContent":{"errors":[]}}`, `{"errors":[]}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := ReadToolResult(json.RawMessage(c.result))
			if err != nil {
				t.Fatal(err)
			}
			got := r.Response()
			if string(got.Payload) != c.payload {
				t.Errorf("payload = %.200s, want %s", got.Payload, c.payload)
			}
			if code := codeOf(got.Err); code != c.code {
				t.Errorf("error code = %q, want %q", code, c.code)
			}
		})
	}
}

func TestReadToolResultRejectsWhatIsNotAnObject(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{"", "null", "[]", `"x"`, "{"} {
		if _, err := ReadToolResult(json.RawMessage(raw)); err == nil {
			t.Errorf("ReadToolResult(%q) did not fail", raw)
		}
	}
}

func TestReadRPCError(t *testing.T) {
	t.Parallel()
	e, ok := ReadRPCError(json.RawMessage(`{"adcp_error":{"code":"SERVICE_UNAVAILABLE","retry_after":30}}`))
	if !ok || e.Code != "SERVICE_UNAVAILABLE" || e.RetryAfter != 30*time.Second {
		t.Errorf("got %+v, %v", e, ok)
	}
	for _, raw := range []string{"", "null", `"x"`, `{}`, `{"adcp_error":"x"}`, `{"code":"CONFLICT"}`} {
		if e, ok := ReadRPCError(json.RawMessage(raw)); ok {
			t.Errorf("ReadRPCError(%q) = %+v", raw, e)
		}
	}
}

func FuzzToolResult(f *testing.F) {
	for _, s := range []string{
		`{"content":[{"type":"text","text":"{\"a\":1}"}]}`,
		`{"structuredContent":{"status":"completed"}}`,
		`{"isError":true,"content":[]}`,
		`{"isError":true,"structuredContent":{"adcp_error":{"code":"A","retry_after":1e309}}}`,
		`{"structuredContent":{"errors":[{"code":"A"}]}}`,
		`[]`,
		``,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := ReadToolResult(raw)
		if err != nil {
			return
		}
		got := r.Response()
		if got.Err != nil && got.Payload != nil {
			t.Fatalf("both an error and a payload: %s", raw)
		}
		if r.IsError && got.Payload != nil {
			t.Fatalf("a payload out of an error: %s", raw)
		}
		if got.Payload != nil && (!json.Valid(got.Payload) || got.Payload[0] != '{') {
			t.Fatalf("the payload is no object: %q", got.Payload)
		}
		if e := got.Err; e != nil {
			if e.Code == "" || len([]rune(e.Code)) > maxCodeLength || e.RetryAfter < 0 || e.RetryAfter > time.Hour {
				t.Fatalf("error out of bounds: %+v", e)
			}
			if e.Recovery != Transient && e.Recovery != Correctable && e.Recovery != Terminal {
				t.Fatalf("recovery %q", e.Recovery)
			}
		}
	})
}

func codeOf(e *Error) string {
	if e == nil {
		return ""
	}
	return e.Code
}

func quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}
