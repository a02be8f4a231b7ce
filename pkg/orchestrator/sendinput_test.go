package orchestrator_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
)

var (
	continuationA = adcp.Continuation{TaskID: "a2a-1", ContextID: "ctx-1"}
	continuationB = adcp.Continuation{TaskID: "a2a-2", ContextID: "ctx-1"}
)

// inputRequired is the answer of an agent that waits for input.
func inputRequired(c adcp.Continuation) adcp.Response {
	r := answerWith(`{"status":"input-required","message":"Which flight?","reason":"APPROVAL_REQUIRED"}`)
	r.Continuation = c
	return r
}

// inputHarness is an operation whose agent waits for input, and then gives the answers. Its
// execution waits.
func inputHarness(t *testing.T, answers ...adcp.Response) *harness {
	t.Helper()
	profile := buyProfile()
	profile.Capabilities.Stated = true
	profile.Capabilities.Idempotency = adcp.IdempotencyOffer{Support: adcp.Supported, ReplayTTL: 24 * time.Hour}
	first := inputRequired(continuationA)
	h := newHarness(t, &fakeAgent{profile: profile, answers: append([]adcp.Response{first}, answers...)})
	if d := h.dispatch(); d.Next != operation.NextAwait {
		t.Fatalf("%+v", d)
	}
	h.wait("token-1")
	return h
}

const approval = `{
	"generation": 1,
	"input": {"end_time":"2027-07-31T23:59:59Z","ext":{"flight":"a"}},
	"on_behalf_of": "jane@acme.example"
}`

// sendInput sends an input of the operation's tenant.
func (h *harness) sendInput(body string) (operation.Operation, error) {
	h.t.Helper()
	in, err := orchestrator.ParseInput([]byte(body))
	if err != nil {
		return operation.Operation{}, err
	}
	return orchestrator.SendInput{Store: h.store, Workflow: h.workflow, Deps: h.deps}.Run(h.t.Context(), "acme", h.id, in)
}

// mustSendInput sends an input that must be taken.
func (h *harness) mustSendInput(body string) operation.Operation {
	h.t.Helper()
	op, err := h.sendInput(body)
	if err != nil {
		h.t.Fatal(err)
	}
	return op
}

// contract J3, J4: the whole request is sent again with the input's arguments, under its own key,
// as a continuation of the agent's task. The waiting execution is woken for it.
func TestInputContinuesTheAgentsTask(t *testing.T) {
	t.Parallel()
	h := inputHarness(t, submitted)
	r := h.op().InputRequest
	if r.Generation != 1 || r.Continuation != continuationA || !strings.Contains(string(r.Prompt), "Which flight?") ||
		!strings.Contains(string(r.Prompt), "APPROVAL_REQUIRED") {
		t.Errorf("%+v", r)
	}
	if h.attention() != operation.InputNeeded {
		t.Errorf("attention %+v", h.op().Attention)
	}
	op := h.mustSendInput(approval)
	in := op.InputRequest.Input
	if in.State != operation.InputAccepted || in.By().OnBehalfOf != "jane@acme.example" || op.Attention != nil ||
		!slices.Equal(h.workflow.log, []string{"wake token-1 poll"}) {
		t.Fatalf("%+v, did %v", op.InputRequest, h.workflow.log)
	}
	if d := h.poll(); d.Next != operation.NextRetry || d.Delay != 1 || len(h.agent.tools) != 1 {
		t.Errorf("woken: %+v, called %v", d, h.agent.tools)
	}
	if d := h.dispatch(); d.Next != operation.NextAwait {
		t.Errorf("sent: %+v", d)
	}
	op = h.op()
	if op.State != operation.Submitted || op.InputRequest.Input.State != operation.InputAnswered ||
		h.agent.continuations[1] != continuationA || h.agent.tools[1] != "create_media_buy" {
		t.Errorf("%s, %+v, continued from %v with %v", op.State, op.InputRequest.Input, h.agent.continuations,
			h.agent.tools)
	}
	checkInputRequest(t, h.agent.sent[0], h.agent.sent[1])
	record, err := h.store.Load(t.Context(), "acme", h.id)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(record.Events, func(e operation.Event) bool { return e.Kind == operation.EventInputAnswered })
	if i < 0 || record.Events[i].Actor.OnBehalfOf != "jane@acme.example" ||
		!strings.HasPrefix(record.Events[i].Detail, "content ") {
		t.Errorf("%+v", record.Events)
	}
}

// checkInputRequest checks the request that sends the approval against the operation's first one.
func checkInputRequest(t *testing.T, firstRequest, secondRequest string) {
	t.Helper()
	var first, second map[string]json.RawMessage
	if json.Unmarshal([]byte(firstRequest), &first) != nil || json.Unmarshal([]byte(secondRequest), &second) != nil {
		t.Fatal(firstRequest, secondRequest)
	}
	if string(second["end_time"]) != `"2027-07-31T23:59:59Z"` || string(second["ext"]) != `{"flight":"a"}` ||
		string(first["idempotency_key"]) == string(second["idempotency_key"]) {
		t.Errorf("sent %s", secondRequest)
	}
	for _, name := range []string{"account", "brand", "context", "packages", "push_notification_config",
		"adcp_version"} {
		if len(first[name]) == 0 || string(first[name]) != string(second[name]) {
			t.Errorf("%s: %s, then %s", name, first[name], second[name])
		}
	}
}

// An input without an answer is sent again with the same bytes; one that is stored is not sent
// twice.
func TestInputIsSentAgainWithTheSameBytes(t *testing.T) {
	t.Parallel()
	h := inputHarness(t, answerWith(`{"status":"odd"}`), inputRequired(continuationB), submitted)
	for range 3 {
		h.mustSendInput(approval)
	}
	h.dispatch()
	if op := h.op(); !op.InputRequest.Input.Call.Unclear || op.State != operation.InputRequired {
		t.Fatalf("%+v", op.InputRequest)
	}
	h.at = h.at.Add(time.Minute)
	h.dispatch()
	op, sent := h.op(), h.agent.sent
	if op.InputRequest.Generation != 2 || op.InputRequest.Continuation != continuationB || sent[1] != sent[2] ||
		len(sent) != 3 {
		t.Errorf("%+v, sent %d times", op.InputRequest, len(sent))
	}
	op = h.mustSendInput(approval) // race R11
	if op.InputRequest.Generation != 2 || op.InputRequest.Input.State != "" {
		t.Errorf("again: %+v", op.InputRequest)
	}
	h.mustSendInput(strings.Replace(approval, `"generation": 1`, `"generation": 2`, 1))
	h.dispatch()
	if op := h.op(); op.State != operation.Submitted || h.agent.continuations[3] != continuationB {
		t.Errorf("%s, from %v", op.State, h.agent.continuations)
	}
}

// An input that may have been carried out is not sent again to an agent that does not replay.
func TestInputIsNotRepeatedBlindly(t *testing.T) {
	t.Parallel()
	h := inputHarness(t, answerWith(`{"status":"odd"}`))
	h.agent.profile.Capabilities.Idempotency = adcp.IdempotencyOffer{Support: adcp.Unsupported}
	h.at = h.at.Add(25 * time.Hour) // the agent is discovered again
	h.mustSendInput(approval)
	h.dispatch()
	h.at = h.at.Add(time.Hour)
	for range 3 {
		h.dispatch()
		h.poll()
	}
	if len(h.agent.sent) != 2 || h.attention() != operation.OutcomeUnclear {
		t.Errorf("sent %d times, attention %+v", len(h.agent.sent), h.op().Attention)
	}
}

// contract A29: an answer about another task than the one that waits is not applied, and the input
// is not sent again and again.
func TestInputAnsweredAboutAnotherTask(t *testing.T) {
	t.Parallel()
	h := newHarness(t, &fakeAgent{profile: buyProfile(), answers: []adcp.Response{
		answerWith(`{"status":"working","task_id":"tk_1"}`),
		answerWith(`{"status":"input-required","task_id":"tk_1","task_type":"create_media_buy"}`),
		answerWith(`{"status":"submitted","task_id":"tk_2"}`),
	}})
	h.dispatch()
	h.poll()
	op := h.op()
	op.InputRequest.Continuation, op.Version = continuationA, op.Version+1 // as the call's own answer would give it
	if err := h.store.Commit(t.Context(), operation.Change{Op: op}); err != nil {
		t.Fatal(err)
	}
	h.mustSendInput(approval)
	for range 3 {
		h.dispatch()
		h.at = h.at.Add(time.Hour)
	}
	op = h.op()
	if op.State != operation.InputRequired || op.TaskID != "tk_1" || h.attention() != operation.ProtocolClash ||
		op.InputRequest.Input.State != operation.InputUnclear || len(h.agent.sent) != 3 {
		t.Errorf("%s, task %s, attention %+v, input %+v, %d calls", op.State, op.TaskID, op.Attention,
			op.InputRequest.Input, len(h.agent.sent))
	}
}

// An operation that is no longer polled is followed again to send the input.
func TestReconcilerRestartsAnExecutionForAnInput(t *testing.T) {
	t.Parallel()
	h := inputHarness(t, submitted)
	h.at = h.op().FollowUntil
	if d := h.poll(); d.Next != operation.NextGiveUp {
		t.Fatalf("%+v", d)
	}
	h.workflow.status[execution(h.id, 1)] = orchestrator.ExecutionOver
	h.mustSendInput(approval)
	h.at = h.at.Add(3 * time.Minute)
	if s := h.reconcile(); s.Restarted != 1 || !slices.Contains(h.workflow.log, "start 2") {
		t.Fatalf("%+v, did %v", s, h.workflow.log)
	}
	h.dispatch()
	if op := h.op(); op.State != operation.Submitted || h.agent.continuations[1] != continuationA {
		t.Errorf("%s, %v", op.State, h.agent.continuations)
	}
}

// The reconciler repeats a signal that was lost.
func TestReconcilerWakesAnExecutionForAnInput(t *testing.T) {
	t.Parallel()
	h := inputHarness(t, submitted)
	h.mustSendInput(approval)
	h.workflow.log = nil
	h.at = h.at.Add(3 * time.Minute)
	if s := h.reconcile(); s.Alive != 1 || !slices.Equal(h.workflow.log, []string{"wake token-1 poll"}) {
		t.Errorf("%+v, did %v", s, h.workflow.log)
	}
}
