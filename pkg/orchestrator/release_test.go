package orchestrator_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
)

// readSubmission asks for signals, which changes nothing.
const readSubmission = `{"agent_id":"seller","type":"get_signals","request":{"signal_spec":"sports"}}`

// speaks returns an agent that states releases, offers tasks and replays keys.
func speaks(versions []string, answers ...adcp.Response) *fakeAgent {
	f := &fakeAgent{answers: answers}
	f.profile = registry.Profile{PollTool: "get_task_status"}
	f.profile.Capabilities.Versions = versions
	f.profile.Capabilities.Idempotency = adcp.IdempotencyOffer{Support: adcp.Supported, ReplayTTL: 24 * time.Hour}
	return f
}

// edit changes the stored operation.
func (h *harness) edit(change func(op *operation.Operation)) {
	h.t.Helper()
	op := h.op()
	change(&op)
	op.BumpVersion(h.at)
	if err := h.store.Commit(h.t.Context(), operation.Change{Op: op}); err != nil {
		h.t.Fatal(err)
	}
}

// member is a member of a request that was sent.
func member(t *testing.T, sent, name string) string {
	t.Helper()
	var m map[string]json.RawMessage
	if err := json.Unmarshal([]byte(sent), &m); err != nil {
		t.Fatal(err)
	}
	return string(m[name])
}

// deadCaller sees the stored operation while the agent is called, and dies before an answer.
type deadCaller struct {
	*fakeAgent
	during func()
}

func (d deadCaller) Call(ctx context.Context, a registry.Agent, tool string, arguments json.RawMessage) (
	adcp.Response, error) {
	d.during()
	_, _ = d.fakeAgent.Call(ctx, a, tool, arguments)
	return adcp.Response{}, &adcp.CallError{Outcome: adcp.Ambiguous}
}

// The release is stored in the write that says that a call begins, and no later offer changes it.
func TestAgreedReleaseIsStoredBeforeTheFirstCallAndStays(t *testing.T) {
	t.Parallel()
	agent := speaks([]string{"3.1", "3.2"}, submitted)
	agent.profile.Capabilities.Idempotency.ReplayTTL = 7 * 24 * time.Hour
	var h *harness
	calls := 0
	h = newHarnessWith(t, deadCaller{agent, func() {
		if calls++; h.op().Call.ADCPVersion != "3.2" || !h.op().Call.InFlight {
			t.Errorf("call %d: %+v", calls, h.op().Call)
		}
	}}, buySubmission)
	h.dispatch()
	agent.profile.Capabilities.Versions = []string{"3.0", "3.1"} // a downgrade
	h.at = h.at.Add(26 * time.Hour)
	h.dispatch()
	if len(agent.sent) != 2 || agent.sent[0] != agent.sent[1] {
		t.Errorf("sent %v", agent.sent)
	}
}

// A submission's preferred release is kept if the agent shares it, else the best shared one is
// taken; a release that does not have the task is never taken.
func TestPreferredReleaseIsKeptIfTheAgentSharesIt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		offered         []string
		preferred, want string
	}{
		{[]string{"3.0", "3.1", "3.2"}, "3.1", "3.1"},
		{[]string{"3.0", "3.1"}, "3.2", "3.1"},
		{[]string{"3.2"}, "3.0", "3.2"},
		{nil, "3.2", "3.2"},
		{nil, "", "3.1"},
	} {
		agent := speaks(c.offered, submitted)
		h := newHarness(t, agent)
		h.edit(func(op *operation.Operation) { op.Call.ADCPVersion = c.preferred })
		h.dispatch()
		if len(agent.sent) != 1 || member(t, agent.sent[0], "adcp_version") != `"`+c.want+`"` ||
			h.op().Call.ADCPVersion != c.want {
			t.Errorf("%v, %q: sent %v, stored %q", c.offered, c.preferred, agent.sent, h.op().Call.ADCPVersion)
		}
	}
}

// An agent that speaks no release of ours, or none that has the task, gets nothing (contract B58).
func TestOperationOfAnAgentWithoutASharedReleaseEndsWithoutACall(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		submission string
		versions   []string
		majors     []int
		words      string
	}{
		"2.5":     {buySubmission, []string{"2.5"}, []int{2}, "no AdCP of 3.2, 3.1 or 3.0"},
		"major 2": {buySubmission, nil, []int{2}, "ask its owner for AdCP 3"},
		"a task of 3.2, at 3.1": {
			buyProductsSubmission, []string{"3.0", "3.1"}, []int{3}, "does not speak AdCP 3.2, which has buy_products",
		},
	} {
		agent := speaks(c.versions, submitted)
		agent.profile.Capabilities.MajorVersions = c.majors
		h := newHarnessWith(t, agent, c.submission)
		next := h.dispatch()
		op := h.op()
		if len(agent.sent) != 0 || next.Next != operation.NextSettle || op.State != operation.Failed ||
			op.Error == nil || op.Error.Code != "VERSION_UNSUPPORTED" || !strings.Contains(op.Error.Message, c.words) ||
			op.Terminal.Channel != operation.ByOrchestrator || op.Terminal.Reason != operation.VersionNotShared ||
			op.Attention != nil {
			t.Errorf("%s: sent %v, %+v, %s, %+v, %+v", name, agent.sent, next, op.State, op.Error, op.Terminal)
		}
		var e orchestrator.SubmitRefusedError
		err := h.submitAgain(c.submission)
		if refused := new(orchestrator.SubmitRefusedError); errors.As(err, &refused) {
			e = *refused
		}
		if e.Code != orchestrator.VersionUnsupported || !strings.Contains(e.Words, c.words) {
			t.Errorf("%s: a second submission got %v", name, err)
		}
		h.at = h.at.Add(25 * time.Hour) // what is known is too old to refuse by
		if err := h.submitAgain(c.submission); err != nil {
			t.Errorf("%s: a submission a day later got %v", name, err)
		}
	}
}

// submitAgain submits with another key.
func (h *harness) submitAgain(submission string) error {
	h.t.Helper()
	h.keys++
	_, _, err := h.submitTo(h.store, submission, fmt.Sprint("another-key-of-sixteen-", h.keys))
	return err
}

// An agent that is down is judged by nothing that it said long ago.
func TestOldStatementOfReleasesEndsNothing(t *testing.T) {
	t.Parallel()
	agent := speaks([]string{"2.5"}, submitted)
	h := newHarness(t, agent)
	old := agent.profile
	a, err := h.store.Agent(t.Context(), "acme", "seller")
	if err != nil {
		t.Fatal(err)
	}
	old.URL, old.Transport, old.DiscoveredAt = a.URL, a.Transport, h.at.Add(-48*time.Hour)
	if err := h.store.PutProfile(t.Context(), "acme", "seller", old); err != nil {
		t.Fatal(err)
	}
	agent.discoverErr = &adcp.CallError{Outcome: adcp.Unsent}
	if next := h.dispatch(); next.Next != operation.NextRetry || h.op().State.Terminal() || len(agent.sent) != 0 {
		t.Fatalf("%+v, %s, sent %v", next, h.op().State, agent.sent)
	}
	agent.discoverErr, agent.profile.Capabilities.Versions = nil, []string{"3.1"} // it is back, and upgraded
	h.at = h.at.Add(time.Hour)
	if h.dispatch(); h.op().State != operation.Submitted || member(t, agent.sent[0], "adcp_version") != `"3.1"` {
		t.Errorf("%s, sent %v", h.op().State, agent.sent)
	}
}

// In 3.2 a read has no key, so no answer of it is replayed; it does no harm to repeat it. Before,
// it has one as always (contract C3).
func TestReadHasAKeyOnlyBefore32(t *testing.T) {
	t.Parallel()
	for version, keyed := range map[string]bool{"3.2": false, "3.1": true, "3.0": true} {
		agent := speaks([]string{version}, answerWith(`{"status":"odd"}`), submitted)
		h := newHarnessWith(t, agent, readSubmission)
		h.dispatch()
		if op := h.op(); (op.Call.ReplaySeconds > 0) != keyed {
			t.Errorf("%s: replayed for %d seconds", version, op.Call.ReplaySeconds)
		}
		h.at = h.at.Add(time.Hour)
		h.dispatch()
		if len(agent.sent) != 2 || agent.sent[0] != agent.sent[1] || h.op().State != operation.Submitted ||
			(member(t, agent.sent[0], "idempotency_key") != "") != keyed ||
			member(t, agent.sent[0], "adcp_version") != `"`+version+`"` {
			t.Errorf("%s: %s, sent %v", version, h.op().State, agent.sent)
		}
	}
}

// What is asked about an operation is asked in its agreed release, as that release wants it
// (contract B31, C3, C5).
func TestQuestionsAreAskedInTheAgreedRelease(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"3.2", "3.1"} {
		agent := speaks([]string{version}, submitted, answerWith(`{"status":"working","task_id":"task_1"}`))
		h := newHarness(t, agent)
		h.dispatch()
		for range 2 {
			h.at = h.at.Add(time.Hour)
			h.poll()
		}
		polls := agent.sent[1:]
		for _, sent := range polls {
			if member(t, sent, "adcp_version") != `"`+version+`"` ||
				(member(t, sent, "idempotency_key") != "") != (version != "3.2") {
				t.Errorf("%s: asked %s", version, sent)
			}
		}
		if len(polls) != 2 || version == "3.1" && polls[0] == polls[1] {
			t.Errorf("%s: asked %v", version, polls)
		}
	}
}

// A list that an operation is looked for in is asked in the agreed release too.
func TestLookUpAsksInTheAgreedRelease(t *testing.T) {
	t.Parallel()
	agent := speaks([]string{"3.2"}, answerWith(`{"status":"odd"}`), answerWith(`{"media_buys":[]}`))
	agent.profile.PollTool = ""
	agent.profile.Tasks = []string{"create_media_buy", "get_media_buys"}
	agent.profile.Capabilities.Idempotency = adcp.IdempotencyOffer{Support: adcp.Unsupported}
	h := newHarness(t, agent)
	h.dispatch()
	h.at = h.at.Add(time.Hour)
	h.poll()
	if !slices.Equal(agent.tools, []string{"create_media_buy", "get_media_buys"}) ||
		member(t, agent.sent[0], "idempotency_key") == "" || member(t, agent.sent[1], "idempotency_key") != "" ||
		member(t, agent.sent[1], "adcp_version") != `"3.2"` {
		t.Errorf("%v, sent %v", agent.tools, agent.sent)
	}
}

// signingCaller records how requests were to be signed.
type signingCaller struct {
	*fakeAgent
	discovered, called []bool
}

func (c *signingCaller) Discover(ctx context.Context, a registry.Agent) (registry.Profile, error) {
	c.discovered = append(c.discovered, a.Signing.Profile32)
	return c.fakeAgent.Discover(ctx, a)
}

func (c *signingCaller) Call(ctx context.Context, a registry.Agent, tool string, arguments json.RawMessage) (
	adcp.Response, error) {
	c.called = append(c.called, a.Signing.Profile32)
	return c.fakeAgent.Call(ctx, a, tool, arguments)
}

// The agent's stored releases choose how its requests are signed, also one that is written in 3.1,
// and the next discovery; code that stored the profile need not have known that (contract B50).
func TestStoredReleasesChooseHowRequestsAreSigned(t *testing.T) {
	t.Parallel()
	agent := &signingCaller{fakeAgent: speaks([]string{"3.1", "3.2"}, answerWith(`{"status":"odd"}`), submitted)}
	agent.profile.Capabilities.Idempotency.ReplayTTL = 7 * 24 * time.Hour
	h := newHarnessWith(t, agent, buySubmission)
	h.edit(func(op *operation.Operation) { op.Call.ADCPVersion = "3.1" })
	h.dispatch()
	h.at = h.at.Add(25 * time.Hour)
	h.dispatch()
	if !slices.Equal(agent.called, []bool{true, true}) || !slices.Equal(agent.discovered, []bool{false, true}) ||
		member(t, agent.sent[1], "adcp_version") != `"3.1"` {
		t.Errorf("called %v, discovered %v, sent %v", agent.called, agent.discovered, agent.sent)
	}
}
