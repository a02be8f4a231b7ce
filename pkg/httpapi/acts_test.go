package httpapi_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store/memory"
)

// actsHarness is an operation and the functions of the acts on it.
type actsHarness struct {
	t     *testing.T
	store *memory.Store
	acts  map[string]httpapi.Function
	id    string
}

func newActsHarness(t *testing.T) *actsHarness {
	t.Helper()
	s, submit := newSubmit(t, operation.WebhookHMAC)
	op := decode[httpapi.Operation](t, call(t, submit, request(t, "submit")), 202)
	deps := orchestrator.Deps{Now: clock, Jitter: func() float64 { return 0 }}
	acts := orchestrator.Acts{Store: s, Workflow: fakeWorkflow{}, Deps: deps,
		Buys: orchestrator.CancelBuys{Store: s, Workflow: fakeWorkflow{}, Deps: deps}}
	resolve := orchestrator.Resolve{Store: s, Workflow: fakeWorkflow{}, Deps: deps}
	write := apikey.ScopeOperationsWrite
	return &actsHarness{t: t, store: s, id: op.ID, acts: map[string]httpapi.Function{
		"cancel":   api.Serve(write, api.Cancel(acts.Cancel)),
		"withdraw": api.Serve(write, api.Act(acts.Withdraw)),
		"poll":     api.Serve(write, api.PollNow(acts.Poll)),
		"pause":    api.Serve(write, api.ActWithReason(acts.Pause)),
		"resume":   api.Serve(write, api.ActWithReason(acts.Resume)),
		"resolve":  api.Serve(apikey.ScopeOperationsApprove, api.Resolve(resolve.Run)),
	}}
}

// becomes stores the operation in another state.
func (h *actsHarness) becomes(change func(*operation.Operation)) operation.Operation {
	h.t.Helper()
	op, err := h.store.Get(h.t.Context(), "acme", h.id)
	if err != nil {
		h.t.Fatal(err)
	}
	change(&op)
	op.Version++
	if err := h.store.Commit(h.t.Context(), operation.Change{Op: op}); err != nil {
		h.t.Fatal(err)
	}
	return op
}

// post sends an act with a body, and an If-Match if there is one.
func (h *actsHarness) post(act, body, ifMatch string) events.APIGatewayProxyResponse {
	h.t.Helper()
	e := routed(actRoute(act), h.id)
	e.Body = body
	if ifMatch != "" {
		e.Headers = map[string]string{"If-Match": ifMatch}
	}
	e = as(e, "acme")
	e.RequestContext.Authorizer["key_name"] = "desk"
	return call(h.t, h.acts[act], e)
}

// actRoute is the route of an act.
func actRoute(act string) string {
	if act == "withdraw" {
		return "DELETE /v1/operations/{id}/cancel"
	}
	return "POST /v1/operations/{id}/" + act
}

const because = `{"reason":"wrong dates"}`

func TestActsAnswerTheOperation(t *testing.T) {
	t.Parallel()
	h := newActsHarness(t)
	working := h.becomes(func(op *operation.Operation) { op.State, op.TaskID = operation.Working, "tk_1" })
	r := h.post("pause", because, etag(working.Version))
	op := decode[httpapi.Operation](t, r, 200)
	if op.Paused == nil || op.Paused.Reason != "wrong dates" || op.Paused.Actor.Name != "desk" ||
		op.Paused.Actor.RequestID != requestID || op.WaitingOn != operation.WaitsForPerson || op.Next != nil ||
		r.Headers["ETag"] != etag(op.Version) || op.Version != working.Version+1 {
		t.Errorf("%+v, %v", op, r.Headers)
	}
	wantProblem(t, h.post("poll", "", ""), 409, "paused")
	wantProblem(t, h.post("resume", because, etag(working.Version)), 412, "version_mismatch")
	if op := decode[httpapi.Operation](t, h.post("resume", because, "*"), 200); op.Paused != nil {
		t.Errorf("%+v", op)
	}
	if op := decode[httpapi.Operation](t, h.post("poll", "", ""), 202); op.Next.Action != operation.ActionPoll {
		t.Errorf("next %+v", op.Next)
	}
	r = h.post("poll", "", "")
	wantProblem(t, r, 429, "polled_recently")
	if r.Headers["Retry-After"] != "60" {
		t.Errorf("%v", r.Headers)
	}
	op = decode[httpapi.Operation](t, h.post("cancel", because, ""), 202)
	if c := op.Cancellation; c == nil || c.State != operation.CancelWished || c.Buy != operation.CancelBuy ||
		op.State != operation.Working {
		t.Errorf("%s, %+v", op.State, c)
	}
	if op := decode[httpapi.Operation](t, h.post("withdraw", "", ""), 200); op.Cancellation != nil {
		t.Errorf("%+v", op.Cancellation)
	}
	record, err := h.store.Load(t.Context(), "acme", h.id)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range record.Events {
		if e.Channel == operation.ByAPI && (e.Actor == nil || e.Actor.RequestID != requestID || e.Actor.ID != "k") {
			t.Errorf("%s has the actor %+v", e.Kind, e.Actor)
		}
	}
}

func etag(version int64) string { return strconv.Quote(strconv.FormatInt(version, 10)) }

func TestCancelAnswersWhatBecomesOfIt(t *testing.T) {
	t.Parallel()
	for state, want := range map[operation.State]int{
		operation.Requested: 200, operation.Submitted: 202, operation.Canceled: 200, operation.Failed: 409,
		operation.Completed: 202,
	} {
		h := newActsHarness(t)
		h.becomes(func(op *operation.Operation) {
			if op.State = state; state.Terminal() {
				op.Terminal = &operation.Terminal{Status: adcp.Status(state), Channel: operation.ByPoll, At: now}
				op.MediaBuyID = "mb_1"
			}
		})
		for range 2 {
			r := h.post("cancel", `{"reason":"wrong dates","buy":"cancel"}`, "")
			if r.StatusCode != want {
				t.Errorf("%s: %d %s", state, r.StatusCode, r.Body)
			}
			switch state {
			case operation.Failed:
				wantProblem(t, r, 409, "not_cancellable")
			case operation.Completed:
				if op := decode[httpapi.Operation](t, r, 202); op.State != state ||
					op.Cancellation.State != operation.CancelSent || op.Cancellation.OperationID == "" {
					t.Errorf("%s, %+v", op.State, op.Cancellation)
				}
			}
		}
		if state == operation.Completed {
			r := h.post("withdraw", "", "")
			wantProblem(t, r, 409, "cancellation_sent")
			if !strings.Contains(r.Body, `"operation_id":"op_`) {
				t.Errorf("%s", r.Body)
			}
		}
	}
}

func TestResolveNeedsAVersionAndAnEnd(t *testing.T) {
	t.Parallel()
	h := newActsHarness(t)
	op := h.becomes(func(op *operation.Operation) {
		op.State, op.TaskID = operation.Working, "tk_1"
		op.Flag(operation.GaveUp, now, "")
	})
	tag := etag(op.Version)
	const whole = `{"state":"completed","reason":"by telephone","evidence":"ticket 1","media_buy_id":"mb_1"}`
	wantProblem(t, h.post("resolve", whole, ""), 428, "precondition_required")
	wantProblem(t, h.post("resolve", whole, etag(op.Version-1)), 412, "version_mismatch")
	for body, field := range map[string]string{
		`{"state":"working","reason":"x","media_buy_id":"mb_1"}`:                                       "state",
		`{"state":"completed","reason":"x"}`:                                                           "media_buy_id",
		`{"state":"completed","media_buy_id":"mb_1"}`:                                                  "reason",
		`{"state":"failed","reason":"x","media_buy_id":"mb_1"}`:                                        "state",
		`{"state":"completed","reason":"x","result":[]}`:                                               "result",
		`{"state":"completed","reason":"x","media_buy_id":"mb_2","result":{"media_buy_id":"mb_1"}}`:    "media_buy_id",
		`{"state":"failed","reason":"x","unverified":"yes"}`:                                           "unverified",
		`{"state":"failed","reason":"x","evidence":"a\nb"}`:                                            "evidence",
		`{"state":"failed","reason":"x","force":true}`:                                                 "force",
		`{"state":"failed","reason":"` + strings.Repeat("x", 501) + `"}`:                               "reason",
		`{"state":"completed","reason":"x","media_buy_id":"` + strings.Repeat("x", 501) + `"}`:         "media_buy_id",
		`{"state":"completed","reason":"x","result":{"media_buy_id":"mb_1"},"media_buy_id":"\u200bx"}`: "media_buy_id",
	} {
		r := h.post("resolve", body, tag)
		wantProblem(t, r, 400, "invalid_request")
		if !strings.Contains(r.Body, `"field":"`+field+`"`) {
			t.Errorf("%s: %s", body, r.Body)
		}
	}
	got := decode[httpapi.Operation](t, h.post("resolve", whole, tag), 200)
	if got.State != operation.Completed || got.EndedBy() != operation.ByOperator || got.MediaBuyID != "mb_1" ||
		got.Ended.Resolution.Evidence != "ticket 1" {
		t.Errorf("%+v, %+v", got, got.Ended)
	}
	wantProblem(t, h.post("resolve", whole, etag(got.Version)), 409, "operation_ended")
}

// Who may approve may not overrule that the agent could not be asked.
func TestUnverifiedNeedsAnAdministrator(t *testing.T) {
	t.Parallel()
	h := newActsHarness(t)
	e := of(actRoute("resolve"), h.id, `{"state":"failed","reason":"x","unverified":true}`,
		map[string]string{"If-Match": `"1"`})
	e.RequestContext.Authorizer["scopes"] = "operations:approve operations:write"
	wantProblem(t, call(t, h.acts["resolve"], e), 403, "insufficient_scope")
	e.RequestContext.Authorizer["scopes"] = "operations:write keys:write"
	wantProblem(t, call(t, h.acts["resolve"], e), 403, "insufficient_scope")
}

func TestWrongBodiesOfActs(t *testing.T) {
	t.Parallel()
	h := newActsHarness(t)
	for act, bodies := range map[string][]string{
		"cancel": {``, `{}`, `[]`, `{"reason":""}`, `{"reason":"x","buy":"sell"}`, `{"reason":"x","why":1}`},
		"pause":  {``, `{}`, `{"reason":1}`, `{"reason":"a\u202eb"}`, `{"reason":"x","buy":"keep"}`},
		"resume": {``, `{}`},
	} {
		for _, body := range bodies {
			wantProblem(t, h.post(act, body, ""), 400, "invalid_request")
		}
		wantProblem(t, h.post(act, strings.Repeat(" ", 1<<15), ""), 413, "too_large")
		for _, tag := range []string{"x", `"0"`, `"-1"`, `"1", "2"`} {
			wantProblem(t, h.post(act, because, tag), 400, "invalid_request")
		}
	}
	op, err := h.store.Get(t.Context(), "acme", h.id)
	if err != nil || op.Version != 1 {
		t.Errorf("version %d, %v", op.Version, err)
	}
}
