package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/registry"
)

// Discover implements registry.Caller.
func (f *faults) Discover(ctx context.Context, a registry.Agent) (registry.Profile, error) {
	const tool = "tools/list"
	f.checkCall(a, tool, nil)
	f.w.elapse(ctx, f.upTo(2*time.Second))
	if f.happens(f.callRate) {
		kind := f.note(tool, pick(f.rng, "refused connection", "handshake 429", "handshake 503", "401"))
		err := f.notCarriedOut(kind)
		f.noteRetryAfter(tool, adcp.Response{}, err)
		f.observe(tool, adcp.Response{}, err)
		return registry.Profile{}, err
	}
	p, err := f.w.seller(a.Tenant).Discover(ctx, a)
	if f.sellers.hideIdempotency {
		p.Capabilities.Idempotency = adcp.IdempotencyOffer{}
	}
	return p, err
}

// Call implements registry.Caller.
func (f *faults) Call(
	ctx context.Context, a registry.Agent, tool string, arguments json.RawMessage,
) (adcp.Response, error) {
	f.checkCall(a, tool, arguments)
	if a.ContinueTask != (adcp.Continuation{}) {
		f.of(f.w.running).inputs++
	}
	f.w.elapse(ctx, f.upTo(2*time.Second))
	kind := "none"
	if f.happens(f.callRate) {
		kind = f.note(tool, pick(f.rng,
			"refused connection", "handshake 429", "handshake 503", "401", "429", "reset before", "502 before",
			"reset after", "504 after", "half a body", "unreadable", "slow", "late",
			"error", "error", "error", "error", "error after", "error after"))
	}
	r, err := f.carry(ctx, a, tool, arguments, kind)
	f.noteRetryAfter(tool, r, err)
	f.observe(tool, r, err)
	return r, err
}

// notCarriedOut is the error of a call that does not get to the seller's work, as
// pkg/agent/failure.go classifies it; nil for other kinds.
func (f *faults) notCarriedOut(kind string) error {
	later := pick(f.rng, 0, time.Second, time.Minute, time.Hour)
	e := &adcp.CallError{Cause: errors.New(kind), RetryAfter: later}
	switch kind {
	case "refused connection":
		e.Outcome, e.RetryAfter = adcp.Unsent, 0
	case "handshake 429":
		e.Outcome, e.Status = adcp.Unsent, 429
	case "handshake 503":
		e.Outcome, e.Status = adcp.Unsent, 503
	case "401":
		e.Outcome, e.Status, e.RetryAfter = adcp.Refused, 401, 0
	case "429":
		e.Outcome, e.Status = adcp.Refused, 429
	case "reset before":
		e.Outcome, e.RetryAfter = adcp.Ambiguous, 0
	case "502 before":
		e.Outcome, e.Status = adcp.Ambiguous, 502
	default:
		return nil
	}
	return e
}

// carry carries a call to the seller and its answer back, with a fault of a kind.
func (f *faults) carry(
	ctx context.Context, a registry.Agent, tool string, arguments json.RawMessage, kind string,
) (adcp.Response, error) {
	if err := f.notCarriedOut(kind); err != nil {
		return adcp.Response{}, err
	}
	key, timeout := keyOf(arguments), 25*time.Second
	if buysWith(tool) {
		timeout = 240 * time.Second
	}
	ambiguous := &adcp.CallError{Outcome: adcp.Ambiguous, Cause: errors.New(kind)}
	if kind == "error" {
		e, workFailed := f.adcpError(a, tool, key)
		return adcp.Response{Err: e, WorkFailed: workFailed}, nil
	}
	if kind == "late" { // the request arrives after the caller's timeout
		f.w.Plan(f.w.now.Add(timeout+f.upTo(20*time.Minute)), func() {
			if !f.refusedKeys[key] {
				_, _ = f.w.seller(a.Tenant).Call(ctx, a, tool, arguments)
			}
		})
		f.w.elapse(ctx, timeout)
		return adcp.Response{}, ambiguous
	}
	r, err := f.w.seller(a.Tenant).Call(ctx, a, tool, arguments)
	switch kind {
	case "reset after":
		return adcp.Response{}, ambiguous
	case "504 after":
		ambiguous.Status, ambiguous.RetryAfter = 504, pick(f.rng, 0, time.Minute)
		return adcp.Response{}, ambiguous
	case "half a body":
		ambiguous.Status = 200
		return adcp.Response{}, ambiguous
	case "slow":
		f.w.elapse(ctx, timeout)
		return adcp.Response{}, ambiguous
	case "error after":
		return adcp.Response{Err: f.errorAfterWork(tool)}, nil
	case "unreadable":
		return adcp.Response{Payload: json.RawMessage(pick(f.rng,
			`{"status":"odd"}`, `{"status":"submitted"}`, `{"status":"completed"}`, `{"status":"unknown"}`))}, nil
	}
	if tool == "get_task_status" && err == nil {
		r = f.distort(r)
	}
	return r, err
}

// distort changes a poll's answer as the sellers of this world do.
func (f *faults) distort(r adcp.Response) adcp.Response {
	replace := func(old, by string) { r.Payload = bytes.Replace(r.Payload, []byte(old), []byte(by), 1) }
	switch {
	case f.w.now.After(f.sellers.forgetAt) && f.w.now.Before(f.sellers.rememberAt):
		f.note("get_task_status", "task forgotten")
		return adcp.Response{Err: &adcp.Error{Code: "REFERENCE_NOT_FOUND", Recovery: adcp.Correctable}}
	case f.sellers.flap && pick(f.rng, true, false):
		replace(`"working"`, pick(f.rng, `"submitted"`, `"input-required"`))
	case f.sellers.renameRejected:
		replace(`"status":"rejected"`, `"status":"failed"`)
	}
	return r
}

// adcpError draws an AdCP error. A seller gives its verdict on a request only for what it has not
// carried out, and then keeps to it: agents look for the key first, and keep what they carried out
// for it (contract C11). An error that is no verdict may come at any time: an agent can fail
// before it looks for the key, and then answers with an unknown code, or with a transient code and
// an unknown recovery. Nothing may follow from that after an attempt whose outcome is unknown
// (endsOperation in pkg/orchestrator/classify.go).
func (f *faults) adcpError(a registry.Agent, tool, key string) (_ *adcp.Error, workFailed bool) {
	later := pick(f.rng, 0, time.Second, time.Minute, time.Hour)
	errs := []*adcp.Error{
		{Code: "RATE_LIMITED", Recovery: adcp.Transient, RetryAfter: max(later, time.Second)},
		{Code: "SERVICE_UNAVAILABLE", Recovery: adcp.Transient, RetryAfter: later},
		{Code: "AUTH_INVALID", Recovery: adcp.Terminal},
		{Code: "ACCOUNT_SUSPENDED", Recovery: adcp.Terminal},
		{Code: "VERSION_UNSUPPORTED", Recovery: adcp.Correctable},
		{Code: "SCOPE_INSUFFICIENT", Recovery: adcp.Correctable},
	}
	strange := []*adcp.Error{
		{Code: "X_ACME_ODD", Recovery: adcp.Terminal},
		{Code: "TEMPORARILY_UNAVAILABLE", Recovery: adcp.Transient, Assumed: true},
		{Code: "INTERNAL_ERROR", Recovery: adcp.Terminal},
		// The recovery on the wire was an unknown word (contract D6).
		{Code: "SERVICE_UNAVAILABLE", Recovery: adcp.Terminal, RetryAfter: later},
	}
	verdicts := []*adcp.Error{
		{Code: "INVALID_REQUEST", Recovery: adcp.Correctable},
		{Code: "BUDGET_EXHAUSTED", Recovery: adcp.Terminal},
	}
	s := f.w.seller(a.Tenant)
	_, carriedOut := s.byKey[key]
	if !buysWith(tool) {
		notFound := &adcp.Error{Code: "REFERENCE_NOT_FOUND", Recovery: adcp.Correctable}
		errs = append(append(errs, strange...), notFound, verdicts[0])
	} else {
		if !s.NoIdempotency {
			errs = append(errs,
				&adcp.Error{Code: "IDEMPOTENCY_IN_FLIGHT", Recovery: adcp.Transient, RetryAfter: max(later, time.Second)},
				&adcp.Error{Code: "IDEMPOTENCY_CONFLICT", Recovery: adcp.Correctable})
		}
		if !carriedOut {
			errs = append(errs, verdicts...)
		}
		errs = append(errs, strange...)
	}
	e := *pick(f.rng, errs...)
	f.note(tool, string(e.Recovery)+" "+e.Code)
	if e.Code == "INVALID_REQUEST" || e.Code == "BUDGET_EXHAUSTED" {
		f.refusedKeys[key] = true
		t := s.tasks[strings.TrimPrefix(a.ContinueTask.ContextID, "ctx-")]
		if t != nil && !t.approved && e.Code == "BUDGET_EXHAUSTED" {
			t.refused, workFailed = true, true
		}
	}
	if a.ContinueTask != (adcp.Continuation{}) && e.Recovery != adcp.Transient {
		f.refusedInputs[key] = true // the input may be sent again under another key
	}
	return &e, workFailed
}

// errorAfterWork draws what a seller answers that fails after it has carried a request out
// (contract C29).
func (f *faults) errorAfterWork(tool string) *adcp.Error {
	code := pick(f.rng, "SERVICE_UNAVAILABLE", "GOVERNANCE_UNAVAILABLE", "STALE_RESPONSE", "CONFLICT",
		"INTERNAL_ERROR", "TOOL_EXECUTION_FAILED", "COMMITTED_RESOURCE_PURGED")
	recovery, known := adcp.RecoveryOf(code)
	f.note(tool, "after the work "+code)
	return &adcp.Error{Code: code, Recovery: recovery, Assumed: !known}
}

func keyOf(arguments json.RawMessage) string {
	var in struct {
		Key string `json:"idempotency_key"`
	}
	_ = json.Unmarshal(arguments, &in) // the seller reports what is not JSON
	return in.Key
}
