package adcp

import (
	"encoding/json"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/adcp/adcptest"
)

// requestSchema is what a release's schema says about the members of a request.
type requestSchema struct {
	declared map[string]bool
	required []string
	closed   bool
	mutating bool
}

// requestSchemas reads the schemas of all requests of a release.
func requestSchemas(t *testing.T, release string) map[string]requestSchema {
	t.Helper()
	dir := filepath.Join(adcptest.BundleDir(t), "_schemas", release)
	read := func(file string, into any) {
		b, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(file)))
		if err == nil {
			err = json.Unmarshal(b, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var manifest struct {
		Tools map[string]struct {
			Mutating bool   `json:"mutating"`
			Request  string `json:"request_schema"`
		} `json:"tools"`
	}
	read("manifest.json", &manifest)
	type schema struct {
		Ref        string                     `json:"$ref"`
		AllOf      []json.RawMessage          `json:"allOf"`
		Properties map[string]json.RawMessage `json:"properties"`
		Required   []string                   `json:"required"`
		Additional json.RawMessage            `json:"additionalProperties"`
	}
	all := map[string]requestSchema{}
	for name, tool := range manifest.Tools {
		r := requestSchema{declared: map[string]bool{}, mutating: tool.Mutating}
		var walk func(file string, s schema)
		walk = func(file string, s schema) {
			for member := range s.Properties {
				r.declared[member] = true
			}
			for _, raw := range s.AllOf {
				var part schema
				_ = json.Unmarshal(raw, &part) // a condition may be anything
				walk(file, part)
			}
			if s.Ref == "" || strings.HasPrefix(s.Ref, "#") {
				return
			}
			to := path.Join(path.Dir(file), s.Ref)
			if _, below, absolute := strings.Cut(s.Ref, "/schemas/"); absolute {
				_, to, _ = strings.Cut(below, "/")
			}
			var part schema
			read(to, &part)
			walk(to, part)
		}
		var top schema
		read(tool.Request, &top)
		walk(tool.Request, top)
		r.required, r.closed = top.Required, string(top.Additional) == "false"
		all[name] = r
	}
	return all
}

// Of each tool, in each release: the shaped request has no member that a closed schema forbids, has
// the key that the schema requires, has a webhook only where the schema has one, and says which
// release it is (contract B29, C3, F9).
func TestShapedRequestFitsItsReleasesSchema(t *testing.T) {
	t.Parallel()
	full := json.RawMessage(`{"adcp_major_version":3,"adcp_version":"3.1","context":{},"idempotency_key":"k",` +
		`"push_notification_config":{}}`)
	for _, release := range spoken {
		for name, schema := range requestSchemas(t, release) {
			raw, err := Shape(name, release, full)
			var got map[string]json.RawMessage
			if err != nil || json.Unmarshal(raw, &got) != nil {
				t.Fatal(name, err)
			}
			for member := range got {
				if schema.closed && !schema.declared[member] && member != "context" {
					t.Errorf("%s %s: the schema forbids %s", release, name, member)
				}
			}
			if slices.Contains(schema.required, memberKey) && got[memberKey] == nil {
				t.Errorf("%s %s: no key", release, name)
			}
			if release == "3.2" && got[memberKey] != nil != (schema.mutating && schema.declared[memberKey]) {
				t.Errorf("%s %s: key %s", release, name, got[memberKey])
			}
			if release != "3.2" && got[memberKey] == nil && !schema.closed {
				t.Errorf("%s %s: no key", release, name)
			}
			openIn30 := release == "3.0" && !schema.closed && slices.Contains([]string{
				"build_creative", "get_products", "get_signals",
			}, name)
			if got[memberWebhook] != nil != (schema.declared[memberWebhook] || openIn30) {
				t.Errorf("%s %s: webhook %s", release, name, got[memberWebhook])
			}
			if v := string(got[memberRelease]); v != `"`+release+`"` && !(v == "" && schema.closed) {
				t.Errorf("%s %s: says %s", release, name, v)
			}
			if string(got[memberMajor]) != "3" {
				t.Errorf("%s %s: major %s", release, name, got[memberMajor])
			}
		}
	}
}

// What was sent before 3.2 goes out byte for byte as it always has: a request is shaped anew for
// each attempt, and an earlier attempt may be older code's (contract C6).
func TestShapeKeepsTheBytesOfOlderReleases(t *testing.T) {
	t.Parallel()
	const frozen = `{"adcp_major_version":3,"adcp_version":"3.1","brief":"a\u0026b","idempotency_key":"k",` +
		`"push_notification_config":{"url":"u"}}`
	for _, task := range Tasks()[:10] {
		request := frozen
		if traits, _ := TraitsOf(task); !traits.Webhook {
			request = strings.Replace(frozen, `,"push_notification_config":{"url":"u"}`, "", 1)
		}
		for release, want := range map[string]string{
			"3.1": request,
			"3.0": strings.Replace(request, `"3.1"`, `"3.0"`, 1),
		} {
			for range 2 {
				if got, err := Shape(string(task), release, json.RawMessage(request)); err != nil || string(got) != want {
					t.Errorf("%s %s: %s, %v", task, release, got, err)
				}
			}
		}
	}
	read, err := Shape("get_signals", "3.2", json.RawMessage(frozen))
	want := `{"adcp_major_version":3,"adcp_version":"3.2","brief":"a\u0026b","push_notification_config":{"url":"u"}}`
	if err != nil || string(read) != want {
		t.Errorf("a read of 3.2: %s, %v", read, err)
	}
	if _, err := Shape("get_signals", "3.2", json.RawMessage(`[]`)); err == nil {
		t.Error("a list was shaped")
	}
}

func TestAgreedReleaseIsSharedAndHasTheTask(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		versions  []string
		majors    []int
		task      Task
		preferred string
		want      string // "" if there is none
	}{
		"the best shared one":              {[]string{"3.0", "3.1", "3.2"}, []int{3}, CreateMediaBuy, "", "3.2"},
		"one that only we speak is not it": {[]string{"3.1", "4.0"}, []int{3, 4}, CreateMediaBuy, "", "3.1"},
		"3.0 alone":                        {[]string{"3.0"}, []int{3}, CreateMediaBuy, "", "3.0"},
		"the preferred one":                {[]string{"3.0", "3.1", "3.2"}, []int{3}, CreateMediaBuy, "3.1", "3.1"},
		"preferred, and shared no more":    {[]string{"3.0", "3.1"}, []int{3}, CreateMediaBuy, "3.2", "3.1"},
		"a task of 3.2 only":               {[]string{"3.1", "3.2"}, []int{3}, BuyProducts, "3.1", "3.2"},
		"a task that none has":             {[]string{"3.0", "3.1"}, []int{3}, BuyProducts, "", ""},
		"a task of 3.0 and 3.1":            {[]string{"3.1", "3.2"}, []int{3}, "creative_approval", "3.2", "3.1"},
		"2.5":                              {[]string{"2.5"}, []int{2}, CreateMediaBuy, "", ""},
		"2.5, without majors":              {[]string{"2.5"}, nil, CreateMediaBuy, "3.1", ""},
		"majors 2 and 4":                   {nil, []int{2, 4}, CreateMediaBuy, "", ""},
		"the major only":                   {nil, []int{3}, CreateMediaBuy, "", "3.1"},
		"the major as a release":           {[]string{"3"}, nil, CreateMediaBuy, "", "3.1"},
		"nothing stated":                   {nil, nil, CreateMediaBuy, "", "3.1"},
		"nothing stated any more":          {nil, nil, CreateMediaBuy, "3.2", "3.2"},
		"nothing stated, a task of 3.2":    {nil, nil, BuyProducts, "", "3.2"},
		"a pre-release only":               {[]string{"3.2-rc.1"}, []int{3}, CreateMediaBuy, "", "3.1"},
		"a patch":                          {[]string{"3.2.4"}, []int{3}, CreateMediaBuy, "", "3.2"},
	} {
		caps := Capabilities{Versions: c.versions, MajorVersions: c.majors}
		got, ok := caps.Agree(c.task, c.preferred)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%s: %q, %v, want %q", name, got, ok, c.want)
		}
		if words := caps.Unspoken(c.task); !ok && !strings.Contains(words, "nothing was sent: ask its owner") {
			t.Errorf("%s: %s", name, words)
		}
	}
}

// The endpoint's releases choose the profile of signatures (contract B50).
func TestSigningProfileFollowsTheEndpointsReleases(t *testing.T) {
	t.Parallel()
	for versions, want := range map[string]bool{
		"": false, "3": false, "3.0": false, "3.1": false, "3.0,3.1": false, "3.1.19": false, "2.5": false, "x.y": false,
		"3.2": true, "3.0,3.1,3.2": true, "3.2-rc.1": true, "3.2.4": true, "3.3": true, "3.10": true, "4.0": true,
	} {
		caps := Capabilities{Requests: RequestSigning{RequiredFor: []string{"create_media_buy"}, Digest: "either"}}
		if versions != "" {
			caps.Versions = strings.Split(versions, ",")
		}
		got := caps.Signing()
		if got.Profile32 != want || len(got.RequiredFor) != 1 || caps.Requests.Profile32 {
			t.Errorf("%s: %+v", versions, got)
		}
	}
}

// AdCP's vectors of the names in protocol_methods_* (contract B44).
func TestVectorProtocolMethodNames(t *testing.T) {
	t.Parallel()
	var file struct {
		Valid []struct {
			Methods []string `json:"methods"`
		} `json:"valid_declarations"`
		Invalid []string `json:"invalid_declarations"`
	}
	raw := adcptest.Bundle(t, "_compliance/3.2.4/test-vectors/request-signing/protocol-method-names.json")
	if err := json.Unmarshal(raw, &file); err != nil || len(file.Valid) < 2 {
		t.Fatal(file, err)
	}
	for _, v := range file.Valid {
		for _, name := range v.Methods {
			if !MethodName(name) {
				t.Errorf("%s is a method", name)
			}
		}
	}
	for _, name := range file.Invalid {
		// tools/call is a method. That no list may hold it is new in 3.2, and signing more does no harm.
		if MethodName(name) && name != "tools/call" {
			t.Errorf("%s is no method", name)
		}
	}
	if MethodName(strings.Repeat("A", 257)) || MethodName("") || MethodName("3") {
		t.Error("an odd name is a method")
	}
	for name := range maps.Keys(requestSchemas(t, "3.2")) {
		if MethodName(name) {
			t.Errorf("the task %s is a method", name)
		}
	}
}
