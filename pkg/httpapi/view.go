package httpapi

import (
	"bytes"
	"encoding/json"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/cost"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
)

// Operation is an operation as clients see it: no keys, no tokens, no hashes of them. The agent's
// own words are in AgentError, InputRequest, Request and Result only.
type Operation struct {
	ID         string          `json:"id"`
	URL        string          `json:"url"`
	Type       adcp.Task       `json:"type"`
	AgentID    string          `json:"agent_id"`
	State      operation.State `json:"state"`
	ADCPStatus adcp.Status     `json:"adcp_status,omitempty"`
	Version    int64           `json:"version"`
	PONumber   string          `json:"po_number,omitempty"`
	TaskID     string          `json:"task_id,omitempty"`
	ContextID  string          `json:"context_id,omitempty"`
	// WaitsFor is the operation whose end has to come before the agent is called.
	WaitsFor   string `json:"waits_for,omitempty"`
	MediaBuyID string `json:"media_buy_id,omitempty"`
	// Buy is the media buy as the agent last showed it, if news of it had it read.
	Buy *buy `json:"buy,omitempty"`
	// MatchedBy is why a submission returned an operation that was stored before.
	MatchedBy            orchestrator.DedupMatch `json:"matched_by,omitempty"`
	IdempotencyKeyPrefix string                  `json:"idempotency_key_prefix"`
	WebhookMode          operation.WebhookMode   `json:"webhook_mode"`
	AgentError           *adcp.Error             `json:"agent_error,omitempty"`
	Attention            *operation.Attention    `json:"attention,omitempty"`
	// WaitingOn is who has to do something before the operation goes on, Next what the orchestrator
	// does next of its own accord.
	WaitingOn operation.Party `json:"waiting_on"`
	Next      *operation.Step `json:"next,omitempty"`
	// Cancellation is the wish to cancel, and what became of it. Cancels is the operation whose buy
	// this one cancels.
	Cancellation *operation.Cancellation `json:"cancellation,omitempty"`
	Cancels      string                  `json:"cancels,omitempty"`
	// Paused is who lets no call leave.
	Paused       *operation.Brake `json:"paused,omitempty"`
	InputRequest *inputRequest    `json:"input_request,omitempty"`
	Attempts     attempts         `json:"attempts"`
	// Cost is an estimate of what the operation has cost on AWS so far.
	Cost        cost.Bill         `json:"cost"`
	Ended       *ended            `json:"ended,omitempty"`
	Deadline    time.Time         `json:"deadline"`
	NotAfter    time.Time         `json:"not_after,omitzero"`
	FollowUntil time.Time         `json:"follow_until"`
	CreatedAt   time.Time         `json:"created_at"`
	UpdatedAt   time.Time         `json:"updated_at"`
	SubmittedAt time.Time         `json:"submitted_at,omitzero"`
	PublishedAt time.Time         `json:"published_at,omitzero"`
	ExpiresAt   time.Time         `json:"expires_at,omitzero"`
	Request     json.RawMessage   `json:"request,omitempty"`
	Result      json.RawMessage   `json:"result,omitempty"`
	Events      []operation.Event `json:"events,omitempty"`

	tooLargeToShow
}

type attempts struct {
	Calls int `json:"calls"`
	operation.Attempts
}

// ended is how and when the operation ended, and the id of the notice that tells it.
type ended struct {
	By      operation.Channel `json:"by"`
	At      time.Time         `json:"at"`
	EventID string            `json:"event_id"`
	// Reason is why the orchestrator itself ended it, Resolution what a person said who did.
	Reason     operation.EndReason   `json:"reason,omitempty"`
	Resolution *operation.Resolution `json:"resolution,omitempty"`
}

// buy is a media buy as the agent showed it at a time.
type buy struct {
	adcp.BuyFacts
	AsOf time.Time `json:"as_of"`
	// Missing: the agent did not show it then; the rest is of the last time that it did.
	Missing bool `json:"missing,omitempty"`
}

// EndedBy is the channel that ended the operation, "" while it is open.
func (o Operation) EndedBy() operation.Channel {
	if o.Ended == nil {
		return ""
	}
	return o.Ended.By
}

// View shows an operation.
func (a API) View(op operation.Operation) Operation {
	v := Operation{
		ID:                   op.ID,
		URL:                  a.BaseURL + "/v1/operations/" + op.ID,
		Type:                 op.Type,
		AgentID:              op.AgentID,
		State:                op.State,
		ADCPStatus:           op.ADCPStatus,
		Version:              op.Version,
		PONumber:             op.PONumber,
		TaskID:               op.TaskID,
		ContextID:            op.ContextID,
		WaitsFor:             op.WaitsFor,
		MediaBuyID:           op.MediaBuyID,
		IdempotencyKeyPrefix: op.IdempotencyKeyPrefix,
		WebhookMode:          op.Webhook.Mode,
		AgentError:           op.Error,
		Attention:            op.Attention,
		WaitingOn:            op.WaitingOn(),
		Next:                 op.NextStep(),
		Cancellation:         op.Cancellation,
		Cancels:              op.Cancels,
		InputRequest:         viewInputRequest(op),
		Attempts:             attempts{op.Call.Attempts, op.Attempts},
		Cost:                 cost.BillOf(op),
		Deadline:             op.Deadline,
		NotAfter:             op.NotAfter,
		FollowUntil:          op.FollowUntil,
		CreatedAt:            op.CreatedAt,
		UpdatedAt:            op.UpdatedAt,
		SubmittedAt:          op.SubmittedAt,
		PublishedAt:          op.PublishedAt,
		ExpiresAt:            op.ExpiresAt,
	}
	if op.Braked() {
		v.Paused = op.Paused
	}
	if s := op.News.Snapshot; s != nil {
		v.Buy = &buy{s.Facts, s.AsOf, s.Missing}
	}
	if t := op.Terminal; t != nil {
		v.Ended = &ended{By: t.Channel, At: t.At, EventID: notice.EndID(op.ID), Reason: t.Reason,
			Resolution: op.Resolution}
	}
	return v
}

// ViewRecord shows an operation with its request, result and events. The request is shown without
// the idempotency key and the webhook's configuration, which are secrets (contract C20).
func (a API) ViewRecord(r operation.Record) Operation {
	v := a.View(r.Op)
	v.Events, v.Result, v.Request = r.Events, r.Result, shownRequest(r.Request)
	return v
}

// shownRequest is a frozen request without its secrets.
func shownRequest(frozen json.RawMessage) json.RawMessage {
	var members map[string]json.RawMessage
	if json.Unmarshal(frozen, &members) != nil {
		return nil
	}
	delete(members, "idempotency_key")
	delete(members, "push_notification_config")
	return marshalPlain(members)
}

// marshalPlain writes the members of a valid object as they are, without escapes for HTML.
func marshalPlain(members map[string]json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(members) != nil {
		return nil
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
