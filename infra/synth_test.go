package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
)

// template is the part of a CloudFormation template that the tests read.
type template struct {
	Resources map[string]resource
	Outputs   map[string]struct{ Value any }
}

type resource struct {
	Type                string
	Properties          map[string]any
	DeletionPolicy      string
	UpdateReplacePolicy string
}

// alarmTopic is the topic of alarms in the template for the local stack.
const alarmTopic = "arn:aws:sns:us-east-1:123456789012:ops"

// synthesized returns the templates for AWS ("aws"), for the local stack ("local"), and for AWS
// with other sizes ("tuned"). All tests share them, because synthesis takes seconds.
var synthesized = sync.OnceValues(func() (map[string]template, error) {
	dir, err := os.MkdirTemp("", "infra-test-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	for _, f := range functionSpecs {
		for _, arch := range []string{"arm64", "amd64"} {
			if err := writeFile(filepath.Join(dir, "dist", arch, f.name, "bootstrap"), "#!"+f.name); err != nil {
				return nil, err
			}
		}
	}
	context, err := cdkContext()
	if err != nil {
		return nil, err
	}
	app := newApp(&awscdk.AppProps{Context: &context, Outdir: jsii.String(filepath.Join(dir, "out"))})
	s, err := readSettings(func(name string) any { return context[name] })
	if err != nil {
		return nil, err
	}
	s.Dist = filepath.Join(dir, "dist")
	local := s
	local.Arch, local.Local, local.Ephemeral, local.AlarmTopicARN = "x86_64", "http://127.0.0.1:4566", true, alarmTopic
	tuned, err := tunedSettings(context)
	if err != nil {
		return nil, err
	}
	tuned.Dist = s.Dist
	templates := map[string]template{}
	for name, s := range map[string]settings{"aws": s, "local": local, "tuned": tuned} {
		if err := newStack(app, name, s); err != nil {
			return nil, err
		}
		templates[name] = template{}
	}
	app.Synth(nil)
	for name := range templates {
		var t template
		if err := readJSON(filepath.Join(dir, "out", name+".template.json"), &t); err != nil {
			return nil, err
		}
		templates[name] = t
	}
	return templates, nil
})

// tunedSettings returns the settings with every throttle, limit and reservation changed.
func tunedSettings(context map[string]any) (settings, error) {
	context = maps.Clone(context)
	maps.Copy(context, map[string]any{
		"apiRate": 11, "apiBurst": 12, "webhookRate": 13, "webhookBurst": 14, "documentRate": 15, "documentBurst": 16,
		"tenantLimits":        "requests=1/2,submissions=3/4,agents=5,openOperations=0",
		"reservedConcurrency": "dispatch=400,poll=100,webhook=100,authorizer=50",
		"waf":                 true,
	})
	return readSettings(func(name string) any { return context[name] })
}

// deployed returns the template for AWS.
func deployed(t *testing.T) template { return synthesize(t)["aws"] }

// local returns the template for the local stack.
func local(t *testing.T) template { return synthesize(t)["local"] }

func synthesize(t *testing.T) map[string]template {
	t.Helper()
	templates, err := synthesized()
	if err != nil {
		t.Fatal(err)
	}
	return templates
}

func TestMain(m *testing.M) {
	code := m.Run()
	closeRuntime()
	os.Exit(code)
}

// cdkContext returns the context that the CDK CLI passes to the app, so that the tests see the
// template that is deployed.
func cdkContext() (map[string]any, error) {
	var file struct{ Context map[string]any }
	return file.Context, readJSON("cdk.json", &file)
}

func readJSON(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func writeFile(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o755)
}

// all returns the logical ids of a type's resources, sorted.
func (t template) all(kind string) []string {
	var ids []string
	for id, r := range t.Resources {
		if r.Type == kind {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// get returns the resource of a construct by the construct's name in the app.
func (t template) get(tb testing.TB, kind, name string) resource {
	tb.Helper()
	for _, id := range t.all(kind) {
		if plain(id) == name {
			return t.Resources[id]
		}
	}
	tb.Fatalf("there is no %s named %s", kind, name)
	return resource{}
}

// at walks into maps and lists and returns nil where there is nothing.
func at(v any, path ...any) any {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			l, _ := v.([]any)
			if p >= len(l) {
				return nil
			}
			v = l[p]
		}
	}
	return v
}

var hashed = regexp.MustCompile(`^(.+?)[0-9A-F]{8}$`)

// plain removes CDK's hash from a logical id.
func plain(id string) string {
	if m := hashed.FindStringSubmatch(id); m != nil {
		return m[1]
	}
	return id
}

// text writes a value in the syntax of Fn::Sub, so that CDK's Fn::Join and the SAM template's !Sub
// can be compared.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case map[string]any:
		if len(v) != 1 {
			break
		}
		for name, arg := range v {
			switch name {
			case "Ref":
				return "${" + plain(arg.(string)) + "}"
			case "Fn::GetAtt":
				parts := arg.([]any)
				return "${" + plain(parts[0].(string)) + "." + text(parts[1]) + "}"
			case "Fn::Join":
				var b []string
				for _, part := range at(arg, 1).([]any) {
					b = append(b, text(part))
				}
				return strings.Join(b, text(at(arg, 0)))
			case "Fn::Sub":
				if s, ok := arg.(string); ok {
					return s
				}
			}
		}
	}
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// list returns a property as a list, where CloudFormation allows one value or a list of values.
func list(v any) []any {
	if v == nil {
		return nil
	}
	if l, ok := v.([]any); ok {
		return l
	}
	return []any{v}
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
