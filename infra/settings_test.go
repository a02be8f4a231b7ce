package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSettings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		context map[string]any
		wrong   string // the start of the message, empty if there is nothing wrong
	}{
		"as in cdk.json":        {map[string]any{}, ""},
		"x86":                   {map[string]any{"arch": "x86_64"}, ""},
		"Go's name of x86":      {map[string]any{"arch": "amd64"}, "context arch: "},
		"local":                 {map[string]any{"local": "http://127.0.0.1:4566/", "ephemeral": "true"}, ""},
		"local with a path":     {map[string]any{"local": "http://127.0.0.1:4566/live"}, "context local: "},
		"local without scheme":  {map[string]any{"local": "127.0.0.1:4566"}, "context local: "},
		"domain":                {map[string]any{"publicBaseUrl": "https://adcp.example.com/"}, ""},
		"domain over http":      {map[string]any{"publicBaseUrl": "http://adcp.example.com"}, "context publicBaseUrl: "},
		"domain with a query":   {map[string]any{"publicBaseUrl": "https://adcp.example.com/a?b=c"}, "context publicBaseUrl: "},
		"domain with an escape": {map[string]any{"publicBaseUrl": "https://adcp.example.com/a%20b"}, "context publicBaseUrl: "},
		"local and a domain":    {map[string]any{"local": "http://127.0.0.1:4566", "publicBaseUrl": "https://adcp.example.com"}, "context local and publicBaseUrl "},
		"ephemeral as a bool":   {map[string]any{"ephemeral": true}, ""},
		"ephemeral misspelled":  {map[string]any{"ephemeral": "yes please"}, "context ephemeral: "},
		"a year of logs":        {map[string]any{"logRetentionDays": "365"}, ""},
		"a year as a number":    {map[string]any{"logRetentionDays": 365.0}, ""},
		"a week of logs":        {map[string]any{"logRetentionDays": "7"}, "context logRetentionDays: "},
		"an odd period":         {map[string]any{"logRetentionDays": "100"}, "context logRetentionDays: "},
		"no period":             {map[string]any{"logRetentionDays": "forever"}, "context logRetentionDays: "},
		"two signing keys":      {map[string]any{"signingKeys": "2,1"}, ""},
		"no signing key":        {map[string]any{"signingKeys": " "}, "context signingKeys: "},
		"a signing key twice":   {map[string]any{"signingKeys": "1,1"}, "context signingKeys: "},
		"a signing key's ARN":   {map[string]any{"signingKeys": "arn:aws:kms:us-east-1:123456789012:key/1"}, "context signingKeys: "},
		"level":                 {map[string]any{"logLevel": "trace"}, "context logLevel: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			context, err := cdkContext()
			if err != nil {
				t.Fatal(err)
			}
			for name, value := range c.context {
				context[name] = value
			}
			_, err = readSettings(func(name string) any { return context[name] })
			if (err == nil) != (c.wrong == "") || err != nil && !strings.HasPrefix(err.Error(), c.wrong) {
				t.Errorf("got %v, want %q", err, c.wrong)
			}
		})
	}
}

func TestMissingFunctionsAreNamedAtOnce(t *testing.T) {
	t.Parallel()
	s := settings{Arch: "x86_64", Dist: t.TempDir()}
	for _, spec := range functionSpecs {
		if spec.name == "poll" || spec.name == "settle" {
			continue
		}
		if err := writeFile(filepath.Join(s.bundle(spec.name), "bootstrap"), "x"); err != nil {
			t.Fatal(err)
		}
	}
	err := s.checkBundles()
	if err == nil || !strings.Contains(err.Error(), "amd64 for poll, settle: run `make build ARCH=amd64` first") {
		t.Errorf("got %v", err)
	}
	for _, name := range []string{"poll", "settle"} {
		if err := os.MkdirAll(s.bundle(name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if s.checkBundles() == nil {
		t.Error("empty directories pass for functions")
	}
}
