package adcp

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// hostile returns bodies that are expensive for a careless reader: of 1 MiB, which is the most
// that a receiver reads, where depth or the number of keys is the attack, and smaller ones
// otherwise.
func hostile() map[string]string {
	const large, small = 1 << 20, 1 << 17
	keys := func(format string, size int) string {
		var b strings.Builder
		for i := 0; b.Len() < size-160; i++ {
			fmt.Fprintf(&b, format, i)
		}
		return strings.TrimSuffix(b.String(), ",")
	}
	repeat := func(s string) string { return strings.TrimSuffix(strings.Repeat(s, (small-160)/len(s)), ",") }
	nest := func(open, end string, n int) string { return strings.Repeat(open, n) + "1" + strings.Repeat(end, n) }
	task := func(artifacts, message string) string {
		return `{"task":{"status":{"state":"failed","message":{"parts":[` + message + `]}},"artifacts":[` + artifacts + `]}}`
	}
	return map[string]string{
		"deep objects":     nest(`{"a":`, `}`, large/7),
		"deep lists":       `{"status":` + nest(`[`, `]`, large/2-8) + `}`,
		"deep, not closed": strings.Repeat(`{"a":`, large/5),
		"keys":             `{` + keys(`"%x":0,`, large) + `}`,
		"keys of data":     task(`{"parts":[{"data":{`+keys(`"%x":0,`, large)+`}}]}`, ``),
		"keys of result":   `{"status":"failed","task_id":"t","result":{` + keys(`"%x":0,`, small) + `}}`,
		"escaped keys":     `{` + keys(`"\u0061%x":0,`, small) + `}`,
		"objects":          `{"result":[` + repeat(`{"a":{}},`) + `]}`,
		"parts":            task(`{"parts":[`+repeat(`{"data":{}},`)+`]}`, ``),
		"artifacts":        task(repeat(`{},`), ``),
		"message parts":    task(``, repeat(`1,`)),
		"results":          task(`{"parts":[{"data":`+nest(`{"result":`, `}`, 90)+`}]}`, `"`+strings.Repeat("x", small)+`"`),
		"errors":           `{"status":"failed","task_id":"t","result":{"errors":[` + repeat(`{"code":"A"},`) + `]}}`,
		"a long text":      `{"status":"` + repeat(`\u0061`) + `","task_id":"t"}`,
	}
}

// Reading any body allocates at most a fixed multiple of its length. The test is not parallel,
// because it counts the allocations of the process.
func TestHostileBodiesCostAFixedMultipleOfTheirLength(t *testing.T) {
	const maxCost = 96 // bytes allocated for each byte of the body
	bodies := hostile()
	for name, body := range bodies {
		t.Run(name, func(t *testing.T) {
			if len(body) > 1<<20 {
				t.Fatalf("the body is %d bytes", len(body))
			}
			for reader, read := range map[string]func(){
				"MCP":       func() { w, _ := ParseWebhook([]byte(body)); ReadWebhook(CreateMediaBuy, w) },
				"A2A":       func() { w, _ := ParseA2AWebhook([]byte(body)); ReadWebhook(CreateMediaBuy, w) },
				"A2A error": func() { ReadA2AError(json.RawMessage(body)) },
				"format":    func() { DetectFormat([]byte(body)) },
			} {
				n := allocated(read) / uint64(len(body))
				if t.Logf("%s allocates %d bytes for each byte", reader, n); n > maxCost {
					t.Errorf("%s allocates more than %d bytes for each byte", reader, maxCost)
				}
			}
		})
	}
	for _, name := range []string{"deep objects", "deep lists", "deep, not closed"} {
		if CheckObject([]byte(bodies[name])) == nil {
			t.Errorf("%s was not refused", name)
		}
	}
}

// allocated returns the bytes that f allocates. Parallel tests would count too.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// seeds adds the payloads of the vectors, if ADCP_VECTORS names a directory, and of these tests.
func seeds(f *testing.F) {
	var file struct {
		Vectors, Positive, Negative []struct {
			Payload, Response json.RawMessage
		}
	}
	for _, name := range []string{
		"webhook-payload-extraction.json",
		"a2a-response-extraction.json",
		"webhook-receiver-envelope.json",
	} {
		b, err := os.ReadFile(filepath.Join(os.Getenv("ADCP_VECTORS"), name))
		if err != nil || json.Unmarshal(b, &file) != nil {
			continue
		}
		for _, v := range append(append(file.Vectors, file.Positive...), file.Negative...) {
			f.Add([]byte(v.Payload))
			f.Add([]byte(v.Response))
		}
	}
	for _, s := range append([]string{
		``,
		`{}`,
		`[]`,
		`{"status":{}}`,
		`{"task":{"task":{}}}`,
		strings.Repeat(`{"a":`, 200),
		`{"a":1,"a":2}`,
		"{\"\xff\":1}",
		`{` + webhookEnvelope + `,"task_type":"create_media_buy","status":"completed",` +
			`"result":{"status":"active","media_buy_id":"mb"}}`,
		`{` + webhookEnvelope + `,"task_type":"sync_creatives","status":"failed",` +
			`"result":{"errors":[{"code":"A","retry_after":1e400}]}}`,
		`{"status":{"state":"TASK_STATE_WORKING","message":{"parts":[{"data":{"percentage":1}}]}}}`,
		a2aTask("completed", `{"status":"submitted","task_id":"t"}`),
		a2aTask("rejected", `{"status":"failed","result":{"code":"A"}}`),
		a2aTask("failed", `{"response":{}}`),
		a2aTask("completed", `{"status":"canceled","media_buy_id":"mb","idempotency_key":"whk_0123456789abcdef"}`),
	}, noTasks...) {
		f.Add([]byte(s))
	}
}

func FuzzParseWebhook(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		w, err := ParseWebhook(body)
		checkWebhook(t, body, w, err)
		complete := w.OperationID != "" && w.TaskID != "" && w.TaskType != "" && w.Timestamp != ""
		if err == nil && (!complete || !webhookKey(w.IdempotencyKey)) {
			t.Fatalf("accepted without a required member: %+v", w)
		}
	})
}

func FuzzParseA2AWebhook(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		w, err := ParseA2AWebhook(body)
		checkWebhook(t, body, w, err)
		ReadA2AError(body)
		if err == nil {
			checkA2AWebhook(t, body, w)
		}
		a, err := ExtractA2A(body)
		if a.Data != nil && (err != nil || !json.Valid(a.Data) || a.Data[0] != '{') {
			t.Fatalf("data %q, error %v", a.Data, err)
		}
	})
}

// checkA2AWebhook checks an accepted webhook in A2A's form.
func checkA2AWebhook(t *testing.T, body []byte, w Webhook) {
	t.Helper()
	format := DetectFormat(body)
	switch {
	case format != FormatA2A:
		t.Fatalf("read as A2A, detected as %q: %s", format, body)
	case w.Status == StatusSubmitted && w.TaskID == "", w.IdempotencyKey != "" && !webhookKey(w.IdempotencyKey):
		t.Fatalf("accepted without a required member: %+v", w)
	case w.Result != nil && (w.Result[0] != '{' || string(w.Result) == `{}`):
		t.Fatalf("the result is not an object with members: %s", w.Result)
	}
}

// checkWebhook checks a webhook in any form.
func checkWebhook(t *testing.T, body []byte, w Webhook, err error) {
	t.Helper()
	var envelope *EnvelopeError
	var dup *DuplicateKeyError
	if err != nil && !errors.As(err, &envelope) && !errors.As(err, &dup) && !errors.Is(err, ErrNoTask) {
		t.Fatalf("%q: unexpected kind of error: %v", body, err)
	}
	if err == nil && (!w.Status.Valid() || CheckObject(body) != nil) {
		t.Fatalf("accepted: %+v from %q", w, body)
	}
	if w.Result != nil && !json.Valid(w.Result) {
		t.Fatalf("result %q", w.Result)
	}
	a := ReadWebhook(Task(w.TaskType), w)
	if a.Value != nil && (a.Progress != nil || !a.Status.Terminal() && a.Status != "" || !json.Valid(a.Value)) {
		t.Fatalf("%+v of %q", a, body)
	}
}
