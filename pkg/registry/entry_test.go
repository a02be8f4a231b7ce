package registry_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
)

const fullEntry = `{
	"url": "https://s.example/mcp",
	"transport": "mcp",
	"credential_ref": "adcp/acme/seller",
	"webhook_mode": "none",
	"webhook_format": "a2a",
	"brand_json_url": "https://s.example/brand.json",
	"poll": {"interval_seconds": 5, "backoff_rate": 2, "max_delay_seconds": 600}
}`

const wrongEntry = `{
	"url": "ftp://x",
	"transport": "smtp",
	"credential_ref": "prod/db",
	"webhook_mode": "hope",
	"webhook_format": "soap",
	"brand_json_url": "http://s.example",
	"poll": {"interval_seconds": -1, "backoff_rate": 99, "max_delay_seconds": 5}
}`

func TestEntryNamesEveryWrongField(t *testing.T) {
	t.Parallel()
	const url = `{"url":"https://s.example",`
	for name, tc := range map[string]struct {
		id, body string
		want     []string
	}{
		"the smallest entry": {"seller", sellerEntry, nil},
		"every member":       {"seller", fullEntry, nil},
		"over A2A":           {"a2a-seller", `{"url":"https://s.example/a2a","transport":"a2a"}`, nil},
		"an empty entry":     {"seller", `{}`, []string{"url"}},
		"every member is wrong": {"Seller!", wrongEntry, []string{
			"brand_json_url",
			"credential_ref",
			"id",
			"poll.backoff_rate",
			"poll.interval_seconds",
			"poll.max_delay_seconds",
			"transport",
			"url",
			"webhook_format",
			"webhook_mode",
		}},
		"another tenant's secret": {"seller", url + `"credential_ref":"adcp/other/seller"}`, []string{"credential_ref"}},
		"a path out of the tenant's secrets": {
			"seller",
			url + `"credential_ref":"adcp/acme/../other/seller"}`,
			[]string{"credential_ref"},
		},
		"an unknown member":         {"seller", url + `"password":"x"}`, []string{"password"}},
		"a member in other letters": {"seller", url + `"URL":"https://other.example"}`, []string{"URL"}},
		"an unknown member of poll": {"seller", url + `"poll":{"interval":5}}`, []string{"poll.interval"}},
		"poll is no object":         {"seller", url + `"poll":5}`, []string{"poll"}},
		"wrong types and bad bytes at once": {
			"seller",
			`{"url":1,"brand_json_url":"https://s.example/\ud83d","transport":[],"poll":{"backoff_rate":1e400,"x":"` +
				"\xff" + `"}}`,
			[]string{"brand_json_url", "poll.backoff_rate", "poll.x", "transport", "url"},
		},
		"a member of another type": {
			"seller",
			url + `"poll":{"interval_seconds":"soon"}}`,
			[]string{"poll.interval_seconds"},
		},
		"not an object": {"seller", `[]`, []string{"(body)"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := register(&fakeAgent{Profile: cleanProfile()})
			r.Checker.CheckURL = func(u string) error {
				if !strings.HasPrefix(u, "https://") {
					return errors.New("https only")
				}
				return nil
			}
			a, _, err := r.Run(t.Context(), "acme", tc.id, []byte(tc.body))
			if got := wrongFields(t, err); !slices.Equal(got, tc.want) {
				t.Fatalf("got %v: %v", got, err)
			}
			if err != nil {
				checkFieldErrors(t, err)
				return
			}
			again, _, err := r.Run(t.Context(), "acme", tc.id, []byte(tc.body))
			if err != nil || again.Version != a.Version+1 || again.CreatedAt != a.CreatedAt {
				t.Errorf("the second time: %+v, %v", again, err)
			}
			want := map[string]adcp.Transport{"a2a-seller": adcp.A2A, "seller": adcp.MCP}[tc.id]
			if a.Transport != want || a.Poll.MaxDelaySeconds < operation.MinMaxDelay || a.WebhookMode == "" {
				t.Errorf("defaults: %+v", a)
			}
		})
	}
}
