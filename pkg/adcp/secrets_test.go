package adcp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

const secretArguments = `{"idempotency_key":"0b8f7f64-key","push_notification_config":{` +
	`"url":"https://api.example/v1/webhooks/acme.sender.op_1.callback-secret","token":"push/token+1",` +
	`"authentication":{"schemes":["Bearer"],"credentials":"webhook-credential"}}}`

func testSecrets() Secrets {
	return SecretsOf(json.RawMessage(secretArguments)).And(NewSecrets("sk_live_SECRET", "short"))
}

func TestSecretsAreRedactedWhereverTheyStand(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"a":"token sk_live_SECRET!"}`:                        `{"a":"token [redacted]!"}`,
		`{"sk_live_SECRET":["push/token+1"]}`:                  `{"[redacted]":["[redacted]"]}`,
		`{"a":"push\/token\u002b1 \"x\""}`:                     `{"a":"[redacted] \"x\""}`,
		`{"idempotency_key":"0b8f7f64-key"}`:                   `{"idempotency_key":"[redacted]"}`,
		`{"message": "key 0b8f7f64-key is known"}`:             `{"message": "key [redacted] is known"}`,
		`{"url":"https://x/acme.sender.op_1.callback-secret"}`: `{"url":"https://x/acme.sender.op_1.[redacted]"}`,
		`{"c":{"credentials":"webhook-credential"},"n":1.50}`:  `{"c":{"credentials":"[redacted]"},"n":1.50}`,
		// An id is needed, and some agents make it of the key. Of a token nobody does.
		`{"task_id":"t-0b8f7f64-key","creative_ids":["0b8f7f64-key"]}`: "",
		`{"task_id":"sk_live_SECRET"}`:                                 `{"task_id":"[redacted]"}`,
		`{"a":"short \u00e9 <b> \"quoted\""}`:                          "",
		`{"a":"nothing"}`:                                              "",
	} {
		if want == "" {
			want = in
		}
		if got := testSecrets().JSON(json.RawMessage(in)); string(got) != want || !json.Valid(got) {
			t.Errorf("%s became %s, want %s", in, got, want)
		}
	}
}

func TestTextsOfErrorsAreRedacted(t *testing.T) {
	t.Parallel()
	s := testSecrets()
	cause := errors.New("unknown token sk_live_SECRET")
	err := s.Error(fmt.Errorf("JSON-RPC error: %w", cause))
	if err.Error() != "JSON-RPC error: unknown token [redacted]" || !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
	if got := s.Text("cut: sk_live_SE…"); got != "cut: [redacted]…" {
		t.Errorf("a secret that is cut short: %s", got)
	}
	plain := errors.New("plain")
	if got := s.Error(plain); !errors.Is(got, plain) || s.Error(nil) != nil {
		t.Errorf("got %v", got)
	}
	if all := fmt.Sprintf("%v %+v %#v %s", s, s, s, s); strings.Contains(all, "SECRET") {
		t.Errorf("printed %s", all)
	}
}

func TestAnswerIsRedactedButComparedAsItWasSent(t *testing.T) {
	t.Parallel()
	payload := `{"status":"completed","media_buy_id":"mb_1","packages":[],"echo":{"token":"push/token+1"}}`
	r := testSecrets().Response(Response{Payload: json.RawMessage(payload), WorkFailed: true})
	a, ok := ReadDirect(CreateMediaBuy, r)
	plain, _ := ReadDirect(CreateMediaBuy, Response{Payload: json.RawMessage(payload)})
	if !ok || strings.Contains(string(a.Value), "push/token") || !r.WorkFailed {
		t.Errorf("kept %s", a.Value)
	}
	if string(a.Compared()) != string(plain.Compared()) || string(plain.Compared()) != string(plain.Value) {
		t.Errorf("compared %s with %s", a.Compared(), plain.Compared())
	}
	poll := `{"status":"completed","task_id":"t","result":` + payload + `}`
	p, ok := ReadPoll(CreateMediaBuy, testSecrets().Response(Response{Payload: json.RawMessage(poll)}))
	if !ok || strings.Contains(string(p.Value), "push/token") || string(p.Compared()) != string(plain.Value) {
		t.Errorf("kept %s, compared %s", p.Value, p.Compared())
	}
	failure := testSecrets().Response(Response{Err: &Error{Code: "IDEMPOTENCY_CONFLICT",
		Message: "key 0b8f7f64-key", Details: json.RawMessage(`{"key":"0b8f7f64-key"}`)}})
	if b, err := json.Marshal(failure.Err); err != nil || strings.Contains(string(b), "0b8f7f64-key") {
		t.Errorf("got %s, %v", b, err)
	}
}

func TestPushTokenThatAWebhookEchoesIsNotKept(t *testing.T) {
	t.Parallel()
	a := ReadWebhook(CreateMediaBuy, Webhook{Status: StatusFailed, TaskType: "create_media_buy", Token: "push/token+1",
		Result: json.RawMessage(`{"errors":[{"code":"X","message":"for push/token+1"}]}`)})
	if strings.Contains(string(a.Value), "push/token") || strings.Contains(a.Err.Message, "push/token") ||
		!strings.Contains(string(a.Compared()), "push/token") {
		t.Errorf("kept %s and %+v", a.Value, a.Err)
	}
}

func TestUnreadableCodeIsNotQuoted(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{
		"BUDGET_TOO_LOW": "the agent answered BUDGET_TOO_LOW",
		"X1":             "the agent answered X1",
		"":               "the agent answered an error with an unreadable code",
		"<img src=x onerror=alert(1)> \u202e pay": "the agent answered an error with an unreadable code",
		"budget_too_low":        "the agent answered an error with an unreadable code",
		"1X":                    "the agent answered an error with an unreadable code",
		"_X":                    "the agent answered an error with an unreadable code",
		"A\n":                   "the agent answered an error with an unreadable code",
		strings.Repeat("A", 65): "the agent answered an error with an unreadable code",
	} {
		if got := (Error{Code: code}).Describe(); got != want {
			t.Errorf("%q: %s", code, got)
		}
	}
}

// Escapes for HTML would make six bytes of one, and the result too large to keep.
func TestResultOfHTMLKeepsItsSize(t *testing.T) {
	t.Parallel()
	html := strings.Repeat("<&>", 1000)
	payload := `{"status":"completed","creative_manifest":{"html":"` + html + `"}}`
	a, ok := ReadDirect(BuildCreative, Response{Payload: json.RawMessage(payload)})
	if !ok || len(a.Value) > len(payload) || !strings.Contains(string(a.Value), html) {
		t.Errorf("%d bytes of %d", len(a.Value), len(payload))
	}
}

func FuzzRedactJSON(f *testing.F) {
	f.Add([]byte(`{"a":"push\/token+1","task_id":"0b8f7f64-key"}`))
	f.Add([]byte(`["sk_live_SECRET",{"x":"\"\\"}]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !json.Valid(raw) {
			return
		}
		got := testSecrets().JSON(raw)
		var v any
		d := json.NewDecoder(bytes.NewReader(got))
		d.UseNumber()
		if err := d.Decode(&v); err != nil {
			t.Fatalf("%s became %s: %v", raw, got, err)
		}
		if plain, _ := json.Marshal(v); strings.Contains(string(plain), "sk_live_SECRET") {
			t.Errorf("%s became %s", raw, got)
		}
	})
}
