package schema

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/adcp/adcptest"

	"github.com/dlclark/regexp2"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// reference is a general validator on the official schemas as they are published.
type reference struct {
	compiler *jsonschema.Compiler
	dir      string
	requests map[string]string // by tool
}

// published reads the schemas of a release by their addresses.
type published struct{ dir, version string }

func (p published) Load(address string) (any, error) {
	_, name, ok := strings.Cut(address, "/schemas/"+p.version+"/")
	if !ok {
		return nil, errors.New("not in the release")
	}
	b, err := os.ReadFile(filepath.Join(p.dir, filepath.FromSlash(name)))
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(b))
}

// ecma is a pattern as JSON Schema means it: ECMA 262 with look-aheads.
type ecma struct{ *regexp2.Regexp }

func (e ecma) MatchString(s string) bool {
	ok, err := e.Regexp.MatchString(s)
	return ok && err == nil
}

func newReference(t testing.TB, release string) reference {
	t.Helper()
	dir := filepath.Join(adcptest.BundleDir(t), "_schemas", release)
	var m struct {
		Version string `json:"adcp_version"`
		Tools   map[string]struct {
			Request string `json:"request_schema"`
		} `json:"tools"`
	}
	decode(t, adcptest.Bundle(t, "_schemas/"+release+"/manifest.json"), &m)
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7)
	c.UseLoader(published{dir, m.Version})
	c.UseRegexpEngine(func(pattern string) (jsonschema.Regexp, error) {
		re, err := regexp2.Compile(pattern, regexp2.ECMAScript)
		return ecma{re}, err
	})
	for _, format := range []string{"date-time", "date", "uri", "email", "hostname", "uri-template"} {
		c.RegisterFormat(&jsonschema.Format{Name: format, Validate: func(v any) error {
			if s, ok := v.(string); ok && !hasFormat(format, s) {
				return errors.New("another form")
			}
			return nil
		}})
	}
	c.AssertFormat()
	r := reference{c, "https://adcontextprotocol.org/schemas/" + m.Version + "/", map[string]string{}}
	for tool, entry := range m.Tools {
		r.requests[tool] = entry.Request
	}
	return r
}

func (r reference) compile(t testing.TB, tool string) *jsonschema.Schema {
	t.Helper()
	s, err := r.compiler.Compile(r.dir + r.requests[tool])
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The verdict is that of a general validator on the official schemas, whatever the request is.
func TestVerdictIsThatOfTheOfficialSchemas(t *testing.T) {
	t.Parallel()
	rounds := 40
	if testing.Short() {
		rounds = 10
	}
	for _, release := range releases() {
		t.Run(release, func(t *testing.T) {
			t.Parallel()
			ref := newReference(t, release)
			doc, err := load(release)
			if err != nil {
				t.Fatal(err)
			}
			valid, invalid := 0, 0
			for tool := range ref.requests {
				official := ref.compile(t, tool)
				number, ok := root(release, tool)
				if !ok {
					t.Errorf("no %s", tool)
					continue
				}
				for seed := range rounds {
					m := maker{doc, rand.New(rand.NewPCG(uint64(seed), 1))}
					v, _ := again(m.make(&node{Ref: &number}, nil, 0))
					for change := range 6 {
						if change > 0 {
							v, _ = again(m.change(v))
						}
						if _, object := v.(map[string]any); !object {
							break
						}
						if agree(t, official, release, tool, v) {
							valid++
						} else {
							invalid++
						}
					}
				}
			}
			t.Logf("%d valid requests, %d that are not", valid, invalid)
			if valid < invalid/20 || invalid < valid/20 {
				t.Error("too few of one kind")
			}
		})
	}
}

// agree compares both verdicts, and checks that each invalid request has a reason.
func agree(t *testing.T, official *jsonschema.Schema, release, tool string, v any) bool {
	t.Helper()
	_, text := again(v)
	want := official.Validate(v)
	r, err := Read(text)
	if err != nil {
		t.Fatal(err)
	}
	result, err := r.Check(release, tool, "request")
	if err != nil {
		t.Fatal(err)
	}
	if (want == nil) != (len(result.Fields) == 0) {
		t.Errorf("%s %s %.2000s\nofficial: %.1500v\nhere: %v", release, tool, text, want, result)
	}
	seen := map[string]bool{}
	for _, f := range result.Fields {
		if seen[f.Field] || !strings.HasPrefix(f.Rule, "must ") || f.Code == "" || f.Remedy == "" {
			t.Errorf("%s %s: %+v", release, tool, f)
		}
		seen[f.Field] = true
	}
	return want == nil
}

// BenchmarkFirstRequest is what a cold function pays, BenchmarkRequest what a warm one does.
func BenchmarkFirstRequest(b *testing.B) {
	for b.Loop() {
		d, err := unpack("3.2")
		if err != nil {
			b.Fatal(err)
		}
		number, _ := root("3.2", "create_media_buy")
		r, err := Read([]byte(buy))
		if err != nil {
			b.Fatal(err)
		}
		c := checker{doc: d}
		if !c.check(d.definition(number), r.members, nil, nil) {
			b.Fatal("not valid")
		}
	}
}

func BenchmarkRequest(b *testing.B) {
	for b.Loop() {
		r, err := Read([]byte(buy))
		if err != nil {
			b.Fatal(err)
		}
		if ok, err := r.Valid("3.2", "create_media_buy"); !ok || err != nil {
			b.Fatal("not valid", err)
		}
	}
}

// BenchmarkReference is what a general validator takes for the same: to compile, and to check.
func BenchmarkReference(b *testing.B) {
	r, err := Read([]byte(buy))
	if err != nil {
		b.Fatal(err)
	}
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			if err := newReference(b, "3.2").compile(b, "create_media_buy").Validate(any(r.members)); err != nil {
				b.Fatalf("%+v", err)
			}
		}
	})
	official := newReference(b, "3.2").compile(b, "create_media_buy")
	b.Run("warm", func(b *testing.B) {
		for b.Loop() {
			if official.Validate(any(r.members)) != nil {
				b.Fatal("not valid")
			}
		}
	})
}
