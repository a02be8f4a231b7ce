package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func reserve(text string) map[string]any { return map[string]any{"reservedConcurrency": text} }

func TestBadSettingsAreNamedInTheError(t *testing.T) {
	t.Parallel()
	const (
		localURL = "http://127.0.0.1:4566"
		domain   = "https://adcp.example.com"
		keyARN   = "arn:aws:kms:us-east-1:123456789012:key/1"
	)
	for name, c := range map[string]struct {
		context map[string]any
		wrong   string // the start of the error; empty if the context is valid
	}{
		"values of cdk.json":     {nil, ""},
		"x86_64":                 {map[string]any{"arch": "x86_64"}, ""},
		"Go's name of x86_64":    {map[string]any{"arch": "amd64"}, "context arch: "},
		"local":                  {map[string]any{"local": localURL + "/", "ephemeral": "true"}, ""},
		"local with a path":      {map[string]any{"local": localURL + "/live"}, "context local: "},
		"local without a scheme": {map[string]any{"local": "127.0.0.1:4566"}, "context local: "},
		"domain":                 {map[string]any{"publicBaseUrl": domain + "/"}, ""},
		"domain over http":       {map[string]any{"publicBaseUrl": "http://adcp.example.com"}, "context publicBaseUrl: "},
		"domain with a query":    {map[string]any{"publicBaseUrl": domain + "/a?b=c"}, "context publicBaseUrl: "},
		"domain with an escape":  {map[string]any{"publicBaseUrl": domain + "/a%20b"}, "context publicBaseUrl: "},
		"local and a domain": {
			map[string]any{"local": localURL, "publicBaseUrl": domain},
			"context local and publicBaseUrl ",
		},
		"ephemeral as a bool":       {map[string]any{"ephemeral": true}, ""},
		"ephemeral as a sentence":   {map[string]any{"ephemeral": "yes please"}, "context ephemeral: "},
		"a year of logs":            {map[string]any{"logRetentionDays": "365"}, ""},
		"a year of logs, as number": {map[string]any{"logRetentionDays": 365.0}, ""},
		"a week of logs":            {map[string]any{"logRetentionDays": "7"}, "context logRetentionDays: "},
		"unknown retention period":  {map[string]any{"logRetentionDays": "100"}, "context logRetentionDays: "},
		"retention without number":  {map[string]any{"logRetentionDays": "forever"}, "context logRetentionDays: "},
		"a year of operations":      {map[string]any{"keepEndedDays": 365.0}, ""},
		"operations for ever":       {map[string]any{"keepEndedDays": "0"}, ""},
		"100 days of operations":    {map[string]any{"keepEndedDays": "100"}, ""},
		"a month of operations":     {map[string]any{"keepEndedDays": "30"}, "context keepEndedDays: 30 days are less "},
		"99 days of operations":     {map[string]any{"keepEndedDays": "99"}, "context keepEndedDays: "},
		"keep without number":       {map[string]any{"keepEndedDays": "forever"}, "context keepEndedDays: "},
		"keep for a negative time":  {map[string]any{"keepEndedDays": "-1"}, "context keepEndedDays: "},
		"two people":                {map[string]any{"notifyEmails": "a@example.com, b@example.com"}, ""},
		"nobody":                    {map[string]any{"notifyEmails": ""}, ""},
		"a name, no address":        {map[string]any{"notifyEmails": "Jane"}, "context notifyEmails: "},
		"two signing keys":          {map[string]any{"signingKeys": "2,1"}, ""},
		"no signing key":            {map[string]any{"signingKeys": " "}, "context signingKeys: "},
		"a signing key twice":       {map[string]any{"signingKeys": "1,1"}, "context signingKeys: "},
		"ARN of a signing key":      {map[string]any{"signingKeys": keyARN}, "context signingKeys: "},
		"more shards":               {map[string]any{"dueShards": "64"}, ""},
		"too many shards":           {map[string]any{"dueShards": "65"}, "context dueShards: "},
		"no shard":                  {map[string]any{"dueShards": 0}, "context dueShards: "},
		"unknown log level":         {map[string]any{"logLevel": "trace"}, "context logLevel: "},
		"no rate":                   {map[string]any{"apiRate": ""}, "context apiRate: "},
		"a rate of nothing":         {map[string]any{"webhookRate": "0"}, "context webhookRate: "},
		"a rate beyond the quota":   {map[string]any{"webhookRate": "20000"}, "context webhookRate: "},
		"a burst in words":          {map[string]any{"documentBurst": "many"}, "context documentBurst: "},
		"limits":                    {map[string]any{"tenantLimits": "requests=1/2"}, ""},
		"default limits":            {map[string]any{"tenantLimits": ""}, ""},
		"unknown limits":            {map[string]any{"tenantLimits": "spend=1"}, "context tenantLimits: "},
		"reservations":              {reserve("dispatch=400, poll=500"), ""},
		"too many reservations":     {reserve("dispatch=400,poll=501"), "context reservedConcurrency: "},
		"a reservation of nothing":  {reserve("dispatch=0"), "context reservedConcurrency: "},
		"a reservation twice":       {reserve("poll=1,poll=2"), "context reservedConcurrency: "},
		"an unknown function":       {reserve("pole=1"), "context reservedConcurrency: "},
		"a small account": {
			map[string]any{"reservedConcurrency": "poll=1", "concurrencyQuota": "10"},
			"context reservedConcurrency: ",
		},
		"a large account": {
			map[string]any{"reservedConcurrency": "poll=4900", "concurrencyQuota": "5000"}, "",
		},
		"a small account that reserves nothing": {map[string]any{"concurrencyQuota": "10"}, ""},
		"waf as a sentence":                     {map[string]any{"waf": "please"}, "context waf: "},
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

func TestAllMissingFunctionsAreNamed(t *testing.T) {
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
		t.Error("empty directories are accepted as functions")
	}
}
