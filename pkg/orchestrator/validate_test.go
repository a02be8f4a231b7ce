package orchestrator_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store/memory"
)

// readStore fails the test that writes to it.
type readStore struct {
	*memory.Store
	t *testing.T
}

func (s readStore) Create(context.Context, orchestrator.NewOperation) error {
	s.t.Error("an operation was stored")
	return nil
}

func (s readStore) Bind(context.Context, string, string, string, orchestrator.IdempotencyRecord) error {
	s.t.Error("a key was bound")
	return nil
}

func (h *harness) validate(submission, key string) (orchestrator.Verdict, error) {
	h.t.Helper()
	r, err := orchestrator.ParseSubmitRequest([]byte(submission))
	if err != nil {
		h.t.Fatal(err)
	}
	count := func(context.Context, string) error { h.t.Error("it was counted"); return nil }
	submit := orchestrator.Submit{Store: readStore{h.store, h.t}, Workflow: notStarted{}, Deps: h.deps,
		BaseURL: "https://api.example", Admit: count}
	return submit.Validate(context.Background(), "acme", key, r, nil)
}

// A validation says what the submission then does, and stores nothing.
func TestAValidationSaysWhatASubmissionDoes(t *testing.T) {
	t.Parallel()
	second := strings.Replace(updateSubmission, "true", "false", 1)
	for name, tc := range map[string]struct {
		first, second string
		key           string
		change        func(h *harness)
	}{
		"a new operation": {buySubmission,
			strings.Replace(poSubmission, "PO-1", "PO-2", 1), "k-2", nil},
		"the same key":                      {poSubmission, poSubmission, "k", nil},
		"the same key with another payload": {poSubmission, buySubmission, "k", nil},
		"the same purchase order":           {poSubmission, poSubmission, "k-2", nil},
		"the purchase order of another buy": {poSubmission, strings.Replace(poSubmission, `1000`, `5`, 1), "k-2", nil},
		"a change beside an open one":       {updateSubmission, second, "k-2", nil},
		"a change that waits":               {updateSubmission, waitingUpdate, "k-2", nil},
		"an unknown agent": {buySubmission,
			strings.Replace(buySubmission, "seller", "none", 1), "k-2", nil},
		"what no release allows":                {buySubmission, inNone, "k-2", func(h *harness) { h.knows("3.1", "3.2") }},
		"what one release allows":               {buySubmission, both, "k-2", func(h *harness) { h.knows("3.1", "3.2") }},
		"a purchase order that is free by now":  {poSubmission, strings.Replace(poSubmission, `1000`, `5`, 1), "k-2", end},
		"a change after the one that has ended": {updateSubmission, second, "k-2", end},
		"another context": {poSubmission,
			strings.Replace(poSubmission, `{"mine":1}`, `{}`, 1), "k-2", nil},
		"the key of an operation that has ended":  {poSubmission, poSubmission, "k", end},
		"the purchase order of what was canceled": {poSubmission, poSubmission, "k-2", end},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarnessWith(t, &fakeAgent{profile: buyProfile()}, tc.first)
			if tc.change != nil {
				tc.change(h)
			}
			verdict, said := h.validate(tc.second, tc.key)
			op, match, did := h.trySubmit(tc.second, tc.key)
			switch {
			case (said == nil) != (did == nil) || said != nil && said.Error() != did.Error():
				t.Errorf("it said %v, and did %v", said, did)
			case said != nil:
			case verdict.Match != match || match != orchestrator.MatchNew && verdict.Existing.ID != op.ID:
				t.Errorf("it said %q of %s, and did %q of %s", verdict.Match, verdict.Existing.ID, match, op.ID)
			case match == orchestrator.MatchNew && verdict.WaitsFor != op.WaitsFor:
				t.Errorf("it said that it waits for %q, and it waits for %q", verdict.WaitsFor, op.WaitsFor)
			case op.Call.ADCPVersion != "" && verdict.Release != op.Call.ADCPVersion:
				t.Errorf("it said %s, and speaks %s", verdict.Release, op.Call.ADCPVersion)
			}
			var refused, then *orchestrator.SubmitRefusedError
			if errors.As(said, &refused) && errors.As(did, &then) && *refused != *then {
				t.Errorf("it said %+v, and did %+v", refused, then)
			}
		})
	}
}

// end ends the harness's operation, which frees its natural key.
func end(h *harness) {
	h.t.Helper()
	op := h.op()
	op.State = operation.Canceled
	op.BumpVersion(h.at)
	if err := h.store.Commit(h.t.Context(), operation.Change{Op: op, FreeNaturalKey: true}); err != nil {
		h.t.Fatal(err)
	}
}

func TestAValidationNeedsNoKey(t *testing.T) {
	t.Parallel()
	h := newHarness(t, &fakeAgent{profile: buyProfile()})
	v, err := h.validate(buySubmission, "")
	if err != nil || v.Match != orchestrator.MatchNew || v.Release != "3.1" || v.Type != "create_media_buy" {
		t.Errorf("got %+v, %v", v, err)
	}
}

// A valid request can still be one that its sender should know something about.
func TestAValidationNamesWhatItsSenderShouldKnow(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		releases   []string
		submission string
		want       string
	}{
		"nothing":                 {[]string{"3.1", "3.2"}, buySubmission, ""},
		"an agent nobody knows":   {nil, buySubmission, "agent_release_unknown agent_id"},
		"a release that is worse": {[]string{"3.1", "3.2"}, both, "older_release request.proposal_id"},
		"another task": {[]string{"3.1"}, `{"agent_id":"seller","type":"sync_catalogs","request":{"account":` +
			`{"account_id":"a"}}}`, "task_not_offered type"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, &fakeAgent{profile: buyProfile()})
			if tc.releases != nil {
				h.knows(tc.releases...)
			}
			v, err := h.validate(tc.submission, "")
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range v.Findings {
				got = append(got, f.Code+" "+f.Field)
				if f.Detail == "" || f.Remedy == "" || f.Severity == "" {
					t.Errorf("incomplete: %+v", f)
				}
			}
			if strings.Join(got, ", ") != tc.want {
				t.Errorf("got %v, want %s", got, tc.want)
			}
		})
	}
}
