package orchestrator_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/memory"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

func fields(t *testing.T, err error) []string {
	t.Helper()
	var invalid *orchestrator.Error2
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
			r := orchestrator.Register{Store: s, Agents: &offering{Profile: sound()}, Now: clock, Checker: orchestrator.Checker{CheckURL: check}}
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
			if want := map[string]orchestrator.Transport{"a2a-seller": orchestrator.A2A, "seller": orchestrator.MCP}[tc.id]; a.Transport != want || a.Poll.MaxDelaySeconds < operation.MinMaxDelay || a.WebhookMode == "" {
				t.Errorf("defaults: %+v", a)
			}
		})
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	s := memory.New(clock)
	random := bytes.NewReader(bytes.Repeat([]byte("x"), 64))
	key, err := orchestrator.Issue(t.Context(), s, random, now, "acme", "test", []string{orchestrator.ScopeOperationsRead})
	if err != nil {
		t.Fatal(err)
	}
	p, err := orchestrator.Authorize(t.Context(), s, key, now)
	if err != nil || p.Tenant != "acme" || !p.May(orchestrator.ScopeOperationsRead) || p.May(orchestrator.ScopeOperationsWrite) {
		t.Errorf("got %+v, %v", p, err)
	}
	stored, err := s.Key(t.Context(), "acme", keyHash(t, key))
	if err != nil || strings.Contains(stored.Hash, key) {
		t.Errorf("got %+v, %v", stored, err)
	}
	expired := stored
	expired.ExpiresAt = now
	if err := s.PutKey(t.Context(), expired); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "x", key + "x", "adcp_other" + key[len("adcp_acme"):], key} {
		if _, err := orchestrator.Authorize(t.Context(), s, bad, now); !errors.Is(err, orchestrator.ErrUnauthorized) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	_, err = orchestrator.Issue(t.Context(), s, random, now, "Acme Inc", "test", []string{"everything"})
	if got := fields(t, err); !slices.Equal(got, []string{"scopes", "tenant"}) {
		t.Errorf("got %v", got)
	}
}

func TestRoute(t *testing.T) {
	t.Parallel()
	r := orchestrator.CallbackToken{Tenant: "acme", Sender: strings.Repeat("b", 16), OperationID: "op_" + strings.Repeat("a", 26), Secret: strings.Repeat("S", 43)}
	got, ok := orchestrator.ParseCallbackToken(r.String())
	if !ok || got != r {
		t.Errorf("got %+v, %v", got, ok)
	}
	for _, bad := range []string{"", "a.b.c", r.String() + "x", "Acme" + r.String()[4:], "acme." + r.String(), strings.Replace(r.String(), ".", "/", 1)} {
		if _, ok := orchestrator.ParseCallbackToken(bad); ok {
			t.Errorf("%q is a route", bad)
		}
	}
	if r.Matches(operation.Operation{}) {
		t.Error("a route opens a registration that has none")
	}
	a := orchestrator.WebhookCredential("root", "acme", "op_1")
	if len(a) != 43 || a == orchestrator.WebhookCredential("root", "acme", "op_2") || a == orchestrator.WebhookCredential("root", "acm", "eop_1") || a == orchestrator.WebhookCredential("toor", "acme", "op_1") {
		t.Error("credentials repeat")
	}
}

// keyHash is what the store keeps of a key, computed here a second time.
func keyHash(t *testing.T, key string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}
