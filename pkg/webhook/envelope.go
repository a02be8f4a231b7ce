package webhook

import (
	"context"
	"errors"
	"net/http"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
)

// headerA2AToken is where A2A's own notifications carry the token that MCP's carry in the payload.
const headerA2AToken = "X-A2A-Notification-Token"

// parse reads the payload in the registered format (contract F27).
func (c call) parse() (adcp.Webhook, error) {
	if c.op.Webhook.Format != operation.FormatA2A {
		return adcp.ParseWebhook(c.d.Body)
	}
	w, err := adcp.ParseA2AWebhook(c.d.Body)
	if err != nil {
		return w, err
	}
	if w.Token == "" {
		w.Token, _ = only(c.d.Header, headerA2AToken)
	}
	if w.OperationID == "" {
		// A2A's payloads have no operation_id, and the URL is no correlation (contract F5): the agent's task id is, once the agent has told it by another way.
		if w.TaskID == "" || w.TaskID != c.op.TaskID {
			return w, errUncorrelated
		}
		w.OperationID = c.op.ID
	}
	if w.TaskType == "" {
		w.TaskType = string(c.op.Type)
	}
	return w, nil
}

// errUncorrelated: nothing in an authentic payload says which operation it is for.
var errUncorrelated = &adcp.EnvelopeError{Code: "missing_envelope_fields", Fields: []string{"operation_id"},
	Detail: "neither operation_id nor a task_id that is known"}

// malformed answers an authentic delivery that is no webhook in the registered format. Nothing of it is applied. If it tells of a task all the same, as older
// agents' do that leave operation_id out, it is reason enough to ask the agent at once.
func (c call) malformed(ctx context.Context, w adcp.Webhook, err error) Reply {
	if errors.Is(err, adcp.ErrNoTask) { // contract F28, 3.2's reading: acknowledged, of no meaning to a task
		return Reply{Status: http.StatusOK, Code: "ignored"}
	}
	var envelope *adcp.EnvelopeError
	if !errors.As(err, &envelope) {
		return c.keep(ctx, Reply{Status: http.StatusBadRequest, Code: "webhook_body_malformed", Detail: "an object key stands twice"}, "an object key stands twice", w)
	}
	if w.OperationID == "" && w.Status.Valid() || adcp.DetectFormat(c.d.Body) == adcp.FormatA2A {
		if err := c.r.Apply.PollSoon(ctx, c.op); err != nil {
			return ourFault(ctx, err)
		}
	}
	return c.keep(ctx, Reply{Status: http.StatusUnprocessableEntity, Code: envelope.Code, Detail: envelope.Detail, Fields: envelope.Fields},
		envelope.Error(), w)
}
