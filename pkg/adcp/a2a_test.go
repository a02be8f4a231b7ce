package adcp

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestA2AState(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Status{
		"TASK_STATE_SUBMITTED":            StatusSubmitted,
		"TASK_STATE_WORKING":              StatusWorking,
		"TASK_STATE_INPUT_REQUIRED":       StatusInputRequired,
		"TASK_STATE_AUTH_REQUIRED":        StatusAuthRequired,
		"TASK_STATE_COMPLETED":            StatusCompleted,
		"TASK_STATE_CANCELED":             StatusCanceled,
		"TASK_STATE_FAILED":               StatusFailed,
		"TASK_STATE_REJECTED":             StatusRejected,
		"submitted":                       StatusSubmitted,
		"working":                         StatusWorking,
		"input-required":                  StatusInputRequired,
		"auth-required":                   StatusAuthRequired,
		"completed":                       StatusCompleted,
		"canceled":                        StatusCanceled,
		"failed":                          StatusFailed,
		"rejected":                        StatusRejected,
		"unknown":                         StatusUnknown,
		"input_required":                  StatusInputRequired,
		"COMPLETED":                       StatusCompleted,
		"TASK_STATE_UNSPECIFIED":          "",
		"TASK_STATE_PAUSED":               "",
		"cancelled":                       "", //nolint:misspell // the spelling is the fault
		"":                                "",
		" completed":                      "",
		"completed\n":                     "",
		"input--required":                 "",
		"TASK_STATE_TASK_STATE_COMPLETED": "",
		"task_state_completed":            "",
		"wor\u212aing":                    "", // KELVIN SIGN, whose lower case is a k
		"с\u043empleted":                  "", // CYRILLIC c and o
	} {
		if got := a2aState(in); got != want {
			t.Errorf("a2aState(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestExtractA2A(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ raw, data string }{
		"last data part of the first artifact": {
			raw: `{"status":{"state":"completed"},"artifacts":[
				{"parts":[{"data":{"a":1}},{"text":"t"},{"data":{"a":2}},{"data":[3]}]},
				{"parts":[{"data":{"a":4}}]}
			]}`,
			data: `{"a":2}`,
		},
		"first data part of the message": {
			raw:  `{"status":{"state":"working","message":{"parts":[{"data":"x"},{"data":{"a":1}},{"data":{"a":2}}]}}}`,
			data: `{"a":1}`,
		},
		"not final: artifacts are ignored": {
			raw: `{"status":{"state":"working"},"artifacts":[{"parts":[{"data":{"a":1}}]}]}`,
		},
		"final: data in the message": {
			raw: `{"statusUpdate":{"taskId":"t","status":{"state":"TASK_STATE_FAILED",` +
				`"message":{"parts":[{"data":{"a":1}}]}}}}`,
			data: `{"a":1}`,
		},
		"malformed artifacts": {
			raw:  `{"status":{"state":"completed","message":{"parts":[{"data":{"a":1}}]}},"artifacts":"x"}`,
			data: `{"a":1}`,
		},
		"malformed first artifact": {
			raw: `{"status":{"state":"completed"},"artifacts":[null,{"parts":[{"data":{"a":1}}]}]}`,
		},
		"malformed parts": {`{"status":{"state":"completed"},"artifacts":[{"parts":{"data":{"a":1}}}]}`, ``},
		"response beside another member": {
			raw:  `{"status":{"state":"completed"},"artifacts":[{"parts":[{"data":{"response":{},"a":1}}]}]}`,
			data: `{"response":{},"a":1}`,
		},
		"response that is not an object": {
			raw:  `{"status":{"state":"completed"},"artifacts":[{"parts":[{"data":{"response":"r"}}]}]}`,
			data: `{"response":"r"}`,
		},
		"response in a state that is not final": {
			raw:  `{"status":{"state":"working","message":{"parts":[{"data":{"response":{}}}]}}}`,
			data: `{"response":{}}`,
		},
		"JavaScript's special names are plain data": {
			raw:  `{"status":{"state":"completed"},"artifacts":[{"parts":[{"data":{"__proto__":{"a":1},"constructor":2}}]}]}`,
			data: `{"__proto__":{"a":1},"constructor":2}`,
		},
		"numbers keep their digits": {
			raw:  `{"task":{"status":{"state":"completed"},"artifacts":[{"parts":[{"data":{"n":12345678901234567890}}]}]}}`,
			data: `{"n":12345678901234567890}`,
		},
		"state of a later A2A": {
			raw: `{"status":{"state":"TASK_STATE_PAUSED","message":{"parts":[{"data":{"a":1}}]}},` +
				`"artifacts":[{"parts":[{"data":{"a":2}}]}]}`,
		},
		"unknown state": {`{"status":{"state":"unknown","message":{"parts":[{"data":{"a":1}}]}}}`, ``},
		"bare task with a member named task": {
			raw:  `{"task":{"x":1},"id":"t","status":{"state":"completed"},"artifacts":[{"parts":[{"data":{"a":1}}]}]}`,
			data: `{"a":1}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := ExtractA2A(json.RawMessage(c.raw))
			if err != nil || string(got.Data) != c.data {
				t.Errorf("data %s, error %v, want %s", got.Data, err, c.data)
			}
		})
	}
}

func TestExtractA2ARejectsMalformedTasks(t *testing.T) {
	t.Parallel()
	const done = `{"status":{"state":"completed"},"artifacts":[{"parts":[{"data":{"a":1}}]}]}`
	for raw, field := range map[string]string{
		``: "", `null`: "", `[]`: "",
		`{}`:                                "status.state",
		`{"status":"completed"}`:            "status.state",
		`{"status":{"state":""}}`:           "status.state",
		`{"status":{"state":7}}`:            "status.state",
		`{"task":{}}`:                       "status.state",
		`{"task":null}`:                     "status.state",
		`{"task":` + done + `,"x":1}`:       "status.state",
		`{"task":{"task":` + done + `}}`:    "task.task",
		`{"statusUpdate":{"message":1}}`:    "statusUpdate.message",
		`{"task":{"statusUpdate":{},"a":}}`: "",
		`{"status":{"state":"completed"},"artifacts":[{"parts":[{"data":{"a":1}},` +
			`{"data":{"response":{"a":1}}}]}]}`: "response",
	} {
		got, err := ExtractA2A(json.RawMessage(raw))
		var e *EnvelopeError
		if !errors.As(err, &e) || e.Code != "malformed_envelope" || strings.Join(e.Fields, ",") != field || got.Data != nil {
			t.Errorf("%s: data %s, error %v", raw, got.Data, err)
		}
	}
}

// noTasks are messages and artifact updates of both versions, and a message that looks like a task.
var noTasks = []string{
	`{"message":{"messageId":"m","role":"ROLE_AGENT","parts":[{"data":{"status":"completed"}}]}}`,
	`{"message":{"status":{"state":"completed"},"artifacts":[{"parts":[{"data":{"media_buy_id":"mb"}}]}]}}`,
	`{"kind":"message","messageId":"m","role":"agent","parts":[]}`,
	`{"messageId":"m","role":"ROLE_AGENT","parts":[]}`,
	`{"artifactUpdate":{"taskId":"t","artifact":{"parts":[{"data":{"media_buy_id":"mb"}}]},"lastChunk":true}}`,
	`{"kind":"artifact-update","taskId":"t","artifact":{"parts":[]}}`,
	`{"taskId":"t","artifact":{"parts":[]}}`,
}

func TestA2AEventsWithoutATaskReturnErrNoTask(t *testing.T) {
	t.Parallel()
	for _, raw := range noTasks {
		if a, err := ExtractA2A(json.RawMessage(raw)); !errors.Is(err, ErrNoTask) || a.Data != nil {
			t.Errorf("%s: %+v, %v", raw, a, err)
		}
		if w, err := ParseA2AWebhook([]byte(raw)); !errors.Is(err, ErrNoTask) || w.Status != "" {
			t.Errorf("%s: %+v, %v", raw, w, err)
		}
	}
}

func TestReadA2AError(t *testing.T) {
	t.Parallel()
	task := func(state, data string) string {
		return `{"status":{"state":"` + state + `"},"artifacts":[{"parts":[{"data":` + data + `}]}]}`
	}
	for name, c := range map[string]struct{ raw, code string }{
		"failed":                    {task("failed", `{"adcp_error":{"code":"A"}}`), "A"},
		"in 1.0's envelope":         {`{"task":` + task("TASK_STATE_REJECTED", `{"adcp_error":{"code":"A"}}`) + `}`, "A"},
		"failed in A2A and in AdCP": {task("failed", `{"status":"failed","adcp_error":{"code":"A"}}`), "A"},
		"not in the last part": {
			raw: `{"status":{"state":"failed"},"artifacts":[{"parts":[` +
				`{"data":{"adcp_error":{"code":"A"}}},{"data":{"x":1}}]}]}`,
			code: "A",
		},
		"in a later artifact": {
			raw:  `{"status":{"state":"failed"},"artifacts":[{},{"parts":[{"data":{"adcp_error":{"code":"A"}}}]}]}`,
			code: "A",
		},
		"artifacts before the message": {
			raw: `{"status":{"state":"failed","message":{"parts":[{"data":{"adcp_error":{"code":"B"}}}]}},` +
				`"artifacts":[{"parts":[{"data":{"adcp_error":{"code":"A"}}}]}]}`,
			code: "A",
		},
		"in the message": {
			raw:  `{"status":{"state":"failed","message":{"parts":[{"data":{"adcp_error":{"code":"B"}}}]}}}`,
			code: "B",
		},
		"errors[0]":                            {task("failed", `{"errors":[{"code":"A"},{"code":"B"}]}`), "A"},
		"no code":                              {task("failed", `{"adcp_error":{"code":1}}`), ""},
		"completed with nothing but the error": {task("completed", `{"adcp_error":{"code":"A"},"context":{}}`), "A"},
		"completed, the data says rejected":    {task("completed", `{"status":"rejected","adcp_error":{"code":"A"}}`), "A"},
		"completed with data beside the error": {task("completed", `{"adcp_error":{"code":"A"},"products":[1]}`), ""},
		"a success with warnings":              {task("completed", `{"products":[],"errors":[{"code":"A"}]}`), ""},
		"the work continues": {
			raw: task("failed", `{"status":"submitted","task_id":"t","adcp_error":{"code":"A"}}`),
		},
		"not final": {
			raw: `{"status":{"state":"input-required","message":{"parts":[{"data":{"adcp_error":{"code":"A"}}}]}}}`,
		},
		"a message": {`{"message":{"parts":[{"data":{"adcp_error":{"code":"A"}}}]}}`, ""},
		"nothing":   {``, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, ok := ReadA2AError(json.RawMessage(c.raw))
			if ok != (c.code != "") || e.Code != c.code {
				t.Errorf("%+v, %v, want %q", e, ok, c.code)
			}
		})
	}
}
