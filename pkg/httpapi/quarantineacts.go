package httpapi

import (
	"context"
	"errors"
	"net/http"

	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/webhook"
)

// replayResult is the answer to a replay. Verdict is what the delivery did, Code why it was not
// applied.
type replayResult struct {
	Applied   bool                `json:"applied"`
	Verdict   operation.Verdict   `json:"verdict,omitempty"`
	Code      string              `json:"code,omitempty"`
	Delivery  QuarantinedDelivery `json:"delivery"`
	Operation Operation           `json:"operation"`
}

// ReplayQuarantined serves POST /v1/quarantine/{id}/replay: 200 with the verdict, the same when it
// is repeated.
func (a API) ReplayQuarantined(run func(ctx context.Context, tenant, id, reason string, actor operation.Actor) (
	webhook.ReplayResult, error)) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		id, reason, err := r.quarantineAct()
		if err != nil {
			return Response{}, err
		}
		got, err := run(ctx, r.Principal.Tenant, id, reason, r.Actor())
		if err != nil {
			return Response{}, notReplayed(got, err)
		}
		return Response{Status: http.StatusOK, Body: replayResult{Applied: got.Applied, Verdict: got.Verdict,
			Code: got.Code, Delivery: a.viewQuarantined(got.Quarantined), Operation: a.View(got.Operation)}}, nil
	}
}

// DiscardQuarantined serves POST /v1/quarantine/{id}/discard: 200 with the record, the same when it
// is repeated.
func (a API) DiscardQuarantined(run func(ctx context.Context, tenant, id, reason string, actor operation.Actor) (
	inbox.Quarantined, error)) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		id, reason, err := r.quarantineAct()
		if err != nil {
			return Response{}, err
		}
		q, err := run(ctx, r.Principal.Tenant, id, reason, r.Actor())
		if err != nil {
			return Response{}, notReplayed(webhook.ReplayResult{Quarantined: q, Verdict: q.Handled.Verdict}, err)
		}
		return Response{Status: http.StatusOK, Body: a.viewQuarantined(q)}, nil
	}
}

// quarantineAct reads what an act on a quarantined delivery needs.
func (r Request) quarantineAct() (id, reason string, err error) {
	if id, err = r.pathID(inbox.QuarantineIDForm()); err == nil {
		reason, err = readReason(r.Body)
	}
	return id, reason, err
}

// notReplayed describes why an act on a quarantined delivery is refused. What it does not know it
// returns as it is.
func notReplayed(got webhook.ReplayResult, err error) error {
	for _, known := range []struct {
		err          error
		code, detail string
	}{
		{webhook.ErrNotAuthentic, codeNotAuthentic, "anybody who knows the address may have sent this delivery, so it is " +
			"never applied: poll the operation instead"},
		{webhook.ErrBodyGone, codeBodyGone, "the body of this delivery is not kept, or not any more: poll the " +
			"operation instead"},
		{webhook.ErrDiscarded, codeDiscarded, "this delivery was discarded"},
		{orchestrator.ErrAlreadyApplied, codeAlreadyApplied, "this delivery has been applied, see verdict: nothing is " +
			"left to do"},
		{orchestrator.ErrEnded, codeReplayEnded, "the operation has ended, and an end stays; verdict is what the " +
			"delivery would have done"},
	} {
		if errors.Is(err, known.err) {
			p := NewProblem(http.StatusConflict, known.code, known.detail)
			p.Verdict, p.OperationID, p.State = got.Verdict, got.Operation.ID, got.Operation.State
			if p.OperationID == "" {
				p.OperationID = got.Quarantined.OperationID
			}
			return p
		}
	}
	return err
}
