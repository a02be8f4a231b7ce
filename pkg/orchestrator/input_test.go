package orchestrator_test

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/validation"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	placeA = adcp.Continuation{TaskID: "a2a-1", ContextID: "ctx-1"}
	placeB = adcp.Continuation{TaskID: "a2a-2", ContextID: "ctx-1"}
)

func asks(at adcp.Continuation) adcp.Response {
	return adcp.Response{Payload: []byte(`{"status":"input-required","message":"Which flight?","reason":"APPROVAL_REQUIRED"}`), Continuation: at}
}

// paused is an operation whose agent has asked, and then answers as told; its execution waits.
func paused(t *testing.T, answers ...adcp.Response) (*trial, *machine) {
	t.Helper()
	profile := registry.Profile{PollTool: "get_task_status", Tasks: []string{"create_media_buy"},
		Capabilities: adcp.Capabilities{Asked: true, Idempotency: adcp.IdempotencyOffer{Support: adcp.Supported, ReplayTTL: 24 * time.Hour}}}
	x := try(t, &scripted{profile: profile, answers: append([]adcp.Response{asks(placeA)}, answers...)})
	if step := x.dispatch(); step.Next != operation.NextAwait {
		t.Fatalf("%+v", step)
	}
	if err := x.store.Arm("acme", x.id, x.op().Version, "token-1"); err != nil {
		t.Fatal(err)
	}
	return x, &machine{status: map[string]orchestrator.Execution{}}
}

const yes = `{"generation":1,"input":{"end_time":"2027-07-31T23:59:59Z","ext":{"flight":"a"}},"on_behalf_of":"jane@acme.example"}`

func (x *trial) resume(m *machine, body string) (operation.Operation, error) {
	x.t.Helper()
	reply, err := orchestrator.ParseInput([]byte(body))
	if err != nil {
		return operation.Operation{}, err
	}
	return orchestrator.SendInput{Store: x.store, Workflow: m, Deps: x.deps}.Run(x.t.Context(), "acme", x.id, reply)
}

// contract J3, J4: the whole request goes out again with what was added, under a key of its own, to where the agent asked; whoever waits is woken for it.
func TestResumeGoesOnWhereTheAgentAsked(t *testing.T) {
	t.Parallel()
	x, m := paused(t, submitted)
	if p := x.op().InputRequest; p.Generation != 1 || p.Continuation != placeA || !strings.Contains(string(p.Prompt), "Which flight?") || !strings.Contains(string(p.Prompt), "APPROVAL_REQUIRED") {
		t.Errorf("%+v", p)
	}
	if a := x.op().Attention; a == nil || a.Reason != operation.InputNeeded {
		t.Errorf("attention %+v", a)
	}
	op, err := x.resume(m, yes)
	if err != nil || op.InputRequest.Input.State != operation.InputAccepted || op.InputRequest.Input.OnBehalfOf != "jane@acme.example" || op.Attention != nil || !slices.Equal(m.asked, []string{"wake token-1 poll"}) {
		t.Fatalf("%+v, %v, asked %v", op.InputRequest, err, m.asked)
	}
	if step := x.poll(); step.Next != operation.NextRetry || step.Delay != 1 || len(x.agent.tools) != 1 {
		t.Errorf("woken: %+v, called %v", step, x.agent.tools)
	}
	if step := x.dispatch(); step.Next != operation.NextAwait {
		t.Errorf("sent: %+v", step)
	}
	op = x.op()
	if op.State != operation.Submitted || op.InputRequest.Input.State != operation.InputAnswered || x.agent.went[1] != placeA || x.agent.tools[1] != "create_media_buy" {
		t.Errorf("%s, %+v, went on from %v with %v", op.State, op.InputRequest.Input, x.agent.went, x.agent.tools)
	}
	var first, second map[string]json.RawMessage
	if json.Unmarshal([]byte(x.agent.sent[0]), &first) != nil || json.Unmarshal([]byte(x.agent.sent[1]), &second) != nil {
		t.Fatal(x.agent.sent)
	}
	if string(second["end_time"]) != `"2027-07-31T23:59:59Z"` || string(second["ext"]) != `{"flight":"a"}` || string(first["idempotency_key"]) == string(second["idempotency_key"]) {
		t.Errorf("sent %s", x.agent.sent[1])
	}
	for _, name := range []string{"account", "brand", "context", "packages", "push_notification_config", "adcp_version"} {
		if len(first[name]) == 0 || string(first[name]) != string(second[name]) {
			t.Errorf("%s: %s, then %s", name, first[name], second[name])
		}
	}
	record, err := x.store.Load(t.Context(), "acme", x.id)
	if i := slices.IndexFunc(record.Events, func(e operation.Event) bool { return e.Kind == operation.EventInputAnswered }); err != nil || i < 0 || !strings.HasPrefix(record.Events[i].Detail, "on behalf of jane@acme.example, content ") {
		t.Errorf("%v: %+v", err, record.Events)
	}
}

// An answer that is lost is asked for with the same bytes; one that is in the table is not sent twice.
func TestResumeIsSentWithTheSameBytes(t *testing.T) {
	t.Parallel()
	x, m := paused(t, adcp.Response{Payload: []byte(`{"status":"odd"}`)}, asks(placeB), submitted)
	for range 3 {
		if _, err := x.resume(m, yes); err != nil {
			t.Fatal(err)
		}
	}
	x.dispatch()
	if op := x.op(); !op.InputRequest.Input.Call.Unclear || op.State != operation.InputRequired {
		t.Fatalf("%+v", op.InputRequest)
	}
	x.at = x.at.Add(time.Minute)
	x.dispatch()
	if op := x.op(); op.InputRequest.Generation != 2 || op.InputRequest.Continuation != placeB || x.agent.sent[1] != x.agent.sent[2] || len(x.agent.sent) != 3 {
		t.Errorf("%+v, sent %d times", op.InputRequest, len(x.agent.sent))
	}
	if op, err := x.resume(m, yes); err != nil || op.InputRequest.Generation != 2 || op.InputRequest.Input.State != "" { // race R11
		t.Errorf("again: %+v, %v", op.InputRequest, err)
	}
	if _, err := x.resume(m, strings.Replace(yes, `"generation":1`, `"generation":2`, 1)); err != nil {
		t.Error(err)
	}
	x.dispatch()
	if op := x.op(); op.State != operation.Submitted || x.agent.went[3] != placeB {
		t.Errorf("%s, from %v", op.State, x.agent.went)
	}
}

// An agent that does not replay is not asked twice for what it may have done.
func TestResumeIsNotRepeatedBlindly(t *testing.T) {
	t.Parallel()
	x, m := paused(t, adcp.Response{Payload: []byte(`{"status":"odd"}`)})
	x.agent.profile.Capabilities.Idempotency = adcp.IdempotencyOffer{Support: adcp.Unsupported}
	x.at = x.at.Add(25 * time.Hour) // the profile is asked for again
	if _, err := x.resume(m, yes); err != nil {
		t.Fatal(err)
	}
	x.dispatch()
	x.at = x.at.Add(time.Hour)
	for range 3 {
		x.dispatch()
		x.poll()
	}
	if op := x.op(); len(x.agent.sent) != 2 || op.Attention == nil || op.Attention.Reason != operation.OutcomeUnclear {
		t.Errorf("sent %d times, attention %+v", len(x.agent.sent), op.Attention)
	}
}

// What the agent refuses of a resume, and what follows.
func TestResumeRefused(t *testing.T) {
	t.Parallel()
	refuses := func(code string, r adcp.Recovery, after time.Duration) adcp.Response {
		return adcp.Response{Err: &adcp.Error{Code: code, Recovery: r, RetryAfter: after}}
	}
	over := func(r adcp.Response) adcp.Response {
		r.WorkFailed = true
		return r
	}
	for name, tc := range map[string]struct {
		answer     adcp.Response
		state      operation.State
		generation int
		reason     operation.Reason
		next       operation.Next
	}{
		"what can be corrected is asked anew":       {refuses("INVALID_REQUEST", adcp.Correctable, 0), operation.InputRequired, 2, operation.InputNeeded, operation.NextAwait},
		"a code that nobody knows proves nothing":   {refuses("X_ODD", adcp.Terminal, 0), operation.InputRequired, 2, operation.InputNeeded, operation.NextAwait},
		"about who asks is not about the buy":       {refuses("ACCOUNT_SUSPENDED", adcp.Terminal, 0), operation.InputRequired, 2, operation.InputNeeded, operation.NextAwait},
		"an error alone is no end":                  {refuses("BUDGET_EXHAUSTED", adcp.Terminal, 0), operation.InputRequired, 2, operation.InputNeeded, operation.NextAwait},
		"the task itself has failed":                {over(refuses("BUDGET_EXHAUSTED", adcp.Terminal, 0)), operation.Failed, 1, "", operation.NextSettle},
		"it has failed, and who asks is to blame":   {over(refuses("ACCOUNT_SUSPENDED", adcp.Terminal, 0)), operation.InputRequired, 2, operation.InputNeeded, operation.NextAwait},
		"it has failed, by AdCP's own status":       {adcp.Response{Payload: []byte(`{"status":"rejected","errors":[{"code":"POLICY_VIOLATION","message":"no"}]}`)}, operation.Rejected, 1, "", operation.NextSettle},
		"what passes is sent again":                 {refuses("RATE_LIMITED", adcp.Transient, time.Minute), operation.InputRequired, 1, "", operation.NextRetry},
		"our credential is no answer to it":         {refuses("AUTH_INVALID", adcp.Terminal, 0), operation.InputRequired, 1, operation.AgentRefuses, operation.NextRetry},
		"a key that is known may have done it":      {refuses("IDEMPOTENCY_CONFLICT", adcp.Correctable, 0), operation.InputRequired, 1, operation.OutcomeUnclear, operation.NextRetry},
		"it goes on elsewhere, and has ended there": {adcp.Response{Payload: []byte(`{"status":"completed","media_buy_id":"mb_1","packages":[]}`)}, operation.Completed, 1, "", operation.NextSettle},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x, m := paused(t, tc.answer)
			if _, err := x.resume(m, yes); err != nil {
				t.Fatal(err)
			}
			step := x.dispatch()
			op := x.op()
			reason := operation.Reason("")
			if op.Attention != nil {
				reason = op.Attention.Reason
			}
			if op.State != tc.state || op.InputRequest.Generation != tc.generation || reason != tc.reason || step.Next != tc.next {
				t.Errorf("%s, pause %+v, attention %q, next %+v", op.State, op.InputRequest, reason, step)
			}
			if tc.answer.Err != nil && tc.answer.Err.RetryAfter > 0 && step.Delay != 60 {
				t.Errorf("again after %d s", step.Delay)
			}
		})
	}
}

// contract A29: an answer about another task than the one that waits is not applied, and not asked for again and again.
func TestResumeAnsweredAboutAnotherTask(t *testing.T) {
	t.Parallel()
	x := try(t, &scripted{profile: registry.Profile{PollTool: "get_task_status", Tasks: []string{"create_media_buy"}}, answers: []adcp.Response{
		{Payload: []byte(`{"status":"working","task_id":"tk_1"}`)},
		{Payload: []byte(`{"status":"input-required","task_id":"tk_1","task_type":"create_media_buy"}`)},
		{Payload: []byte(`{"status":"submitted","task_id":"tk_2"}`)},
	}})
	m := &machine{}
	x.dispatch()
	x.poll()
	op := x.op()
	op.InputRequest.Continuation, op.Version = placeA, op.Version+1 // as its call would have told
	if err := x.store.Commit(t.Context(), operation.Change{Op: op}); err != nil {
		t.Fatal(err)
	}
	if _, err := x.resume(m, yes); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		x.dispatch()
		x.at = x.at.Add(time.Hour)
	}
	op = x.op()
	if op.State != operation.InputRequired || op.TaskID != "tk_1" || op.Attention == nil || op.Attention.Reason != operation.ProtocolClash || op.InputRequest.Input.State != operation.InputUnclear || len(x.agent.sent) != 3 {
		t.Errorf("%s, task %s, attention %+v, resume %+v, %d calls", op.State, op.TaskID, op.Attention, op.InputRequest.Input, len(x.agent.sent))
	}
}

// What is not taken: a word for machines, and nothing stored.
func TestResumeNotTaken(t *testing.T) {
	t.Parallel()
	of := func(generation string) string {
		return strings.Replace(yes, `"generation":1`, `"generation":`+generation, 1)
	}
	another := strings.Replace(yes, `"flight":"a"`, `"flight":"b"`, 1)
	for name, tc := range map[string]struct {
		before func(*trial, *machine)
		body   string
		code   orchestrator.InputRefusal
	}{
		"another answer is under way (R12)": {func(x *trial, m *machine) { _, _ = x.resume(m, yes) }, another, orchestrator.InputTaken},
		"a pause that never was":            {func(*trial, *machine) {}, of("2"), orchestrator.InputSuperseded},
		"a pause that is over (R12)": {func(x *trial, m *machine) {
			_, _ = x.resume(m, yes)
			x.dispatch()
		}, another, orchestrator.InputSuperseded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x, m := paused(t, asks(placeB))
			tc.before(x, m)
			before := x.op()
			_, err := x.resume(m, tc.body)
			var refused *orchestrator.InputRefusedError
			if !errors.As(err, &refused) || refused.Code != tc.code {
				t.Errorf("got %v", err)
			}
			if after := x.op(); !reflect.DeepEqual(after, before) {
				t.Errorf("stored %+v", after)
			}
		})
	}
	t.Run("no way back (J4)", func(t *testing.T) {
		t.Parallel()
		x := try(t, &scripted{profile: registry.Profile{PollTool: "get_task_status", Tasks: []string{"create_media_buy"}}, answers: []adcp.Response{asks(adcp.Continuation{})}})
		m := &machine{}
		var refused *orchestrator.InputRefusedError
		if _, err := x.resume(m, yes); !errors.As(err, &refused) || refused.Code != orchestrator.InputNotRequested {
			t.Errorf("before it asked: %v", err)
		}
		x.dispatch()
		if _, err := x.resume(m, yes); !errors.As(err, &refused) || refused.Code != orchestrator.InputNotPossible {
			t.Errorf("got %v", err)
		}
		if _, err := (orchestrator.SendInput{Store: x.store, Workflow: m, Deps: x.deps}).Run(t.Context(), "others", x.id, orchestrator.Input{Generation: 1}); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("another tenant: %v", err)
		}
	})
}

// Each wrong field is named, all at once.
func TestReplyIsChecked(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		body   string
		fields []string
	}{
		"nothing":     {`{}`, []string{"generation", "input", "on_behalf_of"}},
		"no object":   {`[]`, []string{"(body)"}},
		"twice":       {`{"generation":1,"generation":2}`, []string{"(body)"}},
		"ours":        {`{"generation":1,"input":{"idempotency_key":"k","account":{"account_id":"other"},"context":{}},"on_behalf_of":"j"}`, []string{"input.idempotency_key", "input.account", "input.context"}},
		"a stranger":  {`{"generation":1,"input":{},"on_behalf_of":"j","decision":"yes"}`, []string{"decision"}},
		"two lines":   {`{"generation":1,"input":{},"on_behalf_of":"j\nk"}`, []string{"on_behalf_of"}},
		"no such one": {`{"generation":0,"input":{},"on_behalf_of":"j"}`, []string{"generation"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := orchestrator.ParseInput([]byte(tc.body))
			var invalid *validation.Error
			if !errors.As(err, &invalid) {
				t.Fatalf("got %v", err)
			}
			var got []string
			for _, f := range invalid.Fields {
				got = append(got, f.Field)
				if f.Rule == "" || f.Remedy == "" {
					t.Errorf("%+v", f)
				}
			}
			slices.Sort(got)
			slices.Sort(tc.fields)
			if !slices.Equal(got, tc.fields) {
				t.Errorf("named %v", got)
			}
		})
	}
	x, m := paused(t)
	for body, field := range map[string]string{
		strings.Replace(yes, "2027-07-31T23:59:59Z", "soon", 1):         "request.end_time",
		strings.Replace(yes, `"a"`, `"webhook-credential:`+x.id+`"`, 1): "input.ext",
	} {
		var invalid *validation.Error
		if _, err := x.resume(m, body); !errors.As(err, &invalid) || invalid.Fields[0].Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	if op := x.op(); op.InputRequest.Input.State != "" {
		t.Errorf("stored %+v", op.InputRequest.Input)
	}
}

// An operation that nobody follows any more is followed again to send the answer.
func TestResumeIsFoundByTheSweeper(t *testing.T) {
	t.Parallel()
	x, m := paused(t, submitted)
	x.at = x.op().FollowUntil
	if step := x.poll(); step.Next != operation.NextGiveUp {
		t.Fatalf("%+v", step)
	}
	m.status[executionOf(x.id, 1)] = orchestrator.ExecutionOver
	if _, err := x.resume(m, yes); err != nil {
		t.Fatal(err)
	}
	x.at = x.at.Add(3 * time.Minute)
	swept, err := orchestrator.Reconcile{Store: x.store, Workflow: m, Deps: x.deps}.Run(t.Context())
	if err != nil || swept.Restarted != 1 || !slices.Contains(m.asked, "start 2") {
		t.Fatalf("%+v, %v, asked %v", swept, err, m.asked)
	}
	x.dispatch()
	if op := x.op(); op.State != operation.Submitted || x.agent.went[1] != placeA {
		t.Errorf("%s, %v", op.State, x.agent.went)
	}
}

// A wake that is lost is made up for by the sweeper.
func TestResumeWakesAgain(t *testing.T) {
	t.Parallel()
	x, m := paused(t, submitted)
	m.status[executionOf(x.id, 1)] = orchestrator.ExecutionRunning
	if _, err := x.resume(m, yes); err != nil {
		t.Fatal(err)
	}
	m.asked = nil
	x.at = x.at.Add(3 * time.Minute)
	if swept, err := (orchestrator.Reconcile{Store: x.store, Workflow: m, Deps: x.deps}).Run(t.Context()); err != nil || swept.Alive != 1 || !slices.Equal(m.asked, []string{"wake token-1 poll"}) {
		t.Errorf("%+v, %v, asked %v", swept, err, m.asked)
	}
}
