package webhook

import (
	"context"
	"errors"
	"net/http"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/validation"
)

// headerA2AToken carries the push token in A2A's own notifications. MCP's carry it in the payload.
const headerA2AToken = "X-A2A-Notification-Token"

// codeBodyMalformed is the code for a body in which a key occurs twice.
const codeBodyMalformed = "webhook_body_malformed"

// errUncorrelated: nothing in an authentic payload names the operation.
var errUncorrelated = &adcp.EnvelopeError{
	Code:   "missing_envelope_fields",
	Fields: []string{"operation_id"},
	Detail: "the payload has neither an operation_id nor a known task_id",
}

// parse reads the payload in the registered format (contract F27).
func (in inbound) parse() (adcp.Webhook, error) {
	if in.op.Webhook.Format != adcp.FormatA2A {
		w, err := adcp.ParseWebhook(in.delivery.Body)
		if w.Bare { // it is about no operation, so the webhook that it came to is as good as any
			w.OperationID = in.op.ID
		}
		return w, err
	}
	w, err := adcp.ParseA2AWebhook(in.delivery.Body)
	if err != nil {
		return w, err
	}
	if w.Token == "" {
		w.Token, _ = singleHeader(in.delivery.Header, headerA2AToken)
	}
	if w.OperationID == "" {
		// A2A's payloads have no operation_id, and the URL may not correlate (contract F5). The
		// agent's task id does, once another channel has reported it, and so does the buy of an
		// operation that has ended. A notification that names neither is about no operation.
		n := w.News()
		ours := w.TaskID != "" && w.TaskID == in.op.TaskID || in.op.IsAbout(w.Buy().MediaBuyID)
		if !ours && (n.Type == "" || n.Buy.MediaBuyID != "") {
			return w, errUncorrelated
		}
		w.OperationID = in.op.ID
	}
	if w.TaskType == "" {
		w.TaskType = string(in.op.Type)
	}
	return w, nil
}

// rejectEnvelope replies to an authentic delivery that is not a webhook in the registered format.
// Nothing of it is applied. If it still names an operation or reports on a task, as those of older
// agents without operation_id do, it triggers an early poll: without one the agent's news would be
// lost until the next backup poll.
func (in inbound) rejectEnvelope(ctx context.Context, w adcp.Webhook, err error) Reply {
	if errors.Is(err, adcp.ErrNoTask) { // contract F28 as in AdCP 3.2: acknowledged, it concerns no task
		return Reply{Status: http.StatusOK, Code: "ignored"}
	}
	var envelope *adcp.EnvelopeError
	malformed := errors.As(err, &envelope)
	hint := w.OperationID != "" || w.Status.Valid() || adcp.DetectFormat(in.delivery.Body) == adcp.FormatA2A
	if hint || !malformed { // with a key that occurs twice no member can be trusted: the URL's operation is polled
		if err := in.receiver.Apply.PollSoon(ctx, in.op, w.OperationID); err != nil {
			return internalFailure(ctx, err)
		}
	}
	if !malformed {
		const detail = "an object key occurs twice"
		reply := Reply{Status: http.StatusBadRequest, Code: codeBodyMalformed, Detail: detail}
		return in.quarantineAuthentic(ctx, reply, detail, w)
	}
	return in.quarantineAuthentic(ctx, Reply{
		Status: http.StatusUnprocessableEntity,
		Code:   envelope.Code,
		Detail: envelope.Detail,
		Errors: fieldErrors(envelope),
	}, envelope.Error(), w)
}

// fieldErrors describes the wrong fields of an envelope, one by one (contract F25).
func fieldErrors(e *adcp.EnvelopeError) []validation.FieldError {
	fault := validation.FieldError{
		Code:   validation.InvalidValue,
		Rule:   e.Detail,
		Remedy: "correct it and send the delivery again",
	}
	switch e.Code {
	case "missing_envelope_fields", "missing_idempotency_key":
		fault.Code = validation.Required
		fault.Rule = "is required"
		fault.Remedy = "add it and send the delivery again"
	case "invalid_envelope_status":
		fault.Rule = "has to be an AdCP task status"
		fault.Remedy = "send the status of the task, and the status of a media buy in result"
	}
	var all []validation.FieldError
	for _, field := range e.Fields {
		fault.Field = field
		all = append(all, fault)
	}
	return all
}
