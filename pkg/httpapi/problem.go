package httpapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/quota"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/validation"
)

// Problem is an error as clients see it (RFC 9457). docs/problems.md lists the codes.
type Problem struct {
	// Type is the address of the code's description.
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	// Code identifies the problem for programs.
	Code      string `json:"code"`
	Detail    string `json:"detail,omitempty"`
	RequestID string `json:"request_id,omitempty"`
	// OperationID names the operation that stands in the way, if it is not the one in the path. State
	// is the operation's, where its state is the reason.
	OperationID string          `json:"operation_id,omitempty"`
	State       operation.State `json:"state,omitempty"`
	// AgentError is the error that an agent answered a read with, in its own words.
	AgentError *adcp.Error `json:"agent_error,omitempty"`
	// Limit is the limit that the request would exceed.
	Limit *Limit `json:"limit,omitempty"`
	// Open is how many operations are open, where they are the reason.
	Open int `json:"open,omitempty"`
	// Verdict is what a delivery did, or would have done, where that is the reason.
	Verdict operation.Verdict `json:"verdict,omitempty"`
	// ADCPVersion is the release of AdCP that the request was checked against.
	ADCPVersion string `json:"adcp_version,omitempty"`
	// Errors names every wrong field.
	Errors []validation.FieldError `json:"errors,omitempty"`

	retryAfter time.Duration // for Retry-After, if not 0
}

// Limit is a limit of a tenant, or of a sender of webhooks.
type Limit struct {
	Name  string `json:"name"`
	Value int    `json:"value"`
	// Burst is how many are allowed at once, if the limit is a rate.
	Burst int `json:"burst,omitempty"`
}

// Error makes a Problem an error, so that handlers can return it.
func (p Problem) Error() string { return p.Detail }

// The codes of problems that handlers return themselves.
const (
	codeMalformedBody       = "malformed_body"
	codeInvalidRequest      = "invalid_request"
	codeUnauthorized        = "unauthorized"
	codeInsufficientScope   = "insufficient_scope"
	codeNotFound            = "not_found"
	codeNoSuchRoute         = "no_such_route"
	codeIdempotencyConflict = "idempotency_conflict"
	codeTooLarge            = "too_large"
	codeAgentRefused        = "agent_refused"
	codeAgentHasOpen        = "agent_has_open_operations"
	codeVersionMismatch     = "version_mismatch"
	codeNotAuthentic        = "not_authentic"
	codeBodyGone            = "body_gone"
	codeDiscarded           = "delivery_discarded"
	codeAlreadyApplied      = "already_applied"
	codeReplayEnded         = "operation_ended"
	codeKeysUnavailable     = "keys_unavailable"
	codeRateLimited         = "rate_limited"
	codeQuotaExceeded       = "quota_exceeded"
	codeStartQueueFull      = "start_queue_full"
	codeUnavailable         = "unavailable"
	codeInternalError       = "internal_error"

	codeUnknownParameter     = "unknown_parameter"
	codeCursorMismatch       = "cursor_mismatch"
	codePreconditionRequired = "precondition_required"
	codeLastAdminKey         = "last_admin_key"
	codeKeyEnded             = "key_ended"
	codeTooManySecrets       = "too_many_secrets"
	codeInvalidCursor        = "invalid_cursor"
	codeWaitNeedsVersion     = "wait_needs_version"
	codeNoResultYet          = "no_result_yet"
	codeTooLargeToShow       = "too_large_to_show"
)

// NewProblem returns a problem with the status's own title.
func NewProblem(status int, code, detail string, fields ...validation.FieldError) Problem {
	return Problem{Title: http.StatusText(status), Status: status, Code: code, Detail: detail, Errors: fields}
}

// problemOf turns an error of a handler into a problem. What it does not know is logged, and shown
// as a fault of the orchestrator without any detail.
func problemOf(ctx context.Context, err error) Problem {
	var p Problem
	var invalid *validation.Error
	var refused *orchestrator.SubmitRefusedError
	var exceeded *quota.ExceededError
	var full *orchestrator.QueueFullError
	var unanswered *orchestrator.ReadRefusedError
	var act *operation.ActRefusedError
	var mismatch *orchestrator.VersionMismatchError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &refused) && refused.Code == orchestrator.OperationExpired:
		return expired(refused)
	case errors.As(err, &refused) && refused.Code == orchestrator.VersionUnsupported:
		return NewProblem(http.StatusUnprocessableEntity, string(refused.Code), refused.Words, validation.FieldError{
			Field: "agent_id", Code: validation.InvalidValue, Rule: "must be an agent that speaks a release of AdCP " +
				"which has the task", Remedy: "choose another agent, or register this one again when it has been upgraded"})
	case errors.As(err, &refused):
		return competing(refused)
	case errors.As(err, &exceeded):
		return exceeds(exceeded)
	case errors.As(err, &act):
		return refusedAct(act)
	case errors.As(err, &mismatch):
		p = NewProblem(http.StatusPreconditionFailed, codeVersionMismatch, fmt.Sprintf("the operation has changed: it has "+
			"version %d and is %s; read it again, and decide anew", mismatch.Version, mismatch.State))
		p.State = mismatch.State
		return p
	case errors.As(err, &unanswered):
		return unread(unanswered)
	case errors.As(err, &full):
		p = NewProblem(http.StatusTooManyRequests, codeStartQueueFull, fmt.Sprintf("more operations were submitted "+
			"than AWS Step Functions starts: the oldest has waited for more than %.0f seconds; nothing was stored, "+
			"send the same request again later", orchestrator.MaxStartDelay.Seconds()))
		p.retryAfter = full.RetryAfter
		return p
	case errors.As(err, &invalid):
		p = NewProblem(http.StatusBadRequest, codeInvalidRequest, "the request breaks a rule; see errors",
			invalid.Fields...)
		if p.ADCPVersion = invalid.Release; p.ADCPVersion != "" {
			p.Detail += "; it was checked against AdCP " + p.ADCPVersion
		}
		return p
	case errors.Is(err, store.ErrNotFound):
		return NewProblem(http.StatusNotFound, codeNotFound, "it does not exist, or it is not yours")
	case errors.Is(err, orchestrator.ErrPayloadDiffers):
		return reusedKey()
	}
	slog.ErrorContext(ctx, "request failed", "error", err)
	return NewProblem(http.StatusServiceUnavailable, codeUnavailable,
		"something failed on our side; nothing is lost, send the same request again")
}

// reusedKey describes an Idempotency-Key that belongs to another payload.
func reusedKey() Problem {
	return NewProblem(http.StatusConflict, codeIdempotencyConflict,
		"this Idempotency-Key was used with another payload: send the first payload again, or take a new key",
		validation.FieldError{Field: "Idempotency-Key", Code: validation.KeyReused,
			Rule: "must belong to one payload", Remedy: "take a new key for a new request"})
}

// exceeds describes a limit that refuses a request, and how to go on.
func exceeds(e *quota.ExceededError) Problem {
	var p Problem
	switch e.Limit {
	case quota.Agents:
		p = NewProblem(http.StatusTooManyRequests, codeQuotaExceeded, fmt.Sprintf("your tenant has %d agents, which is "+
			"the limit: change one of them, or have the operator raise the limit", e.Value))
	case quota.WebhookEndpoints:
		p = NewProblem(http.StatusTooManyRequests, codeQuotaExceeded, fmt.Sprintf("your tenant has %d webhook endpoints, "+
			"which is the limit: change or delete one of them", e.Value))
	case quota.OpenOperations:
		p = NewProblem(http.StatusTooManyRequests, codeQuotaExceeded, fmt.Sprintf("your tenant may have %d open "+
			"operations: send the same request again when some have ended, or have the operator raise the limit; "+
			"ended operations make room within five minutes", e.Value))
	default:
		what := "requests"
		if e.Limit == quota.SubmissionsPerSecond {
			what = "new operations"
		}
		p = NewProblem(http.StatusTooManyRequests, codeRateLimited, fmt.Sprintf("your tenant may send %d %s a second, "+
			"with bursts of %d: wait for the time in Retry-After, then send the same request again", e.Value, what, e.Burst))
	}
	p.Limit, p.retryAfter = &Limit{e.Limit, e.Value, e.Burst}, e.RetryAfter
	return p
}

// expired describes the operation that a submission repeats after it has expired.
func expired(e *orchestrator.SubmitRefusedError) Problem {
	p := NewProblem(http.StatusGone, string(e.Code), fmt.Sprintf("operation %s has this Idempotency-Key or this "+
		"purchase order or proposal; it has ended and expired, and nothing was sent. For a new operation take a new "+
		"Idempotency-Key, and for a purchase a new purchase order", e.OperationID))
	p.OperationID = e.OperationID
	return p
}

// competing describes the operation that stands in a submission's way, and how to go on.
func competing(e *orchestrator.SubmitRefusedError) Problem {
	member := cmp.Or(e.Member, "po_number")
	detail := fmt.Sprintf("operation %s has this %s and wants something else; it is %s", e.OperationID, member, e.State)
	field := validation.FieldError{Field: "request." + member, Code: validation.InUse,
		Rule:   "must belong to one buy of an agent and account",
		Remedy: "take another " + member + `, or send "dedupe_by": "none" for a further buy under this one`}
	if e.Code == orchestrator.BuyHasOpenChange {
		detail = fmt.Sprintf("operation %s changes this media buy and has not ended; it is %s", e.OperationID, e.State)
		field = validation.FieldError{Field: "request.media_buy_id", Code: validation.InUse,
			Rule:   "must be a media buy without another open change",
			Remedy: `submit again when that operation has ended, or send "on_conflict": "wait"`}
	}
	if e.Code == orchestrator.ProposalInUse {
		detail = fmt.Sprintf("operation %s accepts this proposal and wants something else; it is %s", e.OperationID, e.State)
		field = validation.FieldError{Field: "request.proposal_id", Code: validation.InUse,
			Rule:   "must be a proposal that no other operation accepts",
			Remedy: "follow that operation, or request another proposal"}
	}
	p := NewProblem(http.StatusConflict, string(e.Code), detail, field)
	p.OperationID, p.State = e.OperationID, e.State
	return p
}
