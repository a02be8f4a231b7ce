package orchestrator_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/adcp/schema"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/validation"
)

// both is a buy that has packages and a proposal: 3.2 refuses that, 3.1 does not.
var both = strings.Replace(buySubmission, `"account"`,
	`"proposal_id": "pr", "total_budget": {"amount": 5, "currency": "USD"}, "account"`, 1)

// inNone is a buy that is valid in no release; 3.2 has a reason more than 3.1.
var inNone = strings.Replace(both, `1000`, `-1`, 1)

// knows stores a profile of the harness's agent, which states releases.
func (h *harness) knows(releases ...string) {
	h.t.Helper()
	p := buyProfile()
	p.URL, p.Transport, p.DiscoveredAt = "https://seller.example/mcp", adcp.MCP, now
	p.Capabilities = adcp.Capabilities{Stated: true, Versions: releases}
	if err := h.store.PutProfile(h.t.Context(), "acme", "seller", p); err != nil {
		h.t.Fatal(err)
	}
}

// The operation speaks the best release that the agent states and in which the request is valid. Of
// an agent whose releases are not known nothing is decided yet.
func TestARequestIsCheckedAgainstTheAgentsReleases(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		releases   []string
		submission string
		speaks     string
		refused    string // the release that refuses it
		fields     string
	}{
		"nothing is known":                 {nil, both, "", "", ""},
		"one that speaks the newest only":  {[]string{"3.2"}, both, "", "3.2", "request.proposal_id"},
		"one that speaks an older one too": {[]string{"3.1", "3.2"}, both, "3.1", "", ""},
		"what is valid in the newest":      {[]string{"3.1", "3.2"}, buySubmission, "3.2", "", ""},
		"one that speaks the oldest only":  {[]string{"3.0"}, both, "3.0", "", ""},
		"what is valid in none": {
			[]string{"3.0", "3.1", "3.2"}, inNone, "", "3.2", "request.packages request.packages[0].budget",
		},
		"what is wrong, and nothing known": {nil, inNone, "", "3.1", "request.packages[0].budget"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, &fakeAgent{profile: buyProfile()})
			if tc.releases != nil {
				h.knows(tc.releases...)
			}
			op, _, err := h.trySubmit(tc.submission, "k-2")
			var invalid *validation.Error
			errors.As(err, &invalid)
			switch {
			case tc.refused == "" && (err != nil || op.Call.ADCPVersion != tc.speaks):
				t.Errorf("it speaks %q, want %q; %v", op.Call.ADCPVersion, tc.speaks, err)
			case tc.refused != "" && (invalid == nil || invalid.Release != tc.refused || fieldsOf(invalid) != tc.fields):
				t.Errorf("got %+v, want %s refused by %s", err, tc.fields, tc.refused)
			}
		})
	}
}

func fieldsOf(e *validation.Error) string {
	var names []string
	for _, f := range e.Fields {
		names = append(names, f.Field)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// What the orchestrator adds to a request is valid in each release: the client could not correct
// it.
func TestWhatTheOrchestratorAddsIsValidInEachRelease(t *testing.T) {
	t.Parallel()
	for _, mode := range []operation.WebhookMode{
		operation.WebhookRFC9421, operation.WebhookHMAC, operation.WebhookBearer, operation.WebhookNone,
	} {
		h := newHarness(t, &fakeAgent{profile: buyProfile()})
		a := registry.Agent{Tenant: "acme", ID: "seller", URL: "https://seller.example/mcp", Transport: adcp.MCP,
			WebhookMode: mode, Version: 2}
		if err := h.store.PutAgent(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		op := h.submit(buySubmission, "k-"+string(mode))
		frozen, err := h.store.Request(t.Context(), "acme", op.ID)
		if err != nil {
			t.Fatal(err)
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal(frozen, &members); err != nil {
			t.Fatal(err)
		}
		for _, task := range adcp.Tasks() {
			ours := map[string]json.RawMessage{}
			for _, name := range []string{"idempotency_key", "context", "adcp_version", "adcp_major_version",
				"push_notification_config"} {
				traits, _ := adcp.TraitsOf(task)
				if v, set := members[name]; set && (name != "push_notification_config" || traits.Webhook) {
					ours[name] = v
				}
			}
			checkOurs(t, string(task), ours)
		}
	}
}

// checkOurs checks members of a request without the others.
func checkOurs(t *testing.T, task string, ours map[string]json.RawMessage) {
	t.Helper()
	raw, err := json.Marshal(ours)
	if err != nil {
		t.Fatal(err)
	}
	for _, release := range schema.Releases(task) {
		shaped, err := adcp.Shape(task, release, raw)
		if err != nil {
			t.Fatal(err)
		}
		r, err := schema.Read(shaped)
		if err != nil {
			t.Fatal(err)
		}
		result, err := r.Check(release, task, "request")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range result.Fields {
			name := strings.Split(strings.TrimPrefix(f.Field, "request."), ".")[0]
			if _, set := ours[name]; set {
				t.Errorf("%s %s: %+v", release, task, f)
			}
		}
	}
}

// The limits count what a submission opens: one that is refused opens nothing.
func TestARefusedSubmissionIsNotCounted(t *testing.T) {
	t.Parallel()
	h := newHarness(t, &fakeAgent{profile: buyProfile()})
	r, err := orchestrator.ParseSubmitRequest([]byte(strings.Replace(buySubmission, `1000`, `-1`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	counted := 0
	submit := orchestrator.Submit{Store: h.store, Workflow: notStarted{}, Deps: h.deps, BaseURL: "https://api.example",
		Admit: func(context.Context, string) error { counted++; return nil }}
	_, _, err = submit.Run(t.Context(), "acme", "k-2", r)
	var invalid *validation.Error
	if !errors.As(err, &invalid) || counted != 0 {
		t.Errorf("got %v, counted %d times", err, counted)
	}
}

// What the orchestrator says of a field that it depends on is said once, and in its own words.
func TestAFieldIsNamedOnceInTheOrchestratorsOwnWords(t *testing.T) {
	t.Parallel()
	h := newHarness(t, &fakeAgent{profile: buyProfile()})
	body := `{"agent_id":"none","type":"create_media_buy","request":{"account":{"account_id":"a","sandbox":true},
		"brand":{"domain":"Acme"},"start_time":"soon","end_time":"2027-06-30T23:59:59Z","packages":[{"budget":"5"}]}}`
	r, err := orchestrator.ParseSubmitRequest([]byte(body))
	var wrong *validation.Error
	if !errors.As(err, &wrong) {
		t.Fatal(err)
	}
	submit := orchestrator.Submit{Store: h.store, Workflow: notStarted{}, Deps: h.deps, BaseURL: "https://api.example"}
	_, err = submit.Validate(t.Context(), "acme", "", r, wrong)
	var all *validation.Error
	if !errors.As(err, &all) {
		t.Fatal(err)
	}
	if got, want := fieldsOf(all), "agent_id request.account.sandbox request.brand.domain request.packages[0].budget "+
		"request.packages[0].pricing_option_id request.packages[0].product_id request.start_time"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, f := range all.Fields {
		if f.Field == "request.start_time" && !strings.Contains(f.Rule, `"asap"`) {
			t.Errorf("got %+v", f)
		}
	}
}
