package adcp

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestDecodeError(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		raw  string
		want *Error
	}{
		"every member": {
			raw: `{"code":"RATE_LIMITED","message":"m","recovery":"transient","retry_after":4.2,` +
				`"field":"f","suggestion":"s","details":{"a":1}}`,
			want: &Error{
				Code:       "RATE_LIMITED",
				Message:    "m",
				Recovery:   Transient,
				RetryAfter: 5 * time.Second,
				Field:      "f",
				Suggestion: "s",
				Details:    json.RawMessage(`{"a":1}`),
			},
		},
		"recovery from the code": {`{"code":"BUDGET_TOO_LOW"}`, &Error{Code: "BUDGET_TOO_LOW", Recovery: Correctable}},
		"null recovery": {
			raw:  `{"code":"RATE_LIMITED","recovery":null}`,
			want: &Error{Code: "RATE_LIMITED", Recovery: Transient},
		},
		"the agent's recovery takes precedence": {
			raw:  `{"code":"RATE_LIMITED","recovery":"terminal"}`,
			want: &Error{Code: "RATE_LIMITED", Recovery: Terminal},
		},
		"unknown recovery": {
			raw:  `{"code":"RATE_LIMITED","recovery":"deferred"}`,
			want: &Error{Code: "RATE_LIMITED", Recovery: Terminal},
		},
		"recovery of another type": {
			raw:  `{"code":"RATE_LIMITED","recovery":1}`,
			want: &Error{Code: "RATE_LIMITED", Recovery: Terminal},
		},
		"unknown code": {`{"code":"X_ACME_ODD"}`, &Error{Code: "X_ACME_ODD", Recovery: Transient}},
		"members of the wrong type": {
			raw:  `{"code":"CONFLICT","message":1,"field":[],"details":"d","issues":{},"retry_after":"5"}`,
			want: &Error{Code: "CONFLICT", Recovery: Transient},
		},
		"a number that no float can hold": {
			raw:  `{"code":"CONFLICT","retry_after":1e999}`,
			want: &Error{Code: "CONFLICT", Recovery: Transient},
		},
		"issues": {
			raw:  `{"code":"VALIDATION_ERROR","issues":[ {"pointer":"/a"} ]}`,
			want: &Error{Code: "VALIDATION_ERROR", Recovery: Correctable, Issues: json.RawMessage(`[{"pointer":"/a"}]`)},
		},
		"64 characters": {
			raw:  `{"code":"` + strings.Repeat("é", 64) + `"}`,
			want: &Error{Code: strings.Repeat("é", 64), Recovery: Transient},
		},
		"65 characters":   {`{"code":"` + strings.Repeat("A", 65) + `"}`, nil},
		"no code":         {`{"message":"m"}`, nil},
		"empty code":      {`{"code":""}`, nil},
		"numeric code":    {`{"code":1}`, nil},
		"names are exact": {`{"Code":"CONFLICT"}`, nil},
		"an array":        {`["CONFLICT"]`, nil},
		"null":            {`null`, nil},
		"nothing":         {``, nil},
		"4096 bytes without the spaces": {
			raw:  `{"code":"CONFLICT",        "message":"` + strings.Repeat("m", 4096-32) + `"}`,
			want: &Error{Code: "CONFLICT", Recovery: Transient, Message: strings.Repeat("m", 4096-32)},
		},
		"4097 bytes": {`{"code":"CONFLICT","message":"` + strings.Repeat("m", 4097-32) + `"}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok := DecodeError(json.RawMessage(c.raw))
			if ok != (c.want != nil) {
				t.Fatalf("ok = %v", ok)
			}
			if c.want == nil {
				return
			}
			g, _ := json.Marshal(got)
			w, _ := json.Marshal(*c.want)
			if string(g) != string(w) || got.RetryAfter != c.want.RetryAfter {
				t.Errorf("got  %s %v\nwant %s %v", g, got.RetryAfter, w, c.want.RetryAfter)
			}
		})
	}
}

// A stored error keeps every member that the agent sent (contract D19).
func TestErrorKeepsEveryMember(t *testing.T) {
	t.Parallel()
	const sent = `{"code":"RATE_LIMITED","message":"m","recovery":"transient","field":"f","suggestion":"s",` +
		`"issues":[{"pointer":"/a"}],"details":{"a":1},"retry_after":7}`
	e, _ := DecodeError(json.RawMessage(sent))
	written, err := json.Marshal(&e)
	var back Error
	if err != nil || string(written) != sent || json.Unmarshal(written, &back) != nil || !reflect.DeepEqual(back, e) {
		t.Errorf("written %s, read %+v, %v", written, back, err)
	}
	if plain, _ := json.Marshal(Error{Code: "X"}); string(plain) != `{"code":"X"}` {
		t.Errorf("got %s", plain)
	}
	if json.Unmarshal([]byte(`{"retry_after":"soon"}`), &back) == nil {
		t.Error("a malformed stored error was read")
	}
}

func TestNegotiate(t *testing.T) {
	t.Parallel()
	for details, want := range map[string]string{
		`{}`:                                    "",
		`{"supported_versions":[]}`:             "",
		`{"supported_versions":"3.1"}`:          "",
		`{"supported_versions":["3.3","2.6"]}`:  "",
		`{"supported_versions":["3.1-beta.1"]}`: "",
		`{"supported_versions":["3.0","3.2"]}`:  "3.2",
		`{"supported_versions":["3.0","3.1"]}`:  "3.1",
		`{"supported_versions":["3.1.19"]}`:     "3.1",
		`{"supported_versions":["3","3.0"]}`:    "3.0",
		`{"supported_versions":["3"]}`:          "3.1",
		`{"supported_versions":[2,3]}`:          "3.1",
	} {
		e := Error{Code: "VERSION_UNSUPPORTED", Details: json.RawMessage(details)}
		if got, ok := Negotiate(e.SupportedVersions(), ""); got != want || ok != (want != "") {
			t.Errorf("%s: %q, %v", details, got, ok)
		}
	}
}

func TestClampRetryAfter(t *testing.T) {
	t.Parallel()
	for in, want := range map[float64]time.Duration{
		0:      time.Second,
		0.2:    time.Second,
		1:      time.Second,
		1.01:   2 * time.Second,
		3599.5: time.Hour,
		3600:   time.Hour,
		86400:  time.Hour,
		1e300:  time.Hour,
		-1:     0,

		math.Inf(1):  0,
		math.Inf(-1): 0,
		math.NaN():   0,
	} {
		if got := ClampRetryAfter(in); got != want {
			t.Errorf("ClampRetryAfter(%v) = %v, want %v", in, got, want)
		}
	}
}

func TestRecoveryOf(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]Recovery{
		"IDEMPOTENCY_IN_FLIGHT": Transient,
		"CAMPAIGN_SUSPENDED":    Transient,
		"AUTH_INVALID":          Terminal,
		"CREDENTIAL_IN_ARGS":    Terminal,
		"IDEMPOTENCY_CONFLICT":  Correctable,
		"REFERENCE_NOT_FOUND":   Correctable,
		"ACCOUNT_MOVED":         Correctable,
		"VAST_PARSE_FAILED":     Correctable,
	} {
		if got, known := RecoveryOf(code); got != want || !known {
			t.Errorf("RecoveryOf(%s) = %s, %v", code, got, known)
		}
	}
	for _, code := range []string{"", "rate_limited", "X_ACME_ODD"} {
		if got, known := RecoveryOf(code); got != Transient || known {
			t.Errorf("RecoveryOf(%q) = %s, %v: an unknown code is transient", code, got, known)
		}
	}
}
