package webhook

import (
	"context"
	"errors"
	"net/http"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/validation"
)

// notApplied maps the reasons for which an authentic delivery is not applied to the reply. The
// errors exclude each other, so the order of the entries does not matter.
var notApplied = []struct {
	err   error
	reply Reply
}{
	{orchestrator.ErrUnknownOperation, Reply{
		Status: http.StatusUnprocessableEntity,
		Code:   "unknown_operation",
		Errors: []validation.FieldError{{
			Field:  "operation_id",
			Code:   validation.InvalidValue,
			Rule:   "has to name an operation of this sender",
			Remedy: "send the operation_id of the request that this webhook reports on",
		}},
	}},
	{orchestrator.ErrToken, Reply{Status: http.StatusUnauthorized, Code: "token_mismatch"}},
	{orchestrator.ErrKeyReused, Reply{
		Status: http.StatusConflict,
		Code:   "idempotency_key_reused",
		Errors: []validation.FieldError{{
			Field:  "idempotency_key",
			Code:   validation.KeyReused,
			Rule:   "identifies one payload",
			Remedy: "send another event with a new key, and a retry with the same payload",
		}},
	}},
	{orchestrator.ErrConflict, Reply{Status: http.StatusConflict, Code: "conflict"}},
	{orchestrator.ErrTooMany, Reply{Status: http.StatusTooManyRequests, Code: "too_many_deliveries"}},
}

// outcome returns the reply for what the use case returned, and quarantines a delivery that was not
// applied.
func (in inbound) outcome(
	ctx context.Context, w adcp.Webhook, result orchestrator.ReceiveResult, err error,
) Reply {
	if err == nil {
		code := string(result.Verdict)
		if !result.First {
			code = string(operation.Duplicate)
		}
		return Reply{Status: http.StatusOK, Code: code}
	}
	for _, n := range notApplied {
		if errors.Is(err, n.err) {
			reply := n.reply
			reply.Detail = n.err.Error()
			return in.quarantineAuthentic(ctx, reply, n.err.Error(), w)
		}
	}
	return internalFailure(ctx, err)
}
