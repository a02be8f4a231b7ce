package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/adcp/adcptest"
	"adcp-orchestrator/pkg/httpsig"
)

// signedCall returns the call that a client sends to an agent of some releases, which wants it
// signed under a digest policy.
func signedCall(t *testing.T, k *signer, versions []string, digest string) (url string, m message) {
	t.Helper()
	s := (&seller{result: completedResult}).start(t)
	a := s.agent()
	a.Signing = adcp.Capabilities{
		Versions: versions,
		Requests: adcp.RequestSigning{RequiredFor: []string{buyTool}, Digest: digest},
	}.Signing()
	// The release that the request is written in decides nothing.
	if _, err := signingClient(t, k).Call(t.Context(), a, buyTool, json.RawMessage(`{"adcp_version":"3.1"}`)); err != nil {
		t.Fatal(err)
	}
	calls := s.received(http.MethodPost, "tools/call")
	if len(calls) != 1 || !isSigned(calls[0]) {
		t.Fatalf("sent %v", calls)
	}
	return s.url, calls[0]
}

// accepts reports whether the verifier of a profile takes a message.
func (s *signer) accepts(t *testing.T, p httpsig.Profile, url string, m message) bool {
	t.Helper()
	f := nonceStore{map[string]bool{}}
	v := httpsig.Verifier{Profile: p, Keys: httpsig.JWKS{"buyer-1": s.jwk()}, Replay: f, Revocation: f}
	host := strings.TrimPrefix(strings.TrimSuffix(url, "/mcp"), "http://")
	signed := httpsig.Message{Method: m.http, URL: url, Host: host, Header: m.header, Body: m.body}
	_, err := v.Verify(t.Context(), signed, noon)
	if refused := (*httpsig.Error)(nil); err != nil && !errors.As(err, &refused) {
		t.Fatal(err)
	}
	return err == nil
}

// An agent that speaks 3.2 gets signatures of 3.2, whatever else it speaks and whatever it says
// about digests; any other agent gets those of 3.1 (contract B50).
func TestRequestIsSignedInTheEndpointsProfile(t *testing.T) {
	t.Parallel()
	k := newSigner()
	for _, digest := range []string{"", "required", "either", "forbidden"} {
		for _, c := range []struct {
			versions []string
			is32     bool
		}{
			{nil, false},
			{[]string{"3.0", "3.1"}, false},
			{[]string{"3.0", "3.1", "3.2"}, true},
			{[]string{"3.3"}, true},
		} {
			url, m := signedCall(t, k, c.versions, digest)
			if got := k.accepts(t, httpsig.RequestProfile32(), url, m); got != c.is32 {
				t.Errorf("%v %q: signed for 3.2: %v, %v", c.versions, digest, got, m.header)
			}
			padded := strings.HasSuffix(m.header.Get("Signature"), "==:")
			covered := m.header.Get("Content-Digest") != ""
			if padded != c.is32 || covered == (digest == "forbidden" && !c.is32) {
				t.Errorf("%v %q: %v", c.versions, digest, m.header)
			}
		}
	}
}

// AdCP's own verifier, in the package that sellers in Python use, takes the signatures of each
// profile, and refuses those of 3.1 where 3.2 is spoken.
func TestPyPIVerifiesTheSignaturesOfEachProfile(t *testing.T) {
	t.Parallel()
	python := os.Getenv("SENDERS_PYTHON")
	if python == "" {
		t.Skip("SENDERS_PYTHON is not set: make test starts the local stack and sets it")
	}
	k := newSigner()
	var in bytes.Buffer
	var want []string
	for _, c := range []struct {
		versions                []string
		digest, profile, result string
	}{
		{[]string{"3.1"}, "either", "3.1", "ok"},
		{[]string{"3.1"}, "required", "3.1", "ok"},
		{[]string{"3.1"}, "forbidden", "3.1", "ok"},
		{[]string{"3.0"}, "", "3.0", "ok"},
		{[]string{"3.1", "3.2"}, "required", "3.2", "ok"},
		{[]string{"3.2"}, "", "3.2", "ok"},
		{[]string{"3.1"}, "required", "3.2", "request_signature_header_malformed"},
		{[]string{"3.1"}, "forbidden", "3.2", "request_signature_header_malformed"},
	} {
		url, m := signedCall(t, k, c.versions, c.digest)
		headers := map[string]string{}
		for name := range m.header {
			headers[name] = m.header.Get(name)
		}
		headers["Host"] = strings.TrimPrefix(strings.TrimSuffix(url, "/mcp"), "http://")
		digest := c.digest
		if digest == "" || c.profile == "3.2" {
			digest = map[string]string{"3.2": "required"}[c.profile]
		}
		if digest == "" {
			digest = "either"
		}
		if err := json.NewEncoder(&in).Encode(map[string]any{
			"profile": c.profile, "digest": digest, "url": url, "headers": headers, "body": string(m.body),
			"now": noon.Unix(), "key": k.jwk(),
		}); err != nil {
			t.Fatal(err)
		}
		want = append(want, c.result)
	}
	verifier := exec.CommandContext(t.Context(), python, "testdata/verify_pypi.py")
	verifier.Stdin, verifier.Stderr = &in, t.Output()
	out, err := verifier.Output()
	if got := strings.Fields(string(out)); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v\nwant %v", got, err, want)
	}
}

// A refused signature of 3.2 is not followed by another attempt, signed or not (contract B57).
func TestRefusedSignatureOf32IsNotSentUnsigned(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"request_signature_header_malformed", "request_signature_required"} {
		s := (&seller{fault: on("tools/call", status(401, `{}`, `WWW-Authenticate: Signature error="`+code+`"`))}).start(t)
		a := s.agent()
		a.Signing = adcp.Capabilities{
			Versions: []string{"3.2"},
			Requests: adcp.RequestSigning{SupportedFor: []string{buyTool}},
		}.Signing()
		_, err := signingClient(t, newSigner()).Call(t.Context(), a, buyTool, json.RawMessage(`{}`))
		if ce := wantCallError(t, err, adcp.Refused, 401); ce.Signature != code {
			t.Errorf("got %v", ce)
		}
		if calls := s.received(http.MethodPost, "tools/call"); len(calls) != 1 || !isSigned(calls[0]) {
			t.Errorf("%s: sent %d times", code, len(calls))
		}
	}
}

// AdCP's vectors: a method is signed if its name on the wire is listed, letter by letter.
func TestVectorProtocolMethodsMatchExactly(t *testing.T) {
	t.Parallel()
	var file struct {
		Cases []struct {
			ID       string   `json:"id"`
			Declared []string `json:"declared_methods"`
			Wire     string   `json:"wire_method"`
			Matches  bool     `json:"matches"`
		} `json:"exact_match_cases"`
	}
	raw := adcptest.Bundle(t, "_compliance/3.2.4/test-vectors/request-signing/protocol-method-names.json")
	if err := json.Unmarshal(raw, &file); err != nil || len(file.Cases) < 7 {
		t.Fatal(len(file.Cases), err)
	}
	for _, c := range file.Cases {
		s := requestSigner{policy: adcp.RequestSigning{Methods: c.Declared, MethodsRequired: c.Declared}}
		if sign, must := s.wants(subject{method: c.Wire}); sign != c.Matches || must != c.Matches {
			t.Errorf("%s: %v, %v", c.ID, sign, must)
		}
	}
}

// A call over A2A is a message that a seller resolves to its task: the bodies of AdCP's signed
// vectors, but for the ids and for members that say how to answer. A task in required_for is
// signed.
func TestA2ACallNamesItsOperationOnce(t *testing.T) {
	t.Parallel()
	for name, own := range map[string]card{
		"001-signed-sendmessage-create-media-buy":       {v1: true, profile: true},
		"002-signed-message-send-v0-3-create-media-buy": {profile: true},
	} {
		var v struct {
			Request struct {
				Body string `json:"body"`
			} `json:"request"`
			Capability struct {
				Required []string `json:"required_for"`
			} `json:"verifier_capability"`
		}
		raw := adcptest.Bundle(t, "_compliance/3.2.4/test-vectors/request-signing/a2a/positive/"+name+".json")
		if err := json.Unmarshal(raw, &v); err != nil {
			t.Fatal(err)
		}
		type message struct {
			Method string `json:"method"`
			Params struct {
				Message struct {
					Role  string `json:"role"`
					Parts []struct {
						Kind string `json:"kind"`
						Data struct {
							Skill string          `json:"skill"`
							Input json.RawMessage `json:"input"`
						} `json:"data"`
					} `json:"parts"`
				} `json:"message"`
			} `json:"params"`
		}
		var theirs, ours message
		if err := json.Unmarshal([]byte(v.Request.Body), &theirs); err != nil || len(theirs.Params.Message.Parts) != 1 {
			t.Fatal(name, err)
		}
		data := theirs.Params.Message.Parts[0].Data
		body, err := own.message(data.Skill, data.Input, adcp.Continuation{})
		if err != nil || json.Unmarshal(body, &ours) != nil || !reflect.DeepEqual(ours, theirs) {
			t.Errorf("%s: %s, %v", name, body, err)
		}
		s := requestSigner{policy: adcp.RequestSigning{RequiredFor: v.Capability.Required}}
		if sign, must := s.wants(s.callSubject(own.method(), data.Skill, data.Input)); !sign || !must {
			t.Errorf("%s: signed %v, %v", name, sign, must)
		}
	}
}

// An agent that refuses the release of the first question is asked in one that it names, and its
// releases are known even if it does not answer that either (contract B31).
func TestCapabilitiesAreAskedInAReleaseThatTheAgentNames(t *testing.T) {
	t.Parallel()
	refusal := func(details string) string {
		e := `{"code":"VERSION_UNSUPPORTED","message":"m","recovery":"correctable","details":` + details + `}`
		return `{"isError":true,"content":[],"structuredContent":{"adcp_error":` + e + `}}`
	}
	for name, c := range map[string]struct {
		details  string
		accepts  string // the arguments that are answered
		asked    []string
		versions []string
		stated   bool
	}{
		"3.2 only": {
			`{"supported_versions":["3.2"]}`, `{"adcp_version":"3.2"}`,
			[]string{`{"adcp_version":"3.1"}`, `{"adcp_version":"3.2"}`}, []string{"3.2"}, true,
		},
		"it names none": {
			`{}`, `{}`, []string{`{"adcp_version":"3.1"}`, `{}`}, []string{"3.2"}, true,
		},
		"it names what it refuses": {
			`{"supported_versions":["3.1"]}`, `{}`, []string{`{"adcp_version":"3.1"}`, `{}`}, []string{"3.2"}, true,
		},
		"2.5 only": {
			`{"supported_versions":["2.5"]}`, "-", []string{`{"adcp_version":"3.1"}`}, []string{"2.5"}, false,
		},
		"it refuses each": {
			`{"supported_versions":["3.0"]}`, "-",
			[]string{`{"adcp_version":"3.1"}`, `{"adcp_version":"3.0"}`}, []string{"3.0"}, false,
		},
	} {
		s := (&seller{result: func(method string, params json.RawMessage) string {
			if method != "tools/call" {
				return `{"tools":[{"name":"get_adcp_capabilities"}]}`
			}
			var p struct {
				Arguments json.RawMessage `json:"arguments"`
			}
			if _ = json.Unmarshal(params, &p); string(p.Arguments) == c.accepts {
				return `{"structuredContent":{"adcp":{"supported_versions":["3.2"]}}}`
			}
			return refusal(c.details)
		}}).start(t)
		p, err := client(t).Discover(t.Context(), s.agent())
		var asked []string
		for _, m := range s.received(http.MethodPost, "tools/call") {
			asked = append(asked, arguments(t, m))
		}
		if err != nil || !reflect.DeepEqual(asked, c.asked) || p.Capabilities.Stated != c.stated ||
			!reflect.DeepEqual(p.Capabilities.Versions, c.versions) {
			t.Errorf("%s: asked %v, %+v, %v", name, asked, p.Capabilities, err)
		}
	}
}
