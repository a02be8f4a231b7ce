package registry_test

import (
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store/memory"
	"adcp-orchestrator/pkg/validation"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

func fields(t *testing.T, err error) []string {
	t.Helper()
	var invalid *validation.Error
	if err != nil && !errors.As(err, &invalid) {
		t.Fatal(err)
	}
	var names []string
	if invalid != nil {
		for _, f := range invalid.Fields {
			names = append(names, f.Field)
		}
	}
	slices.Sort(names)
	return names
}

func TestRegister(t *testing.T) {
	t.Parallel()
	check := func(u string) error {
		if !strings.HasPrefix(u, "https://") {
			return errors.New("https only")
		}
		return nil
	}
	for name, tc := range map[string]struct {
		id, body string
		want     []string
	}{
		"the least":             {"seller", `{"url":"https://s.example/mcp"}`, nil},
		"everything":            {"seller", `{"url":"https://s.example/mcp","transport":"mcp","credential_ref":"adcp/acme/seller","webhook_mode":"none","webhook_format":"a2a","brand_json_url":"https://s.example/brand.json","poll":{"first_seconds":5,"factor":2,"cap_seconds":600}}`, nil},
		"over A2A":              {"a2a-seller", `{"url":"https://s.example/a2a","transport":"a2a"}`, nil},
		"nothing":               {"seller", `{}`, []string{"url"}},
		"all wrong":             {"Seller!", `{"url":"ftp://x","transport":"smtp","credential_ref":"prod/db","webhook_mode":"hope","webhook_format":"soap","brand_json_url":"http://s.example","poll":{"first_seconds":-1,"factor":99,"cap_seconds":5}}`, []string{"brand_json_url", "credential_ref", "id", "poll.cap_seconds", "poll.factor", "poll.first_seconds", "transport", "url", "webhook_format", "webhook_mode"}},
		"another tenant's name": {"seller", `{"url":"https://s.example","credential_ref":"adcp/other/seller"}`, []string{"credential_ref"}},
		"out of its own name":   {"seller", `{"url":"https://s.example","credential_ref":"adcp/acme/../other/seller"}`, []string{"credential_ref"}},
		"a member too many":     {"seller", `{"url":"https://s.example","password":"x"}`, []string{"(body)"}},
		"a wrong kind":          {"seller", `{"url":"https://s.example","poll":{"first_seconds":"soon"}}`, []string{"poll.first_seconds"}},
		"no object":             {"seller", `[]`, []string{"(body)"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := memory.New(clock)
			r := registry.Register{Store: s, Agents: &offering{Profile: sound()}, Now: clock, Checker: registry.Checker{CheckURL: check}}
			a, _, err := r.Run(t.Context(), "acme", tc.id, []byte(tc.body))
			if got := fields(t, err); !slices.Equal(got, tc.want) {
				t.Fatalf("got %v: %v", got, err)
			}
			if err != nil {
				return
			}
			again, _, err := r.Run(t.Context(), "acme", tc.id, []byte(tc.body))
			if err != nil || again.Version != a.Version+1 || again.CreatedAt != a.CreatedAt {
				t.Errorf("the second time: %+v, %v", again, err)
			}
			if want := map[string]registry.Transport{"a2a-seller": registry.A2A, "seller": registry.MCP}[tc.id]; a.Transport != want || a.Poll.MaxDelaySeconds < operation.MinMaxDelay || a.WebhookMode == "" {
				t.Errorf("defaults: %+v", a)
			}
		})
	}
}
