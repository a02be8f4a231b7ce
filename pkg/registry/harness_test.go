package registry_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store/memory"
	"adcp-orchestrator/pkg/validation"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

// wrongFields returns the sorted names of the fields that err names, none for nil.
func wrongFields(t *testing.T, err error) []string {
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

// checkFieldErrors checks that each field error has all its members, and a rule that says what must
// be.
func checkFieldErrors(t *testing.T, err error) {
	t.Helper()
	var invalid *validation.Error
	if !errors.As(err, &invalid) {
		t.Fatal(err)
	}
	for _, f := range invalid.Fields {
		if f.Field == "" || f.Code == "" || !strings.HasPrefix(f.Rule, "must ") || f.Remedy == "" {
			t.Errorf("incomplete: %+v", f)
		}
	}
}

// httpsOnly stands for the guarded client's check.
func httpsOnly(u string) error {
	if !strings.HasPrefix(u, "https://") || strings.Contains(u, "10.0.0.1") {
		return errors.New("refused by the guard")
	}
	return nil
}

// register is the use case with a fake agent, over a new store.
func register(agent *fakeAgent) (registry.Register, *memory.Store) {
	s := memory.New(clock)
	return registry.Register{
		Store:   s,
		Agents:  agent,
		Now:     clock,
		Checker: registry.Checker{CheckURL: httpsOnly},
	}, s
}

// sellerEntry is the smallest entry that is complete, and seller what it stores.
const sellerEntry = `{"url":"https://s.example/mcp"}`

func seller() registry.Agent {
	return registry.Agent{
		Tenant:        "acme",
		ID:            "seller",
		URL:           "https://s.example/mcp",
		Transport:     adcp.MCP,
		WebhookMode:   operation.WebhookRFC9421,
		CredentialRef: "adcp/acme/seller",
	}
}

// cleanProfile is the profile of an agent that there are no findings about.
func cleanProfile() registry.Profile {
	return registry.Profile{
		URL:          seller().URL,
		PollTool:     "get_task_status",
		Tasks:        []string{"create_media_buy"},
		DiscoveredAt: now,
		Capabilities: adcp.Capabilities{
			Stated:        true,
			Versions:      []string{"3.0", "3.1"},
			MajorVersions: []int{3},
			Idempotency:   adcp.IdempotencyOffer{Support: adcp.Supported},
			Webhooks: adcp.WebhookSigning{
				Support:    adcp.Supported,
				Algorithms: []string{"ed25519", "ecdsa-p256-sha256"},
				Emits:      true,
			},
			Requests: adcp.RequestSigning{
				Support:      adcp.Supported,
				SupportedFor: []string{"create_media_buy"},
				Methods:      []string{"tasks/get"},
			},
			Identity: adcp.Identity{
				BrandURL: "https://s.example/b.json",
				Origins: map[string]string{
					"governance_signing": "https://g.example",
					"request_signing":    "https://k.example",
					"webhook_signing":    "https://k.example",
				},
			},
		},
	}
}

// lines returns each finding as "severity code field".
func lines(found []registry.Finding) []string {
	all := []string{}
	for _, f := range found {
		all = append(all, string(f.Severity)+" "+f.Code+" "+f.Field)
	}
	return all
}

// fakeAgent returns a profile or an error when it is discovered.
type fakeAgent struct {
	registry.Profile
	err         error
	discoveries int
}

func (f *fakeAgent) Discover(ctx context.Context, a registry.Agent) (registry.Profile, error) {
	f.discoveries++
	if _, bounded := ctx.Deadline(); !bounded || a.ID == "" {
		return registry.Profile{}, errors.New("discovered without a deadline, or without an id")
	}
	p := f.Profile
	p.URL, p.DiscoveredAt = "", p.DiscoveredAt.Add(1) // Register sets both
	return p, f.err
}

func (*fakeAgent) Call(context.Context, registry.Agent, string, json.RawMessage) (adcp.Response, error) {
	return adcp.Response{}, errors.New("a registration calls no tool")
}

var errThrottled = errors.New("throttled")

// failingStore fails to read profiles, or else to write them.
type failingStore struct {
	*memory.Store
	failReads bool
}

func (f failingStore) Profile(
	ctx context.Context, tenant, agentID string, at registry.Endpoint,
) (registry.Profile, error) {
	if f.failReads {
		return registry.Profile{}, errThrottled
	}
	return f.Store.Profile(ctx, tenant, agentID, at)
}

func (f failingStore) PutProfile(ctx context.Context, tenant, agentID string, p registry.Profile) error {
	if !f.failReads {
		return errThrottled
	}
	return f.Store.PutProfile(ctx, tenant, agentID, p)
}
