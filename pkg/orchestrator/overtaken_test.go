package orchestrator_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
)

// overtakenAgent sends the end by webhook while it is asked something, and answers that late.
type overtakenAgent struct {
	*fakeAgent
	during map[string]func() // by tool; what it is called first for
	fails  error             // of the late answer
}

func (a *overtakenAgent) overtaken(tool string) error {
	do := a.during[tool]
	if do == nil {
		return nil
	}
	delete(a.during, tool)
	do()
	return a.fails
}

func (a *overtakenAgent) Discover(ctx context.Context, at registry.Agent) (registry.Profile, error) {
	if err := a.overtaken("tools/list"); err != nil {
		return registry.Profile{}, err
	}
	return a.fakeAgent.Discover(ctx, at)
}

func (a *overtakenAgent) Call(ctx context.Context, at registry.Agent, tool string, arguments json.RawMessage) (
	adcp.Response, error) {
	if err := a.overtaken(tool); err != nil {
		return adcp.Response{}, err
	}
	return a.fakeAgent.Call(ctx, at, tool, arguments)
}

// What the agent answers after a webhook has brought the end changes nothing, raises nothing and is
// on the timeline, so that it counts: the agent's wish for time holds for reads of the buy.
func TestOvertakenAnswersAreOnTheTimeline(t *testing.T) {
	t.Parallel()
	down := &adcp.CallError{Outcome: adcp.Unsent, RetryAfter: time.Hour}
	const same = `{"task_id":"task_1","task_type":"create_media_buy","status":"completed",` +
		`"result":{"media_buy_id":"mb_1","packages":[]}}`
	const other = `{"task_id":"task_1","task_type":"create_media_buy","status":"completed",` +
		`"result":{"media_buy_id":"mb_2","packages":[]}}`
	for name, tc := range map[string]struct {
		tool, answer string
		fails        error
		want         operation.Tally // since the call
		kind         operation.EventKind
		attention    operation.Reason
	}{
		"a discovery that fails": {"tools/list", "", down, operation.Tally{Errors: 1}, operation.EventNoAnswer, ""},
		"a call that fails":      {"create_media_buy", "", down, operation.Tally{Errors: 1}, operation.EventNoAnswer, ""},
		"a call": {"create_media_buy", `{"status":"submitted","task_id":"task_1"}`, nil, operation.Tally{Answers: 1},
			operation.EventIgnored, ""},
		"a poll that fails": {"get_task_status", "", down, operation.Tally{Errors: 1, Polls: 1},
			operation.EventNoAnswer, ""},
		"a poll": {"get_task_status", `{"task_id":"task_1","task_type":"create_media_buy","status":"working"}`, nil,
			operation.Tally{Answers: 1, Polls: 1}, operation.EventIgnored, ""},
		"a poll that has the end": {"get_task_status", same, nil, operation.Tally{Answers: 1, Polls: 1},
			operation.EventIgnored, ""},
		"a poll that has another end": {"get_task_status", other, nil, operation.Tally{Answers: 1, Polls: 1, Conflicts: 1},
			operation.EventConflict, operation.ProtocolClash},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			agent := &overtakenAgent{fakeAgent: &fakeAgent{profile: buyProfile(), answers: []adcp.Response{submitted}},
				during: map[string]func(){}}
			h := newHarnessWith(t, agent, buySubmission)
			switch tc.tool {
			case "get_task_status":
				h.dispatch()
			case "tools/list": // the request was sent once, and is to be sent again
				agent.during["create_media_buy"], agent.fails = func() {}, &adcp.CallError{Outcome: adcp.Unsent}
				h.dispatch()
				op := h.op()
				at := registry.Agent{Tenant: "acme", ID: "seller", URL: op.Target.URL, Transport: op.Target.Transport}
				if err := registry.Outdate(t.Context(), h.store, at, h.at); err != nil {
					t.Fatal(err)
				}
				h.at = h.at.Add(10 * time.Minute)
			}
			if tc.answer != "" {
				agent.answers = []adcp.Response{answerWith(tc.answer)}
				agent.sent = nil
			}
			var before operation.Tally
			agent.fails = tc.fails
			agent.during[tc.tool] = func() {
				h.deliver(adcp.CreateMediaBuy, "whk_1", `{"media_buy_id":"mb_1","packages":[]}`)
				before = h.op().Tally
			}
			run := h.dispatch
			if tc.tool == "get_task_status" {
				run = h.poll
			}
			if next := run().Next; next != operation.NextSettle {
				t.Errorf("next is %s", next)
			}
			r, err := h.store.Load(t.Context(), "acme", h.id)
			if err != nil {
				t.Fatal(err)
			}
			used := r.Op.Tally.Since(before)
			used.Milliseconds, used.Wakes = 0, 0
			last := r.Events[len(r.Events)-1]
			if tc.attention != "" {
				last = r.Events[len(r.Events)-2]
			}
			if used != tc.want || last.Kind != tc.kind || r.Op.State != operation.Completed || h.attention() != tc.attention {
				t.Errorf("used %+v, the timeline ends with %+v, %s, attention %q", used, last, r.Op.State, h.attention())
			}
			if r.Op.NotBefore.IsZero() != (tc.fails == nil) {
				t.Errorf("not before %v", r.Op.NotBefore)
			}
		})
	}
}
